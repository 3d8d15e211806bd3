//! The watch: one long poll outstanding for the session's life, so that a change of the service's state reaches the session in
//! one network hop.
//!
//! The service answers a watch when its state differs from the one that the session knows, or, without a change, within the
//! time that it promised (`x-fix-watch`). The filter then sends the next watch at once. A failed watch is tried again within
//! a second, and never ends a session. When the service answers several watches in a row much too early, the filter waits
//! before it sends the next one. A renewal starts a new watch. The answer to the old watch is about the old credential, so it
//! only tells whether there is a newer state.
//!
//! While a watch is out, or no service can be reached, messages that need no Check pass by the session's terms. The first
//! watch after a failure *confirms* these terms: the service answers it at once, and until then the session takes in no
//! message of either direction. So no message passes by old terms once a service with newer terms can be reached. When one
//! session of a listener finds that a service can be reached, the other sessions confirm their terms before their next
//! message.
//!
//! Invariant: `Session::state` is the newest state that a watch or a Check has reported.

use super::ending::BY_SERVICE;
use super::outage::Outcome;
use super::{Listener, Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Level};
use crate::contract::{request, response};
use crate::decision::{Age, Allowance, Decision, State, Terms};
use crate::failure::Failure;
use crate::stats::Counter;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Seconds that the filter waits for an answer beyond the time that the service promised.
const GRACE_S: u32 = 5;
/// A failed watch is tried again within this time, in milliseconds.
const BACKOFF_MS: u32 = 1_000;
/// How many answers in a row may come too early before the next watch is delayed.
const MAX_EARLY: u32 = 8;
/// How many replaced watches may still be unanswered. While there are more, the next watch waits.
const MAX_FORGOTTEN: usize = 4;

/// What a session watches.
#[derive(Debug)]
pub(super) struct Watch {
    /// The service answers a watch within this number of seconds.
    within_s: u32,
    stage: Stage,
    /// Set when the last watch failed: the value of the listener's counter `reached` at that time.
    failed: Option<u64>,
    early: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The watch is out.
    Out { id: CheckId, since: Duration, confirms: bool },
    /// The next watch goes out at this time. With `held`, no message is taken in before that watch is answered.
    Due { at: Duration, held: bool },
}

impl Watch {
    fn new(within_s: u32) -> Self {
        Self { within_s, stage: Stage::Due { at: Duration::ZERO, held: false }, failed: None, early: 0 }
    }

    /// Notes how long the answer took. Returns whether too many answers in a row were early, so that the next watch must wait.
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
    /// Starts a watch with the state of an allowed Logon or renewal. A state or period that the answer lacks stays as it was.
    /// When the session already knows a newer state, the tag of that state for the fresh credential is not known yet.
    pub(super) fn watch_anew(&mut self, state: State, watch_s: Option<u32>, now: Now, out: &mut Commands) {
        let old = self.watch.take();
        if let Some(Stage::Out { id, .. }) = old.as_ref().map(|old| old.stage) {
            self.forgotten.push(id);
        }
        let is_watched = old.is_some();
        if state.etag.is_some() {
            let age = state.age_against(&self.state);
            self.state = match age {
                Some(Age::Older | Age::Mixed) => State { etag: None, ..self.state.merged(&state) },
                _ => state,
            };
            if matches!(age, Some(Age::Newer | Age::Mixed)) {
                self.decide_waiting_anew(now, out);
            }
        }
        let within_s = watch_s.or(old.map(|old| old.within_s));
        let (true, Some(within_s)) = (is_watched || self.state.etag.is_some(), within_s) else { return };
        if self.terms_outdated {
            self.confirm(Watch::new(within_s), now, out);
        } else {
            self.send_watch(Watch::new(within_s), now, out);
        }
    }

    /// Sends the next watch if it is due.
    pub(super) fn watch_if_due(&mut self, now: Now, out: &mut Commands) {
        let due = |watch: &mut Watch| matches!(watch.stage, Stage::Due { at, .. } if now.monotonic >= at);
        let held = self.is_confirming();
        if let Some(watch) = self.watch.take_if(due) {
            self.confirm(watch, now, out);
            if held && !self.is_confirming() {
                self.go_on(now, out); // A service that does not name its terms cannot confirm them.
            }
        }
    }

