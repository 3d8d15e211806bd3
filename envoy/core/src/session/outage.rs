//! Failures of the decision service, summed up for Envoy's log: one warning a period for a whole listener.
//!
//! A session notes each message that was decided without the service, and each watch that failed. The first failure is
//! logged at once; what follows is logged when a period has passed since the last line. The session that finds something to
//! be logged later sets a timer. If that session ends first, it logs at once.

use super::{Now, Phase, Session};
use crate::command::{Command, Commands, Direction, Level};
use crate::decision::Decision;
use crate::failure::Failure;
use crate::stats::Counter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The shortest time between two warnings, in milliseconds.
const PERIOD_MS: u32 = 11_000;

/// What a failure led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Outcome {
    Denied,
    RiskReducing,
    GapFilled,
    Unwatched,
}

impl Outcome {
    fn words(self) -> &'static str {
        match self {
            Self::Denied => "denied",
            Self::RiskReducing => "passed as risk-reducing",
            Self::GapFilled => "gap-filled",
            Self::Unwatched => "watches failed",
        }
    }
}

/// The failures of a listener that are not logged yet.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// There are some. Read without the lock, because mostly there are none.
    has_some: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    outcomes: BTreeMap<Outcome, u64>,
    causes: BTreeMap<Failure, u64>,
    logged: Option<Duration>,
    /// A session has set a timer for the next warning.
    is_timed: bool,
}

impl State {
    /// Returns the warning and starts counting anew.
    fn take(&mut self, now: Duration) -> String {
        let logged = self.logged.replace(now);
        let sums = std::mem::take(&mut self.outcomes).into_iter();
        let sums: Vec<String> = sums.map(|(outcome, count)| format!("{count} {}", outcome.words())).collect();
        let causes = std::mem::take(&mut self.causes).into_iter();
        let causes: Vec<String> = causes.map(|(cause, count)| format!("{cause} ({count})")).collect();
        let period = logged.map_or(String::new(), |logged| {
            format!(" in the last {} s", now.saturating_sub(logged).as_secs())
        });
        format!(
            "without a decision of the service{period}: {}; because: {}",
            sums.join(", "),
            causes.join(", ")
        )
    }
}

impl Outage {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is sound after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn note(&self, outcome: Outcome, failure: Failure) {
        let mut state = self.lock();
        *state.outcomes.entry(outcome).or_default() += 1;
        *state.causes.entry(failure).or_default() += 1;
        self.has_some.store(true, Ordering::Relaxed);
    }
}

impl Session {
    /// Notes a message that was decided without the service, for the next warning.
    pub(super) fn note_failure(
        &self,
        direction: Direction,
        failure: Failure,
        decision: &Decision,
        out: &mut Commands,
    ) {
        let outcome = match (direction, decision) {
            (Direction::Inbound, Decision::Forward(_)) => Outcome::RiskReducing,
            (Direction::Inbound, _) => Outcome::Denied,
            (Direction::Outbound, _) => Outcome::GapFilled,
        };
        if outcome == Outcome::RiskReducing {
            out.count(Counter::RiskReducingForwarded);
        }
        self.listener.outage.note(outcome, failure);
    }

    /// Logs the listener's failures, if a period has passed since the last warning. Otherwise somebody's timer has them
    /// logged; that is this session's timer if nobody has one.
    pub(super) fn warn_if_due(&mut self, now: Now, out: &mut Commands) {
        let outage = &self.listener.outage;
        if !outage.has_some.load(Ordering::Relaxed) {
            return;
        }
        let period = Duration::from_millis(PERIOD_MS.into());
        let mut state = outage.lock();
        let is_due = state.logged.is_none_or(|logged| logged + period <= now.monotonic);
        if is_due {
            (state.is_timed, self.times_warning) = (false, false);
            outage.has_some.store(false, Ordering::Relaxed);
            out.log(Level::Warn, state.take(now.monotonic));
        } else if !state.is_timed && !matches!(self.phase, Phase::Closed) {
            (state.is_timed, self.times_warning) = (true, true);
            out.push(Command::Tick(PERIOD_MS));
        }
    }

    /// The session ends: what no other session's timer is set for is logged now.
    pub(super) fn warn_at_the_end(&mut self, now: Now, out: &mut Commands) {
        if !self.listener.outage.has_some.load(Ordering::Relaxed) && !self.times_warning {
            return;
        }
        let mut state = self.listener.outage.lock();
        if std::mem::take(&mut self.times_warning) || !state.is_timed {
            state.is_timed = false;
            if self.listener.outage.has_some.swap(false, Ordering::Relaxed) {
                out.log(Level::Warn, state.take(now.monotonic));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_has_the_counts_and_the_causes() {
        let outage = Outage::default();
        outage.note(Outcome::Denied, Failure::NoAnswer);
        let first = outage.lock().take(Duration::from_secs(5));
        assert_eq!(
            first,
            "without a decision of the service: 1 denied; because: the decision service did not answer in time (1)"
        );
        for (outcome, failure) in [
            (Outcome::Denied, Failure::Grpc(Some(14))),
            (Outcome::Unwatched, Failure::NoAnswer),
            (Outcome::RiskReducing, Failure::NoAnswer),
            (Outcome::Denied, Failure::Http(404)),
        ] {
            outage.note(outcome, failure);
        }
        let second = outage.lock().take(Duration::from_secs(16));
        assert_eq!(
            second,
            "without a decision of the service in the last 11 s: 2 denied, 1 passed as risk-reducing, 1 watches failed; \
             because: the decision service did not answer in time (2), the decision service answered with HTTP status 404 \
             (1), the decision service answered with gRPC status 14 (1)"
        );
    }
}
