//! The short way: a message that is like earlier ones in all that matters goes on without being read whole.
//!
//! It is of a known [layout](crate::layouts), and either a decision is kept for the very bytes that decide, or nobody is
//! asked about its type. Whatever else there may be to do takes the long way: messages that wait, an end, a decision that is to
//! be asked about anew, the session's own messages.

use super::cache::Hit;
use super::{Now, Phase, Session};
use crate::command::{Commands, Direction};
use crate::contract::request::IDENTIFIERS;
use crate::layouts::{Ground, Layouts, Sighting};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;

/// The layouts of both directions.
#[derive(Debug, Default)]
pub(super) struct Known {
    inbound: Layouts,
    outbound: Layouts,
}

impl Known {
    #[inline]
    fn of(&mut self, direction: Direction) -> &mut Layouts {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    /// Forgets all: what decides may be something else now.
    pub fn clear(&mut self) {
        *self = Self::default();
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
        if !self.lane(direction).is_clear() || self.doom.is_some() || !matches!(self.phase, Phase::Active) {
            return 0;
        }
        let (mut at, mut passed, mut hits) = (0, 0, 0);
        while let Some(seen) = self.layouts.of(direction).sight(bytes.get(at..).unwrap_or_default()) {
            let Sighting { layout, message, seq } = seen;
            if layout.ground == Ground::Kept {
                let hit = self.cache.find_by(direction, layout.msg_type, seen.parts(), now.monotonic);
                let Some(Hit { account, ageing: false }) = hit else { break };
                // What is over a limit is denied on the long way.
                if direction == Direction::Inbound
                    && let Some(limiter) = &mut self.limiter
                    && !limiter.is_within(
                        seq,
                        self.terms.risk_reducing.contains(layout.msg_type),
                        &self.listener.settings.limits,
                        now,
                    )
                {
                    break;
                }
                self.account(account, now, out);
                hits += 1;
            }
            if direction == Direction::Outbound {
                self.follow_number(seq);
            }
            at += message.len();
            passed += 1;
        }
        if passed > 0 {
            out.count_many(Counter::CacheHits, hits);
            self.layouts.of(direction).earn(passed);
            self.forward_many(direction, bytes.get(..at).unwrap_or_default(), passed, out);
        }
        at
    }

    /// A message passed by a decision that was kept: those like it may take the short way.
    pub(super) fn learn_kept(&mut self, direction: Direction, message: &Message<'_>) {
        let (cache, msg_type) = (&self.cache, message.msg_type);
        let decides = |tag| cache.rests_on(direction, msg_type, tag);
        self.layouts.of(direction).learn(message, &self.listener.profile, Ground::Kept, decides);
    }

    /// A message passed that nobody was asked about: those like it may take the short way.
    #[inline]
    pub(super) fn learn_free(&mut self, direction: Direction, message: &Message<'_>) {
        let is_ours = message.msg_type.is_session_level() || message.msg_type == MsgType::LOGON;
        if !is_ours && self.listener.renewals.answered_by(message.msg_type, message.version).is_none() {
            let decides = |tag| IDENTIFIERS.iter().any(|(identifier, _)| *identifier == tag);
            self.layouts.of(direction).learn(message, &self.listener.profile, Ground::Free, decides);
        }
    }
}