    /// Called when a service has answered. After a failed watch, has the session's terms confirmed before anything else passes.
    pub(super) fn confirm_if_unwatched(&mut self, now: Now, out: &mut Commands) {
        if self.is_unwatched() {
            self.listener.reached.fetch_add(1, Ordering::Relaxed);
            self.confirm_if_reached(now, out);
        }
    }

    /// Has the session's terms confirmed if another session of the listener has found that a service can be reached.
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

    /// Whether the last watch failed and the next watch has not been sent.
    #[inline]
    fn is_unwatched(&self) -> bool {
        let waits = |watch: &Watch| watch.failed.is_some() && matches!(watch.stage, Stage::Due { .. });
        matches!(self.phase, Phase::Active) && self.watch.as_ref().is_some_and(waits)
    }

    /// Asks for the terms of a newer mapping, which the session does not know, before anything else passes.
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

    /// Whether the session's terms must be confirmed first: until then a message of either direction needs its own decision.
    /// A session that is about to end, or whose watch has failed, gets no confirmation: its messages are asked about instead.
    #[inline]
    pub(super) fn is_confirming(&self) -> bool {
        let waits = |watch: &Watch| match watch.stage {
            Stage::Out { confirms, .. } => confirms,
            Stage::Due { held, .. } => held || self.terms_outdated && watch.failed.is_none(),
        };
        self.is_sound() && self.watch.as_ref().is_some_and(waits)
    }

