//! The watch: one long poll outstanding for the session's life, so that a change of the service's state reaches the session in
//! one network hop.
//!
//! The service answers a watch when its state is no longer the one that the session knows, or in time with no change; then
//! the next watch goes out at once. A failed watch is tried again within a second, and never ends a session. Answers that
//! come much too early, one after the other, are taken for a fault and slowed down. A renewal starts a watch anew: the
//! answer to the old one is about the old credential, and is ignored.
//!
//! While a watch is out, or no service can be reached, messages that need no Check pass by the terms that the session has.
//! The first watch after a failure *confirms* these terms: the service answers it at once, and until then no message of
//! either direction is taken in. So nothing passes by old terms once a service with newer ones can be reached. What one
//! session of a listener finds out, the others go by with their next message.
//!
//! Invariant: of all states that a watch or a Check has reported, `Session::state` is the newest.

use super::{Listener, Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::contract::{request, response};
use crate::decision::{Age, Allowance, Decision, State, Terms};
use crate::failure::Failure;
use crate::stats::Counter;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How much longer than the service promises an answer is waited for, in seconds.
const GRACE_S: u32 = 5;
/// A failed watch is tried again within this time, in milliseconds.
const BACKOFF_MS: u32 = 1_000;
/// Answers in a row that may come too early.
const MAX_EARLY: u32 = 8;
/// Watches that were started anew and are not answered yet: beyond it the next one waits.
const MAX_FORGOTTEN: usize = 4;

/// What a session watches.
#[derive(Debug)]
pub(super) struct Watch {
    /// The service answers within so many seconds.
    within_s: u32,
    stage: Stage,
    /// The last watch failed, when sessions of the listener had found so often that a service can be reached.
    failed: Option<u64>,
    early: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The watch is out.
    Out { id: CheckId, since: Duration, confirms: bool },
    /// The next one goes out at this moment; `held`: no message is taken in before it is answered.
    Due { at: Duration, held: bool },
}

impl Watch {
    fn new(within_s: u32) -> Self {
        Self { within_s, stage: Stage::Due { at: Duration::ZERO, held: false }, failed: None, early: 0 }
    }

    /// Notes how long the answer took: an early one in a row of them must not be followed at once.
    fn is_too_early(&mut self, waited: Duration) -> bool {
        let early = Duration::from_secs(1).min(Duration::from_secs(self.within_s.into()) / 2);
        self.early = if waited < early { self.early + 1 } else { 0 };
        self.early > MAX_EARLY
    }

    fn is_out_as(&self, check: CheckId) -> bool {
        matches!(self.stage, Stage::Out { id, .. } if id == check)
    }
}

impl Session {
    /// Starts to watch the state of an allowed Logon or renewal; what the answer does not say stays as it was.
    pub(super) fn watch_anew(&mut self, state: State, watch_s: Option<u32>, now: Now, out: &mut Commands) {
        let old = self.watch.take();
        if let Some(Stage::Out { id, .. }) = old.as_ref().map(|old| old.stage) {
            self.forgotten.push(id);
        }
        if state.etag.is_some() {
            self.state = state;
        }
        let within_s = watch_s.or(old.map(|old| old.within_s));
        let (Some(_), Some(within_s)) = (&self.state.etag, within_s) else { return };
        self.send_watch(Watch::new(within_s), now, out);
    }

    /// Time has passed: the next watch may be due.
    pub(super) fn watch_if_due(&mut self, now: Now, out: &mut Commands) {
        let due = |watch: &mut Watch| matches!(watch.stage, Stage::Due { at, .. } if now.monotonic >= at);
        if let Some(watch) = self.watch.take_if(due) {
            self.confirm(watch, now, out);
        }
    }

    /// A service can be reached: after a failed watch, the session's terms are confirmed before anything else passes.
    pub(super) fn confirm_if_unwatched(&mut self, now: Now, out: &mut Commands) {
        if self.is_unwatched() {
            self.listener.reached.fetch_add(1, Ordering::Relaxed);
            self.confirm_if_reached(now, out);
        }
    }

    /// Another session of the listener may have found that a service can be reached; the same then.
    #[inline]
    pub(super) fn confirm_if_reached(&mut self, now: Now, out: &mut Commands) {
        if self.is_unwatched() {
            let reached = self.listener.reached.load(Ordering::Relaxed);
            let waits = |watch: &mut Watch| watch.failed.is_some_and(|failed| failed != reached);
            if let Some(watch) = self.watch.take_if(waits) {
                self.confirm(watch, now, out);
            }
        }
    }

    /// Whether the last watch failed and the next one is not out.
    #[inline]
    fn is_unwatched(&self) -> bool {
        let waits = |watch: &Watch| watch.failed.is_some() && matches!(watch.stage, Stage::Due { .. });
        matches!(self.phase, Phase::Active) && self.watch.as_ref().is_some_and(waits)
    }

    /// There is a newer mapping, whose terms the session does not know: they are asked for before anything else passes.
    pub(super) fn ask_for_terms(&mut self, state: State, now: Now, out: &mut Commands) {
        self.drop_decisions(out);
        self.state = State { etag: None, ..self.state.merged(&state) };
        let confirming = self.is_confirming();
        self.terms_outdated = self.watch.is_some();
        self.decide_waiting_anew(now, out);
        if confirming || !matches!(self.phase, Phase::Active) {
            return;
        }
        if let Some(watch) = self.watch.take() {
            if let Stage::Out { id, .. } = watch.stage {
                self.forgotten.push(id);
            }
            self.confirm(watch, now, out);
        }
    }

    /// Whether no message may pass but by a decision of its own, in either direction, until the session's terms are confirmed.
    #[inline]
    pub(super) fn is_confirming(&self) -> bool {
        self.terms_outdated
            || self.watch.as_ref().is_some_and(|watch| {
                matches!(watch.stage, Stage::Out { confirms: true, .. } | Stage::Due { held: true, .. })
            })
    }

    /// Whether the terms have been unconfirmed for longer than `terms.max_unconfirmed_s`: then even messages that need no
    /// Check are asked about.
    #[inline]
    pub(super) fn is_unconfirmed_too_long(&self, now: Now) -> bool {
        let most = self.listener.settings.terms.max_unconfirmed_s;
        most > 0
            && self
                .unconfirmed_since
                .is_some_and(|since| now.monotonic.saturating_sub(since) >= Duration::from_secs(most.into()))
    }

    /// The answer to a watch, or its failure; `false`: to none that is out.
    pub(super) fn watch_answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) -> bool {
        let forgotten = self.forgotten.len();
        self.forgotten.retain(|old| *old != id);
        if self.forgotten.len() < forgotten {
            return true;
        }
        let Some(watch) = self.watch.take_if(|watch| watch.is_out_as(id)) else { return false };
        let Stage::Out { since, confirms, .. } = watch.stage else { return true };
        self.apply_watch(watch, since, answer, now, out);
        if confirms && matches!(self.phase, Phase::Active) {
            for direction in [Direction::Inbound, Direction::Outbound] {
                self.apply_ready(direction, now, out);
                self.resume(direction, now, out);
            }
        }
        true
    }

    fn apply_watch(
        &mut self,
        mut watch: Watch,
        since: Duration,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        let decision = answer.and_then(response::decision);
        // A session that is ending needs no watch, but may still be cut off.
        if !matches!(self.phase, Phase::Active) && decision != Ok(Decision::Disconnect) {
            return;
        }
        match decision {
            Ok(Decision::Forward(Allowance { terms, state, watch_s, .. })) if state.etag.is_some() => {
                let changed = state.differs_from(&self.state);
                if changed {
                    out.count(Counter::WatchChanges);
                }
                self.take_over(state, terms, now, out);
                watch.within_s = watch_s.unwrap_or(watch.within_s);
                if watch.failed.take().is_some() {
                    self.listener.reached.fetch_add(1, Ordering::Relaxed);
                }
                self.unconfirmed_since = None;
                if watch.is_too_early(now.monotonic.saturating_sub(since)) {
                    self.put_off(watch, changed, now, out);
                } else if self.terms_outdated {
                    self.confirm(watch, now, out);
                } else {
                    self.send_watch(watch, now, out);
                }
            }
            Ok(Decision::Logout(denial)) => self.doom(denial, now, out),
            Ok(Decision::Disconnect) => self.disconnect(out),
            Ok(Decision::Forward(_) | Decision::Reject(_)) => {
                self.watch_failed(watch, Failure::Contradictory, now, out);
            }
            Err(failure) => self.watch_failed(watch, failure, now, out),
        }
    }

    /// Takes over a state that was reported, with its terms, unless it is older than the one that the session knows. Cached
    /// decisions hold in one state alone, and are dropped; messages that wait for their turn are decided anew.
    pub(super) fn take_over(
        &mut self,
        state: State,
        terms: Option<Box<Terms>>,
        now: Now,
        out: &mut Commands,
    ) {
        let age = state.age_against(&self.state);
        let changed = state.differs_from(&self.state) || self.terms_outdated;
        let newer_mapping = state.has_mapping_of(&self.state);
        if changed {
            self.drop_decisions(out);
        }
        match age {
            Some(Age::Older) => return,
            // The newest mapping with the newest restrictions is a state that nobody has told yet.
            Some(Age::Mixed) if changed => self.state = State { etag: None, ..self.state.merged(&state) },
            _ => self.state = state.merged(&self.state),
        }
        if changed {
            if let Some(terms) = terms.filter(|_| newer_mapping) {
                self.send_open(now, out); // It is cut by the terms of before.
                self.terms = self.checked_terms(*terms, out);
                self.terms_outdated = false;
            }
            self.decide_waiting_anew(now, out);
        }
    }

    /// These terms, unless they want a secret, which no Check may hold: then everything is denied.
    pub(super) fn checked_terms(&self, terms: Terms, out: &mut Commands) -> Terms {
        let Some(secret) = self.wanted_secret(&terms) else { return terms };
        let name = &self.name;
        out.log(
            Level::Warn,
            format!(
                "session {name}: the decision service's terms want tag {secret}, which is a secret and never sent; all \
                 messages are denied (take the tag out of the mapping, or of `token.tags` and `renewal.tags`)"
            ),
        );
        Terms::refused()
    }

    /// The first wanted tag that is a secret, or the length of one.
    pub(super) fn wanted_secret(&self, terms: &Terms) -> Option<u32> {
        let Listener { settings, profile, .. } = &*self.listener;
        let is_secret = |tag: u32| {
            settings.is_secret(tag) || profile.data_tag(tag).is_some_and(|data| settings.is_secret(data))
        };
        terms.want_tags.iter().flatten().copied().find(|tag| is_secret(*tag))
    }

    fn watch_failed(&mut self, mut watch: Watch, failure: Failure, now: Now, out: &mut Commands) {
        out.count(Counter::WatchesFailed);
        if watch.failed.is_none() {
            out.log(Level::Warn, format!("session {}: is not watched: {failure}", self.name));
        }
        watch.failed = Some(self.listener.reached.load(Ordering::Relaxed));
        self.unconfirmed_since = self.unconfirmed_since.or(Some(now.monotonic));
        self.put_off(watch, false, now, out);
    }

    /// The next watch goes out within a second: not all sessions at once.
    fn put_off(&mut self, mut watch: Watch, held: bool, now: Now, out: &mut Commands) {
        let millis = self.echoes.jitter(BACKOFF_MS);
        watch.stage = Stage::Due { at: now.monotonic + Duration::from_millis(millis.into()), held };
        out.push(Command::Tick(millis));
        self.watch = Some(watch);
    }

    /// Sends a watch that follows on the answer to the one before.
    fn send_watch(&mut self, watch: Watch, now: Now, out: &mut Commands) {
        let timeout_ms = (watch.within_s + GRACE_S) * 1_000;
        self.ask_watch(watch, false, timeout_ms, now, out);
    }

    /// Sends a watch that the service answers at once. A service that does not name its terms knows no such watch.
    fn confirm(&mut self, watch: Watch, now: Now, out: &mut Commands) {
        if self.terms.name.is_none() && !self.terms.is_refused {
            return self.send_watch(watch, now, out);
        }
        let timeout_ms = self.listener.settings.check.timeout_ms;
        self.ask_watch(watch, true, timeout_ms, now, out);
    }

    fn ask_watch(&mut self, mut watch: Watch, confirms: bool, timeout_ms: u32, now: Now, out: &mut Commands) {
        if self.forgotten.len() > MAX_FORGOTTEN {
            return self.put_off(watch, false, now, out);
        }
        let (id, name) = self.next_check();
        let envelope = self.envelope(&name, now);
        let request = request::watch(envelope, self.identity.as_ref(), &self.state, confirms);
        out.count(Counter::Watches);
        out.push(Command::Check { id, frame: request.frame(), timeout_ms });
        watch.stage = Stage::Out { id, since: now.monotonic, confirms };
        self.watch = Some(watch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_answers_are_followed_at_once_but_not_for_ever() {
        let mut watch = Watch::new(50);
        let mut slowed = |millis| watch.is_too_early(Duration::from_millis(millis));
        assert!(!(0..8).any(|_| slowed(999)));
        assert!(slowed(0) && slowed(0));
        assert!(!slowed(1_000) && !slowed(0));
    }
}
