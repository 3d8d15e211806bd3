//! Holds calls back from a decision service that answers nothing.
//!
//! A stalled service reads nothing, so Envoy's resets of calls that timed out pile up before it, and after too many of them
//! Envoy closes the connection with all watches on it. Therefore, after some time-outs in a row, the service is *suspected*:
//! the shell asks it for its health, which needs nobody else's answer. All calls go on meanwhile, so nothing is denied while
//! the service is sound and only slow about some tokens. If that question times out as well, the breaker *opens*: no call is
//! made but the question about the health, again and again. Whatever the service answers closes the breaker at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// After so many time-outs in a row the service is suspected.
const SUSPECT_AFTER: u32 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Closed,
    Suspected,
    Open,
}

/// Of all calls to one service.
#[derive(Debug, Default)]
pub struct Breaker {
    /// Calls are held back. Read without the lock.
    is_open: AtomicBool,
    /// Something has timed out since the last answer. Read without the lock.
    is_stirred: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stage: Stage,
    timeouts: u32,
    /// How often the breaker was closed.
    epoch: u64,
}

impl Breaker {
    /// Whether no call is to be made.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// The service has answered something. Returns whether the breaker was not closed.
    pub fn answered(&self) -> bool {
        if !self.is_stirred.load(Ordering::Relaxed) {
            return false;
        }
        let mut state = self.lock();
        let was_closed = state.stage == Stage::Closed;
        *state = State { epoch: state.epoch + 1, ..State::default() };
        self.is_open.store(false, Ordering::Relaxed);
        self.is_stirred.store(false, Ordering::Relaxed);
        !was_closed
    }

    /// A call has timed out. Returns whether the shell is to begin to ask for the service's health.
    pub fn timed_out(&self) -> bool {
        let mut state = self.lock();
        self.is_stirred.store(true, Ordering::Relaxed);
        state.timeouts = state.timeouts.saturating_add(1);
        let begins = state.stage == Stage::Closed && state.timeouts >= SUSPECT_AFTER;
        if begins {
            state.stage = Stage::Suspected;
        }
        begins
    }

    /// Returns a mark to hand back with the outcome of the question about the health, or `None` if it need not be asked.
    pub fn probe(&self) -> Option<u64> {
        let state = self.lock();
        (state.stage != Stage::Closed).then_some(state.epoch)
    }

    /// The question about the health has timed out. If the service has answered something since the question, that counts.
    pub fn probe_timed_out(&self, epoch: u64) {
        let mut state = self.lock();
        if state.epoch == epoch && state.stage == Stage::Suspected {
            state.stage = Stage::Open;
            self.is_open.store(true, Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is sound after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suspected() -> Breaker {
        let breaker = Breaker::default();
        let begins = (0..SUSPECT_AFTER).filter(|_| breaker.timed_out()).count();
        assert_eq!(begins, 1);
        assert!(!breaker.is_open());
        breaker
    }

    #[test]
    fn opens_when_calls_and_the_question_time_out_and_closes_with_any_answer() {
        let breaker = suspected();
        let epoch = breaker.probe().unwrap_or_default();
        assert!(!breaker.timed_out() && !breaker.is_open(), "calls go on until the question has timed out");
        breaker.probe_timed_out(epoch);
        assert!(breaker.is_open() && breaker.probe().is_some());
        assert!(breaker.answered());
        assert!(!breaker.is_open() && breaker.probe().is_none() && !breaker.answered());
    }

    #[test]
    fn never_opens_while_anything_is_answered_in_between() {
        let breaker = Breaker::default();
        for _ in 0..100 {
            assert!((1..SUSPECT_AFTER).all(|_| !breaker.timed_out()));
            assert!(!breaker.answered());
        }
        assert_eq!(breaker.probe(), None);
        // A question of before an answer says nothing about what came after that.
        let breaker = suspected();
        let old = breaker.probe().unwrap_or_default();
        breaker.answered();
        assert_eq!((0..SUSPECT_AFTER).filter(|_| breaker.timed_out()).count(), 1);
        breaker.probe_timed_out(old);
        assert!(!breaker.is_open());
    }
}
