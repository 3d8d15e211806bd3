//! The life of the process: that it is to end, who must hear of it, and when they all have ended.
//!
//! All of it happens under one lock, as the timers do: no waker is used once its filter has left.

use crate::host::Waker;
use fix_authz_core::session::Departure;
use fix_authz_core::settings::Settings;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a connection's report may still need behind its end: Envoy gathers access logs for 1 s (`buffer_flush_interval` of
/// `authzsvc envoy-config`), and loses at its exit what it has gathered.
const LAST_REPORTS: Duration = Duration::from_millis(1_500);
/// A session that has ended lets its client close first, and may wait for the venue's Logout before: these limits apply.
const ENDINGS: u32 = 3;

static LIFE: Mutex<Life> = Mutex::new(Life {
    departure: None,
    members: BTreeMap::new(),
    joined: 0,
    left: None,
    longest: Duration::ZERO,
});
static LEFT: Condvar = Condvar::new();

struct Life {
    departure: Option<Departure>,
    members: BTreeMap<u64, Waker>,
    joined: u64,
    /// When the last one left that has left.
    left: Option<Instant>,
    /// How long the sessions of any listener may take to end when Envoy is told to stop.
    longest: Duration,
}

/// A connection's place in it; given up when dropped.
pub struct Member(u64);

impl Drop for Member {
    fn drop(&mut self) {
        let mut life = lock();
        life.members.remove(&self.0);
        life.left = Some(Instant::now());
        if life.members.is_empty() {
            LEFT.notify_all();
        }
    }
}

/// A connection is there, and is woken when the process is to end.
pub fn join(waker: Waker) -> Member {
    let mut life = lock();
    life.joined += 1;
    let number = life.joined;
    life.members.insert(number, waker);
    Member(number)
}

/// A listener's sessions may take as long as its settings say.
pub fn allow_for(settings: &Settings) {
    let millis =
        settings.drain.stop_ms.saturating_add(settings.limits.logout_timeout_ms.saturating_mul(ENDINGS));
    let mut life = lock();
    life.longest = life.longest.max(Duration::from_millis(millis.into()));
}

/// Whether the process is to end, and how.
pub fn departure() -> Option<Departure> {
    lock().departure
}

/// The process is to end: every connection is woken.
pub fn depart(departure: Departure) {
    let mut life = lock();
    if life.departure != Some(Departure::Stop) {
        life.departure = Some(departure);
    }
    life.members.values().for_each(Waker::wake);
}

/// Waits until the connections have ended, and what is known of them has left; no longer than their settings allow.
pub fn wait_for_the_last() {
    let life = lock();
    let longest = life.longest;
    let life = LEFT
        .wait_timeout_while(life, longest, |life| !life.members.is_empty())
        .map(|(life, _)| life)
        .unwrap_or_else(|poisoned| poisoned.into_inner().0);
    let reported = life.left.map(|left| left + LAST_REPORTS);
    drop(life);
    if let Some(wait) = reported.and_then(|at| at.checked_duration_since(Instant::now())) {
        std::thread::sleep(wait);
    }
}

fn lock() -> MutexGuard<'static, Life> {
    // The state is sound after every statement, so a panic elsewhere does not spoil it.
    LIFE.lock().unwrap_or_else(PoisonError::into_inner)
}
