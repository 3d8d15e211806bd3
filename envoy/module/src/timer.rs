//! Ticks: the ABI has no timer, so one thread of ours wakes filters when their time has come.
//!
//! All of it happens under one lock: a timer that was cancelled does not fire, and no waker outlives its filter's hook on
//! destruction.

use crate::host::Waker;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

type Timers = BTreeMap<(Instant, u64), Waker>;

/// A timer that is set; it is cancelled when this value is dropped.
pub struct Timer {
    key: (Instant, u64),
}

impl Timer {
    /// Its time has come by `now`.
    pub fn is_over(&self, now: Instant) -> bool {
        self.key.0 <= now
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clock().lock().1.remove(&self.key);
    }
}

/// Wakes `waker` once, `delay` from now.
pub fn set(waker: Waker, delay: Duration) -> Timer {
    let clock = clock();
    let mut state = clock.lock();
    state.0 += 1;
    let key = (Instant::now() + delay, state.0);
    state.1.insert(key, waker);
    drop(state);
    clock.changed.notify_one();
    Timer { key }
}

struct Clock {
    state: Mutex<(u64, Timers)>,
    changed: Condvar,
}

impl Clock {
    fn lock(&self) -> MutexGuard<'_, (u64, Timers)> {
        // The state is sound after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            while let Some(entry) = state.1.first_entry() {
                if entry.key().0 > now {
                    break;
                }
                entry.remove().wake();
            }
            let next = state.1.first_key_value().map(|(key, _)| key.0.saturating_duration_since(now));
            state = match next {
                Some(wait) => self
                    .changed
                    .wait_timeout(state, wait)
                    .map(|(state, _)| state)
                    .unwrap_or_else(|poisoned| poisoned.into_inner().0),
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

fn clock() -> &'static Clock {
    static CLOCK: OnceLock<Clock> = OnceLock::new();
    static THREAD: OnceLock<()> = OnceLock::new();
    let clock =
        CLOCK.get_or_init(|| Clock { state: Mutex::new((0, BTreeMap::new())), changed: Condvar::new() });
    THREAD.get_or_init(|| {
        std::thread::spawn(|| clock.run());
    });
    clock
}
