//! Decisions that are kept and used again: when one may stand for an answer, and when it may not.
//!
//! A message that a kept decision holds for goes on at once, in its turn. Replays are judged afresh, and so is all in a
//! session that is to end; denials are never kept. A decision in the last fifth of its life is asked about anew while it
//! still holds. A change of the service's state (reported by a watch or with an answer) and a fresh credential drop all of
//! them, and the answer to a Check that went out before is not kept. An answer that was made in another state than the one
//! that the session knows is not kept either.

use super::cache::{AccountId, Hit, Key};
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

/// The most Checks of a session that ask ahead of a decision's end.
const MAX_REFRESHES: usize = 8;

/// A Check that asks about a decision anew; no message waits for it.
#[derive(Debug)]
pub(super) struct Refresh {
    check: CheckId,
    since: Duration,
    direction: Direction,
    msg_type: MsgType,
    key: Key,
}

impl Session {
    /// Passes `message` by a decision at hand, or asks about it.
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

    /// Asks about `message`, whatever is at hand.
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
        if self.terms.is_refused {
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

    /// Whether a kept decision may stand for the answer about `message`.
    #[inline]
    fn may_reuse(&self, message: &Message<'_>) -> bool {
        self.cache.is_on() && !message.poss_dup && self.is_sound()
    }

    /// Whether an answer that was made in `state` may be kept: in a session that is watched, only in the state that it knows.
    fn holds_now(&self, state: &State) -> bool {
        self.watch.is_none() || !state.differs_from(&self.state)
    }

    /// The session lives, and is not to end.
    fn is_sound(&self) -> bool {
        matches!(self.phase, Phase::Active) && self.doom.is_none()
    }

    /// Asks anew about the decision that `message` just passed by.
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

    /// The answer to a refresh, or its failure; `false`: to none that is out.
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
            // What the decision rests on has changed.
            Ok(Answer::OtherTerms(terms, state)) => {
                self.cache.drop_key(&refresh.key);
                self.adopt_terms(terms, state, now, out);
            }
            // It lives on to its end.
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
            Decision::Logout(denial) => self.doom(denial, now, out),
        }
    }

    /// Keeps what the answer about a message says of others, and forgets what it belies.
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
        if message.poss_dup || message.msg_type.is_administrative() {
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

    /// What may stand in for the answer to this Check, which failed.
    pub(super) fn reuse_stale(
        &mut self,
        direction: Direction,
        id: CheckId,
        failure: Failure,
        now: Now,
        out: &mut Commands,
    ) -> Option<AccountId> {
        if !self.cache.is_on() || !self.is_sound() || id <= self.cache.outdated {
            return None;
        }
        let mut found = None;
        self.with_asked(direction, id, |session, message| {
            if !message.poss_dup {
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

    /// The ground that decisions rest on has changed.
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