    /// Whether the session's terms may be outdated, so that no message may pass by them.
    #[inline]
    pub(super) fn are_terms_in_doubt(&self) -> bool {
        let confirms = |watch: &Watch| {
            matches!(watch.stage, Stage::Out { confirms: true, .. } | Stage::Due { held: true, .. })
        };
        self.terms_outdated || self.watch.as_ref().is_some_and(confirms)
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

    /// Applies the answer to a watch, or the watch's failure. Returns `false` if the id is of no outstanding watch.
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
            self.note_forgotten(answer, now, out);
            return true;
        }
        let Some(watch) = self.watch.take_if(|watch| watch.is_out_as(id)) else { return false };
        let Stage::Out { since, confirms, .. } = watch.stage else { return true };
        self.apply_watch(watch, since, confirms, answer, now, out);
        true
    }

    /// Takes over a newer state from the answer to a watch that a renewal replaced. Its tag is about the old credential, so it
    /// is dropped.
    fn note_forgotten(&mut self, answer: Result<&[u8], Failure>, now: Now, out: &mut Commands) {
        if let Ok(Decision::Forward(Allowance { terms, state, .. })) = answer.and_then(response::decision)
            && matches!(state.age_against(&self.state), Some(Age::Newer | Age::Mixed))
        {
            self.take_over(State { etag: None, ..state }, terms, now, out);
        }
    }

    fn apply_watch(
        &mut self,
        mut watch: Watch,
        since: Duration,
        confirms: bool,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        let decision = answer.and_then(response::decision);
        // A session that is ending needs no watch, but the service may still disconnect it.
        if !matches!(self.phase, Phase::Active) && decision != Ok(Decision::Disconnect) {
            return;
        }
        match decision {
            Ok(Decision::Forward(Allowance { terms, state, watch_s, .. })) if state.etag.is_some() => {
                self.report_unanswered(now, out);
                let changed = state.differs_from(&self.state);
                if changed {
                    out.count(Counter::WatchChanges);
                }
                let before = self.state.clone();
                self.take_over(state, terms, now, out);
                watch.within_s = watch_s.unwrap_or(watch.within_s);
                if watch.failed.take().is_some() {
                    self.listener.reached.fetch_add(1, Ordering::Relaxed);
                }
                self.unconfirmed_since = None;
                // The service answers a confirmation at once, so that answer is never too early.
                let is_asked_at_once = confirms && !self.terms_outdated;
                if !is_asked_at_once && watch.is_too_early(now.monotonic.saturating_sub(since)) {
                    let changed = self.state.differs_from(&before);
                    self.put_off(watch, changed, now, out);
                } else if self.terms_outdated {
                    self.confirm(watch, now, out);
                } else {
                    self.send_watch(watch, now, out);
                }
            }
            Ok(Decision::Logout(denial)) => self.doom(denial, BY_SERVICE, now, out),
            Ok(Decision::Disconnect) => self.disconnect(out),
            Ok(Decision::Forward(_) | Decision::Reject(_)) => {
                self.watch_failed(watch, Failure::Contradictory, now, out);
            }
            Err(failure) => self.watch_failed(watch, failure, now, out),
        }
    }

    /// Takes over a reported state and its terms, unless the state is older than the session's. A cached decision holds only
    /// in the state that it was made in, so all are dropped, and messages that wait for their turn are decided anew.
    pub(super) fn take_over(
        &mut self,
        state: State,
        terms: Option<Box<Terms>>,
        now: Now,
        out: &mut Commands,
    ) {
        let age = state.age_against(&self.state);
        let is_unnamed = state.etag.is_none() && matches!(age, Some(Age::Newer | Age::Mixed));
        let changed = state.differs_from(&self.state) || self.terms_outdated || is_unnamed;
        let newer_mapping = state.has_mapping_of(&self.state);
        if changed {
            self.drop_decisions(out);
        } else if matches!(age, Some(Age::Newer | Age::Mixed)) {
            // The same state as before a change and its reversal. An answer may be of the time between the two.
            self.cache.outdated = self.checks;
        }
        match age {
            Some(Age::Older) => return,
            // Each state lacks a change that the other has. No service has reported the state that has both.
            Some(Age::Mixed) if changed => self.state = State { etag: None, ..self.state.merged(&state) },
            _ => self.state = state.merged(&self.state),
        }
        if changed {
            if let Some(terms) = terms.filter(|_| newer_mapping) {
                self.send_open(now, out); // The open Check's body was cut by the old terms.
                self.terms = self.checked_terms(*terms, out);
                self.terms_outdated = false;
            }
            self.decide_waiting_anew(now, out);
        }
    }

    /// Returns these terms, or terms that deny everything if these want a secret tag: no Check may hold a secret.
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

    /// Returns the first wanted tag that is a secret field or the length of one.
    pub(super) fn wanted_secret(&self, terms: &Terms) -> Option<u32> {
        let Listener { settings, profile, .. } = &*self.listener;
        let is_secret = |tag: u32| {
            settings.is_secret(tag) || profile.data_tag(tag).is_some_and(|data| settings.is_secret(data))
        };
        terms.want_tags.iter().flatten().copied().find(|tag| is_secret(*tag))
    }

    fn watch_failed(&mut self, mut watch: Watch, failure: Failure, now: Now, out: &mut Commands) {
        out.count(Counter::WatchesFailed);
        out.count(failure.counter());
        self.listener.outage.note(Outcome::Unwatched, failure);
        watch.failed = Some(self.listener.reached.load(Ordering::Relaxed));
        self.unconfirmed_since = self.unconfirmed_since.or(Some(now.monotonic));
        self.put_off(watch, false, now, out);
    }

    /// Schedules the next watch at a random time within a second, so that not all sessions send theirs at once.
    fn put_off(&mut self, mut watch: Watch, held: bool, now: Now, out: &mut Commands) {
        let millis = self.echoes.jitter(BACKOFF_MS);
        watch.stage = Stage::Due { at: now.monotonic + Duration::from_millis(millis.into()), held };
        out.push(Command::Tick(millis));
        self.watch = Some(watch);
    }

    /// Sends the next watch after an answer.
    fn send_watch(&mut self, watch: Watch, now: Now, out: &mut Commands) {
        let timeout_ms = (watch.within_s + GRACE_S) * 1_000;
        self.ask_watch(watch, false, timeout_ms, now, out);
    }

    /// Sends a watch that the service answers at once, or an ordinary one to a service that does not name its terms.
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
