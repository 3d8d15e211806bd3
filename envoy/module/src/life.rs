//! The life of the process and of its listeners: which is to end, who must hear of it, and when they all have ended.
//!
//! All of it happens under one lock, as the timers do: no waker is used once its filter has left.

use crate::host::Waker;
use crate::listeners::Listeners;
use fix_authz_core::session::Departure;
use fix_authz_core::settings::Settings;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a connection's report may still need behind its end: Envoy gathers access logs for 1 s (`buffer_flush_interval` of
/// `authzsvc envoy-config`), and loses at its exit what it has gathered.
const LAST_REPORTS: Duration = Duration::from_millis(1_500);
/// A session that has ended lets its client close first, and may wait for the venue's Logout before: these limits apply.
const ENDINGS: u32 = 3;

static LIFE: Mutex<Life> = Mutex::new(Life {
    departure: None,
    listeners: Listeners::NONE,
    members: BTreeMap::new(),
    joined: 0,
    left: None,
    longest: Duration::ZERO,
});
static LEFT: Condvar = Condvar::new();

struct Life {
    departure: Option<Departure>,
    listeners: Listeners,
    /// What wakes a connection, and the configuration that it was made by.
    members: BTreeMap<u64, (Waker, u64)>,
    joined: u64,
    /// When the last one left that has left.
    left: Option<Instant>,
    /// How long the sessions of any listener may take to end when Envoy is told to stop.
    longest: Duration,
}

impl Life {
    fn wake_those_that_are_over(&self) {
        let over = self.members.values().filter(|(_, origin)| self.listeners.is_over(*origin));
        over.for_each(|(waker, _)| waker.wake());
    }
}

/// A filter configuration's place in it; given up when dropped.
pub struct Origin {
    listener: String,
    number: u64,
}

impl Origin {
    /// A configuration is made, whose sessions may take as long to end as its settings say.
    pub fn new(settings: &Settings) -> Arc<Self> {
        let drain = &settings.drain;
        let millis = drain.stop_ms.saturating_add(settings.limits.logout_timeout_ms.saturating_mul(ENDINGS));
        let listener = drain.listener.clone();
        let mut life = lock();
        life.longest = life.longest.max(Duration::from_millis(millis.into()));
        let number = life.listeners.make(&listener);
        Arc::new(Self { listener, number })
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        lock().listeners.forget(&self.listener, self.number);
    }
}

/// A connection's place in it; given up when dropped.
pub struct Member {
    number: u64,
    origin: Arc<Origin>,
}

impl Member {
    /// A connection is there, and is woken when the process or its listener is to end.
    pub fn new(waker: Waker, origin: &Arc<Origin>) -> Self {
        let mut life = lock();
        life.joined += 1;
        let number = life.joined;
        life.members.insert(number, (waker, origin.number));
        Self { number, origin: Arc::clone(origin) }
    }

    /// Whether the connection is to end, and how.
    pub fn departure(&self) -> Option<Departure> {
        let life = lock();
        life.departure.or_else(|| life.listeners.is_over(self.origin.number).then_some(Departure::Drain))
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut life = lock();
        life.members.remove(&self.number);
        life.left = Some(Instant::now());
        if life.members.is_empty() {
            LEFT.notify_all();
        }
    }
}

/// Envoy tells of its listeners from now on.
pub fn listeners_settled() {
    lock().listeners.settle();
}

/// Envoy has put a listener in force, or a change of it: the connections of what that replaces are woken.
pub fn listener_changed(name: &str) {
    let mut life = lock();
    life.listeners.change(name);
    life.wake_those_that_are_over();
}

/// Envoy has taken a listener away: its connections are woken.
pub fn listener_removed(name: &str) {
    let mut life = lock();
    life.listeners.remove(name);
    life.wake_those_that_are_over();
}

/// The process is to end: every connection is woken.
pub fn depart(departure: Departure) {
    let mut life = lock();
    if life.departure != Some(Departure::Stop) {
        life.departure = Some(departure);
    }
    life.members.values().for_each(|(waker, _)| waker.wake());
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
