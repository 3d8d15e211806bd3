//! Cached decisions: when one may be used instead of a Check, and when not.
//!
//! A message for which a cached decision holds passes without a Check, in its turn. Replays are always asked about, and so is
//! every message of a session that is about to end. Denials are never cached. In the last fifth of a cached decision's life
//! the filter asks about it anew, while it still holds. When the service's state changes (as a watch or an answer reports) or
//! the credential is renewed, all cached decisions are dropped, and answers to Checks that went out before are not cached. An
//! answer that was made in another state than the session's is not cached either.

use super::cache::{AccountId, Hit, Key};
use super::ending::BY_SERVICE;
use super::lane::Fate;
use super::limiting::weight;
use super::{Now, Phase, Session};
use crate::command::{CheckId, Commands, Direction, Level};
use crate::contract::request::Event;
use crate::contract::response;
use crate::decision::{Allowance, Answer, Decision, Reuse, State};
use crate::failure::Failure;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;
use std::time::Duration;

/// How many refreshes of a session may be outstanding.
const MAX_REFRESHES: usize = 8;

/// A Check that asks about a cached decision before it expires; no message waits for its answer.
#[derive(Debug)]
pub(super) struct Refresh {
    check: CheckId,
    since: Duration,
    direction: Direction,
    msg_type: MsgType,
    key: Key,
}

impl Session {
    /// Passes `message` by a cached decision, or asks about it.
    #[inline]
    pub(super) fn reuse_or_ask(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) {
        let hit =
            if self.may_reuse(message) { self.cache.find(direction, message, now.monotonic) } else { None };
        let Some(Hit { account, ageing, .. }) = hit else {
            return self.ask_in_turn(direction, message, now, out);
        };
        out.count(Counter::CacheHits);
        if self.lane(direction).is_clear() {
            self.account(account, now, out);
            self.forward_many(direction, message.bytes, 1, out);
            self.learn_kept(direction, message);
        } else {
            self.lane(direction).push(message.bytes, message.msg_type, Fate::Reuse(account));
        }
        if ageing {
            self.refresh(direction, message, now, out);
        }
    }

    /// Asks about `message`, although there may be a cached decision.
    pub(super) fn ask_in_turn(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) {
        if self.may_reuse(message) {
            out.count(Counter::CacheMisses);
        }
        if self.is_held_back(direction) || self.terms.is_refused && self.holds(direction) {
            return self.hold_unasked(message, now, out);
        }
        if self.terms.is_refused {
            if direction == Direction::Outbound {
                self.note_lost(message, out);
            }
            let decision = self.decide_alone(direction, message.msg_type, Failure::Contradictory, out);
            self.lane(direction).push(message.bytes, message.msg_type, Fate::Decided(decision));
            return self.apply_ready(direction, now, out);
        }
        let id = match self.most_at_once() {
            1 => self.ask(Event::Message, direction, message, now, out),
            most => self.ask_with_others(direction, message, most, now, out),
        };
        self.lane(direction).push(message.bytes, message.msg_type, Fate::Asked(id, now.monotonic));
        if direction == Direction::Inbound {
            let replayed = if message.poss_dup { weight(message.bytes.len()) } else { 0 };
            self.charge(replayed, now, out);
        }
    }

    /// Whether a cached decision may be used for `message`.
    #[inline]
    fn may_reuse(&self, message: &Message<'_>) -> bool {
        // Where data holds separators, two messages with other fields could be taken for alike.
        self.cache.is_on() && !message.poss_dup && !message.has_separators_in_data && self.is_sound()
    }

    /// Whether an answer made in `state` may be cached: in a session with a watch, only if `state` is the session's.
    fn holds_now(&self, state: &State) -> bool {
        self.watch.is_none() || !state.differs_from(&self.state)
    }

    /// Whether the session is active and is not about to end.
    #[inline]
    pub(super) fn is_sound(&self) -> bool {
        matches!(self.phase, Phase::Active) && self.doom.is_none()
    }

    /// Refreshes the cached decision by which `message` has just passed.
    fn refresh(&mut self, direction: Direction, message: &Message<'_>, now: Now, out: &mut Commands) {
        if self.refreshes.len() >= MAX_REFRESHES || !self.lane(direction).begin_refresh() {
            return;
        }
        let Some(key) = self.cache.begin_refresh(direction, message) else {
            return self.lane(direction).end_refresh();
        };
        out.count(Counter::CacheRefreshes);
        let check = self.ask(Event::Refresh, direction, message, now, out);
        let (since, msg_type) = (now.monotonic, message.msg_type);
        self.refreshes.push(Refresh { check, since, direction, msg_type, key });
    }

