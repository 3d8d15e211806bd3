//! The short way: a message that is like earlier ones in all that matters goes on without being read whole.
//!
//! It is of a known [layout](crate::layouts), and either a decision is kept for the very bytes that decide, or nobody is
//! asked about its type. Whatever else there may be to do takes the long way: messages that wait, an end, a decision that is to
//! be asked about anew, the session's own messages.

use super::accounts::Accounts;
use super::cache::{Cache, Held, Hit};
use super::limiting::Limiter;
use super::{Now, Phase, Session};
use crate::command::{Commands, Direction};
use crate::contract::request::IDENTIFIERS;
use crate::decision::Terms;
use crate::layouts::{Ground, Layout, Layouts, Sighting};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::settings::Limits;
use crate::stats::Counter;
use crate::swar::Digits;

/// What is known of earlier messages; nothing in a session that has hardly any.
#[derive(Debug)]
pub(super) struct Known {
    seed: u64,
    layouts: Option<Box<Both>>,
}

/// The layouts of both directions.
#[derive(Debug)]
struct Both {
    inbound: Layouts<Held>,
    outbound: Layouts<Held>,
}

impl Known {
    /// None yet. `seed` must not be known to who sends messages.
    pub fn new(seed: u64) -> Self {
        Self { seed, layouts: None }
    }

    #[inline]
    fn of(&mut self, direction: Direction) -> Option<&mut Layouts<Held>> {
        self.layouts.as_mut().map(|both| both.of(direction))
    }

    /// To learn from a message.
    #[inline]
    fn to(&mut self, direction: Direction) -> &mut Layouts<Held> {
        let seed = self.seed;
        let layouts = || Box::new(Both { inbound: Layouts::new(seed), outbound: Layouts::new(!seed) });
        self.layouts.get_or_insert_with(layouts).of(direction)
    }

    /// Forgets all: what decides may be something else now.
    pub fn clear(&mut self) {
        self.layouts = None;
    }
}

impl Both {
    #[inline]
    fn of(&mut self, direction: Direction) -> &mut Layouts<Held> {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }
}

/// Messages that pass: what lets them, and how many did.
struct Passing<'session> {
    direction: Direction,
    now: Now,
    cache: &'session mut Cache,
    accounts: &'session mut Accounts,
    limiter: Option<&'session mut Limiter>,
    terms: &'session Terms,
    limits: &'session Limits,
    /// How many bytes they are.
    length: usize,
    messages: usize,
    /// How many of them by a kept decision.
    hits: usize,
    /// The highest MsgSeqNum (34), if the venue sent them.
    highest: u64,
}

impl Passing<'_> {
    /// One more passes by a decision that holds, if nothing else is to be done; `false` if it is to take the long way.
    #[inline]
    fn by(&mut self, hit: Hit, message: &[u8], msg_type: MsgType, number: Digits) -> bool {
        // It is to be asked about anew.
        if hit.ageing {
            return false;
        }
        // What is over a limit is denied on the long way.
        if self.direction == Direction::Inbound
            && let Some(limiter) = &mut self.limiter
            && !limiter.is_within(
                number.value().into(),
                self.terms.risk_reducing.contains(msg_type),
                self.limits,
                self.now,
            )
        {
            return false;
        }
        self.accounts.add(hit.account);
        self.hits += 1;
        self.freely(message, number);
        true
    }

    /// One more passes.
    #[inline]
    fn freely(&mut self, message: &[u8], number: Digits) {
        if self.direction == Direction::Outbound {
            self.highest = self.highest.max(number.value().into());
        }
        self.length += message.len();
        self.messages += 1;
    }
}

impl Session {
    /// Passes as many messages at the head of `bytes` as can be passed at a glance: how many bytes they are.
    #[inline]
    pub(super) fn pass_known(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        now: Now,
        out: &mut Commands,
    ) -> usize {
        let short =
            self.doom.is_none() && matches!(self.phase, Phase::Active) && !self.is_unconfirmed_too_long(now);
        if !short || !self.lane(direction).is_clear() {
            return 0;
        }
        let passing = self.pass(direction, bytes, now);
        let Some(Passing { length, messages, hits, highest, .. }) = passing else { return 0 };
        if messages > 0 {
            if hits > 0 {
                self.note_accounts(now, out);
            }
            self.follow_number(highest);
            out.count_many(Counter::CacheHits, hits);
            self.forward_many(direction, bytes.get(..length).unwrap_or_default(), messages, out);
        }
        length
    }

    fn pass(&mut self, direction: Direction, bytes: &[u8], now: Now) -> Option<Passing<'_>> {
        let layouts = self.layouts.of(direction)?;
        let mut passing = Passing {
            direction,
            now,
            cache: &mut self.cache,
            accounts: &mut self.accounts,
            limiter: self.limiter.as_deref_mut(),
            terms: &self.terms,
            limits: &self.listener.settings.limits,
            length: 0,
            messages: 0,
            hits: 0,
            highest: 0,
        };
        loop {
            let rest = bytes.get(passing.length..).unwrap_or_default();
            let alike = layouts.sight_alike(rest, |alike| {
                let hit = passing.cache.find_held(alike.held, now.monotonic);
                hit.is_some_and(|hit| passing.by(hit, alike.message, alike.msg_type, alike.number))
            });
            if alike > 0 {
                continue;
            }
            let Some(seen) = layouts.sight(rest) else { break };
            let Sighting { layout: Layout { msg_type, ground, .. }, message, number } = seen;
            let msg_type = *msg_type;
            match ground {
                Ground::Free => passing.freely(message, number),
                Ground::Kept => {
                    let hit = passing.cache.find_by(direction, msg_type, seen.parts(), now.monotonic);
                    let Some(hit) = hit.filter(|hit| passing.by(*hit, message, msg_type, number)) else {
                        break;
                    };
                    layouts.follow(message, hit.held);
                }
            }
        }
        layouts.earn(passing.messages);
        Some(passing)
    }

    /// A message passed by a decision that was kept: those like it may take the short way.
    pub(super) fn learn_kept(&mut self, direction: Direction, message: &Message<'_>) {
        let (cache, msg_type) = (&self.cache, message.msg_type);
        let decides = |tag| cache.rests_on(direction, msg_type, tag);
        self.layouts.to(direction).learn(message, &self.listener.profile, Ground::Kept, decides);
    }

    /// A message has passed without a Check, so its ids are the Logon's. Messages like it, with the same ids, may take the
    /// short way.
    #[inline]
    pub(super) fn learn_free(&mut self, direction: Direction, message: &Message<'_>) {
        if !message.msg_type.is_administrative()
            && !message.has_separators_in_data
            && self.listener.renewals.answered_by(message.msg_type, message.version).is_none()
        {
            let decides = |tag| IDENTIFIERS.iter().any(|(identifier, _)| *identifier == tag);
            self.layouts.to(direction).learn(message, &self.listener.profile, Ground::Free, decides);
        }
    }
}
