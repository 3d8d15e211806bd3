//! The watch: one long poll outstanding for the session's life, so that a change reaches it in one network hop.
//!
//! The service answers it when what the session's decisions rest on has changed, or in time with no change; then the next
//! one goes out at once. A failed one is tried again after 1, 2, 4 … 30 s, and never ends a session. Answers that come much
//! too early, one after the other, are taken for a fault and slowed down. A renewal starts a watch anew: the answer to the
//! old one is about the old credential, and counts no more.

use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Level};
use crate::contract::{request, response};
use crate::decision::{Allowance, Decision, ETag};
use crate::failure::Failure;
use crate::stats::Counter;
use std::time::Duration;

/// How much longer than the service promises an answer is waited for, in seconds.
const GRACE_S: u32 = 5;
/// The longest wait after a failure, in seconds.
const LONGEST_BACKOFF_S: u32 = 30;
/// Answers in a row that may come too early.
const MAX_EARLY: u32 = 8;
/// Watches that were started anew and are not answered yet: beyond it the next one waits.
const MAX_FORGOTTEN: usize = 4;

/// What a session watches.
#[derive(Debug)]
pub(super) struct Watch {
    etag: ETag,
    /// The service answers within so many seconds.
    within_s: u32,
    stage: Stage,
    failures: u32,
    early: u32,
}

#[derive(Debug)]
enum Stage {
    /// The call is out since this moment.
    Out(CheckId, Duration),
    /// The next one goes out at this moment.
    Due(Duration),
}

impl Watch {
    fn new(etag: ETag, within_s: u32) -> Self {
        Self { etag, within_s, stage: Stage::Due(Duration::ZERO), failures: 0, early: 0 }
    }

    /// Notes how long the answer took: an early one in a row of them must not be followed at once.
    fn is_too_early(&mut self, waited: Duration) -> bool {
        let early = Duration::from_secs(1).min(Duration::from_secs(self.within_s.into()) / 2);
        self.early = if waited < early { self.early + 1 } else { 0 };
        self.early > MAX_EARLY
    }

    /// Seconds before the next try.
    fn backoff_s(&self) -> u32 {
        let doubled = 1_u32 << self.failures.saturating_sub(1).min(LONGEST_BACKOFF_S.ilog2() + 1);
        doubled.min(LONGEST_BACKOFF_S)
    }
}

impl Session {
    /// Starts to watch, or starts anew; what the answer does not say stays as it was.
    pub(super) fn watch_anew(
        &mut self,
        etag: Option<ETag>,
        watch_s: Option<u32>,
        now: Now,
        out: &mut Commands,
    ) {
        let old = self.watch.take();
        if let Some(Stage::Out(id, _)) = old.as_ref().map(|old| &old.stage) {
            self.forgotten.push(*id);
        }
        let within_s = watch_s.or(old.as_ref().map(|old| old.within_s));
        let (Some(etag), Some(within_s)) = (etag.or(old.map(|old| old.etag)), within_s) else { return };
        self.send_watch(Watch::new(etag, within_s), now, out);
    }

    /// Time has passed: the next one may be due.
    pub(super) fn watch_if_due(&mut self, now: Now, out: &mut Commands) {
        let due = |watch: &mut Watch| matches!(watch.stage, Stage::Due(at) if now.monotonic >= at);
        if let Some(watch) = self.watch.take_if(due) {
            self.send_watch(watch, now, out);
        }
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
        let is_it = |watch: &mut Watch| matches!(watch.stage, Stage::Out(out, _) if out == id);
        let Some(watch) = self.watch.take_if(is_it) else { return false };
        self.heed(watch, answer, now, out);
        true
    }

    fn heed(&mut self, mut watch: Watch, answer: Result<&[u8], Failure>, now: Now, out: &mut Commands) {
        let Stage::Out(_, since) = watch.stage else { return };
        let decision = answer.and_then(response::decision);
        // A session that is ending needs no watch, but may still be cut off.
        if !matches!(self.phase, Phase::Active) && decision != Ok(Decision::Disconnect) {
            return;
        }
        match decision {
            Ok(Decision::Forward(Allowance { etag: Some(etag), terms, watch_s, .. })) => {
                if etag != watch.etag {
                    out.count(Counter::WatchChanges);
                    self.drop_decisions(out);
                    watch.etag = etag;
                    if let Some(terms) = terms {
                        self.terms = terms;
                    }
                }
                watch.within_s = watch_s.unwrap_or(watch.within_s);
                watch.failures = 0;
                if watch.is_too_early(now.monotonic.saturating_sub(since)) {
                    self.put_off(watch, 1, now, out);
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

    fn watch_failed(&mut self, mut watch: Watch, failure: Failure, now: Now, out: &mut Commands) {
        out.count(Counter::WatchesFailed);
        if watch.failures == 0 {
            out.log(Level::Warn, format!("session {}: is not watched: {failure}", self.name));
        }
        watch.failures = watch.failures.saturating_add(1);
        let backoff = watch.backoff_s();
        self.put_off(watch, backoff, now, out);
    }

    /// The next one goes out after up to `seconds`: not all sessions at once.
    fn put_off(&mut self, mut watch: Watch, seconds: u32, now: Now, out: &mut Commands) {
        let millis = self.echoes.jitter(seconds * 1_000);
        watch.stage = Stage::Due(now.monotonic + Duration::from_millis(millis.into()));
        out.push(Command::Tick(millis));
        self.watch = Some(watch);
    }

    fn send_watch(&mut self, mut watch: Watch, now: Now, out: &mut Commands) {
        if self.forgotten.len() > MAX_FORGOTTEN {
            return self.put_off(watch, 1, now, out);
        }
        let (id, name) = self.next_check();
        let request = request::watch(self.envelope(&name, now), self.identity.as_ref(), &watch.etag);
        let timeout_ms = (watch.within_s + GRACE_S) * 1_000;
        out.count(Counter::Watches);
        out.push(Command::Check { id, frame: request.frame(), timeout_ms });
        watch.stage = Stage::Out(id, now.monotonic);
        self.watch = Some(watch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(within_s: u32) -> Option<Watch> {
        ETag::new("e").map(|etag| Watch::new(etag, within_s))
    }

    #[test]
    fn backs_off_to_half_a_minute() {
        let after = |failures| watch(50).map(|watch| Watch { failures, ..watch }.backoff_s());
        let seconds: Vec<u32> = (1..=8).chain([u32::MAX]).filter_map(after).collect();
        assert_eq!(seconds, [1, 2, 4, 8, 16, 30, 30, 30, 30]);
    }

    #[test]
    fn early_answers_are_followed_at_once_but_not_for_ever() {
        let Some(mut watch) = watch(50) else { return };
        let mut slowed = |millis| watch.is_too_early(Duration::from_millis(millis));
        assert!(!(0..8).any(|_| slowed(999)));
        assert!(slowed(0) && slowed(0));
        assert!(!slowed(1_000) && !slowed(0));
    }
}