    /// Applies the answer to a refresh, or the refresh's failure. Returns `false` if the id is of no outstanding refresh.
    pub(super) fn refresh_answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) -> bool {
        let Some(at) = self.refreshes.iter().position(|refresh| refresh.check == id) else { return false };
        let refresh = self.refreshes.swap_remove(at);
        self.lane(refresh.direction).end_refresh();
        let answer = self.read_answer(answer, response::answer, refresh.since, now, out);
        if answer.is_ok() {
            self.report_unanswered(now, out);
        }
        match answer {
            Ok(Answer::Decided(decision, state)) => {
                self.note_state(state, now, out);
                if id > self.cache.outdated {
                    self.apply_refresh(&refresh, decision, now, out);
                }
            }
            // The mapping that the cached decision was made under has changed.
            Ok(Answer::OtherTerms(terms, state)) => {
                self.cache.drop_key(&refresh.key);
                self.adopt_terms(terms, state, now, out);
            }
            // The cached decision is used until it expires.
            Err(_) => {}
        }
        self.resume(refresh.direction, now, out);
        true
    }

    fn apply_refresh(
        &mut self,
        Refresh { direction, msg_type, key, .. }: &Refresh,
        decision: Decision,
        now: Now,
        out: &mut Commands,
    ) {
        match decision {
            Decision::Disconnect => self.disconnect(out),
            _ if !self.is_sound() => {}
            Decision::Forward(Allowance { reuse: Some(reuse), state, .. }) if self.holds_now(&state) => {
                match self.accounts.open(*direction, *msg_type, &reuse.scope) {
                    Some(account) => {
                        if self.cache.renew(*direction, *msg_type, key, &reuse, account, now.monotonic) {
                            self.layouts.clear();
                        }
                    }
                    None => self.cache.drop_key(key),
                }
            }
            Decision::Forward(_) | Decision::Reject(_) => self.cache.drop_key(key),
            Decision::Logout(denial) => self.doom(denial, BY_SERVICE, now, out),
        }
    }

    /// Caches an allowance that holds for other messages too. After a denial, drops the cached decision for such messages.
    pub(super) fn learn(
        &mut self,
        direction: Direction,
        id: CheckId,
        decision: &Decision,
        now: Now,
        out: &mut Commands,
    ) {
        if !self.cache.is_on() || !self.is_sound() {
            return;
        }
        match decision {
            Decision::Forward(Allowance { reuse: Some(reuse), state, .. })
                if id > self.cache.outdated && self.holds_now(state) =>
            {
                self.with_asked(direction, id, |session, message| {
                    session.keep(direction, message, reuse, now, out);
                });
            }
            Decision::Forward(_) => {}
            _ => self.with_asked(direction, id, |session, message| session.cache.forget(direction, message)),
        }
    }

    fn keep(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        reuse: &Reuse,
        now: Now,
        out: &mut Commands,
    ) {
        if message.poss_dup || message.has_separators_in_data || message.msg_type.is_administrative() {
            return;
        }
        if let Some(account) = self.accounts.open(direction, message.msg_type, &reuse.scope) {
            let kept = self.cache.keep(direction, message, reuse, account, now.monotonic);
            out.count_many(Counter::CacheEvictions, kept.evicted as usize);
            if kept.anew {
                self.layouts.clear();
            }
        }
    }

    /// Returns the account of an expired decision that may still be used (`stale-if-error`) because this Check failed.
    pub(super) fn reuse_stale(
        &mut self,
        direction: Direction,
        id: CheckId,
        failure: Failure,
        now: Now,
        out: &mut Commands,
    ) -> Option<AccountId> {
        // A service that cannot decide may have reasons that a cached decision does not know.
        let is_usable = self.cache.is_on() && id > self.cache.outdated && failure != Failure::Undecided;
        if !is_usable || !self.is_sound() {
            return None;
        }
        let mut found = None;
        self.with_asked(direction, id, |session, message| {
            if !message.poss_dup && !message.has_separators_in_data {
                found = session.cache.find_stale(direction, message, now.monotonic);
            }
            if found.is_some() {
                let (name, direction, msg_type) = (&session.name, direction.as_str(), message.msg_type);
                out.count(Counter::CacheStale);
                out.log(
                    Level::Warn,
                    format!("session {name}: {direction} {msg_type} allowed as it was before: {failure}"),
                );
            }
        });
        found
    }

    /// Drops all cached decisions and precedents, because the state or the credential has changed.
    pub(super) fn drop_decisions(&mut self, out: &mut Commands) {
        self.layouts.clear();
        if self.cache.drop_all(self.checks) {
            out.count(Counter::CacheDrops);
        }
    }

    /// Reads the message that the Check `id` is about.
    pub(super) fn with_asked(
        &mut self,
        direction: Direction,
        id: CheckId,
        then: impl FnOnce(&mut Self, &Message<'_>),
    ) {
        let Some((waiting, _)) = self.lane(direction).asked(id) else { return };
        let bytes = std::mem::take(&mut waiting.bytes);
        self.reread(&bytes, then);
        if let Some((waiting, _)) = self.lane(direction).asked(id) {
            waiting.bytes = bytes;
        }
    }
}
