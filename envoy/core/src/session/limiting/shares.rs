//! What each client uses of the decision service, in all its sessions on a listener.
//!
//! Two things are bounded: the client's messages that wait for an answer, and its messages that were lately denied or
//! replayed. A long message takes the service longer, so it weighs more. While a bound is reached, the client's sessions take
//! no message in: further messages wait in the client's sockets, and none is denied. A session always has room for one
//! message, so the answer to that message lets the session go on.
//!
//! The service names the client with its Logon (`x-fix-client`); otherwise SenderCompID (49) names it. The number of clients
//! in the table is bounded. When the table is full, clients that use nothing are dropped first, then the client without a
//! session that was denied the least.

use crate::settings::Limits;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A message weighs one, and one more for each whole block of this number of bytes.
const PART: usize = 256;
/// The shortest time that a session is held back, so that it then goes on with more than one message.
const SHORTEST_WAIT: Duration = Duration::from_millis(50);

/// Returns the weight of a message of `length` bytes.
pub(in crate::session) fn weight(length: usize) -> u32 {
    u32::try_from(length / PART).unwrap_or(u32::MAX).saturating_add(1)
}

/// What a client uses.
#[derive(Debug, Default)]
struct Usage {
    /// The weight of its messages that wait for an answer.
    asked: AtomicU32,
    /// The time at which no denied or replayed message counts any more, in nanoseconds.
    clear_at: AtomicU64,
}

/// What the clients of a listener use.
#[derive(Debug)]
pub(in crate::session) struct Shares {
    table: Mutex<HashMap<Vec<u8>, Arc<Usage>>>,
    most: usize,
    is_on: bool,
}

impl Shares {
    /// Makes an empty table.
    pub fn new(limits: &Limits) -> Self {
        let is_on = limits.max_checks_in_flight_per_client > 0 || limits.denied_or_replayed_per_s > 0;
        Self { table: Mutex::default(), most: limits.remembered_sessions as usize, is_on }
    }

    /// Returns the share of a new session of this client, or `None` if the settings bound nothing.
    pub fn of(&self, client: &[u8], now: Duration) -> Option<Share> {
        if !self.is_on {
            return None;
        }
        let mut table = self.lock();
        if !table.contains_key(client) {
            self.make_room(&mut table, now);
        }
        let usage = Arc::clone(table.entry(client.to_owned()).or_default());
        Some(Share { usage, asked: 0, held_until: None, told: None })
    }

    fn make_room(&self, table: &mut HashMap<Vec<u8>, Arc<Usage>>, now: Duration) {
        if table.len() < self.most {
            return;
        }
        let in_use = |usage: &Arc<Usage>| Arc::strong_count(usage) > 1;
        let clear_at = |usage: &Arc<Usage>| usage.clear_at.load(Relaxed);
        table.retain(|_, usage| in_use(usage) || clear_at(usage) > nanos(now));
        while table.len() >= self.most {
            let idle = table.iter().filter(|(_, usage)| !in_use(usage));
            let Some((client, _)) = idle.min_by_key(|(_, usage)| clear_at(usage)) else { return };
            let client = client.clone();
            table.remove(&client);
        }
    }

    /// Locks the table, even after another thread has panicked: that leaves the table whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Arc<Usage>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's share; given back when dropped.
#[derive(Debug)]
pub(in crate::session) struct Share {
    usage: Arc<Usage>,
    /// The weight of this session's messages that wait for an answer.
    asked: u32,
    /// Until when the session takes nothing in.
    held_until: Option<Duration>,
    /// When the session's wait was last reported.
    pub(super) told: Option<Duration>,
}

impl Share {
    /// Notes the weight of this session's messages that wait for an answer.
    #[inline]
    pub fn note(&mut self, asked: u32) {
        if asked != self.asked {
            self.usage.asked.fetch_add(asked.wrapping_sub(self.asked), Relaxed);
            self.asked = asked;
        }
    }

    /// Whether the session takes nothing in for now; `asked` is the weight of its messages that wait for an answer.
    #[inline]
    pub fn is_used_up(&self, asked: u32, limits: &Limits) -> bool {
        self.held_until.is_some()
            || (asked > 0 && self.is_taken(asked, limits.max_checks_in_flight_per_client))
    }

    fn is_taken(&self, asked: u32, most: u32) -> bool {
        let others = self.usage.asked.load(Relaxed).wrapping_sub(self.asked);
        most > 0 && others.saturating_add(asked) >= most
    }

    /// Counts a message of this weight as denied or replayed.
    pub fn charge(&self, weight: u32, limits: &Limits, now: Duration) {
        let Some(each) = each(limits) else { return };
        let added = nanos(each.saturating_mul(weight));
        let more = |clear_at: u64| Some(clear_at.max(nanos(now)).saturating_add(added));
        // `fetch_update` fails only if `more` returns `None`, which it never does.
        let _ = self.usage.clear_at.fetch_update(Relaxed, Relaxed, more);
    }

    /// Holds the session back if too many of the client's messages were denied or replayed. Returns for how long, or `None`
    /// if the session is not held back or was held back already.
    pub fn hold(&mut self, limits: &Limits, now: Duration) -> Option<Duration> {
        if self.held_until.is_some() {
            return None;
        }
        let allowed = each(limits)?.saturating_mul(limits.denied_or_replayed_at_once);
        let clear_in = Duration::from_nanos(self.usage.clear_at.load(Relaxed)).saturating_sub(now);
        let wait = clear_in.checked_sub(allowed).filter(|wait| !wait.is_zero())?.max(SHORTEST_WAIT);
        self.held_until = Some(now + wait);
        Some(wait)
    }

    /// Lets the session go on if it was held back and the time is over. Returns whether it was let go on.
    pub fn release(&mut self, now: Duration) -> bool {
        self.held_until.take_if(|until| now >= *until).is_some()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.note(0);
    }
}

/// How long a weight of one is remembered; `None` if there is no limit.
fn each(limits: &Limits) -> Option<Duration> {
    Duration::from_secs(1).checked_div(limits.denied_or_replayed_per_s)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn limits(in_flight: u32, per_s: u32, at_once: u32) -> Limits {
        Limits {
            max_checks_in_flight_per_client: in_flight,
            denied_or_replayed_per_s: per_s,
            denied_or_replayed_at_once: at_once,
            remembered_sessions: 3,
            ..Limits::default()
        }
    }

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_long_message_weighs_more() {
        assert_eq!([0, 160, 255, 256, 511, 11_000].map(weight), [1, 1, 1, 2, 2, 43]);
        assert_eq!(weight(usize::MAX), u32::MAX);
    }

    #[test]
    fn sessions_of_a_client_share_what_waits_and_each_has_room_for_one() {
        let limits = limits(8, 0, 1);
        let shares = Shares::new(&limits);
        let (mut one, mut two) = (shares.of(b"a", millis(0)).unwrap(), shares.of(b"a", millis(0)).unwrap());
        let other = shares.of(b"b", millis(0)).unwrap();
        one.note(7);
        assert!(!one.is_used_up(7, &limits) && one.is_used_up(8, &limits));
        assert!(!two.is_used_up(0, &limits) && two.is_used_up(1, &limits) && !other.is_used_up(7, &limits));
        two.note(22);
        assert!(one.is_used_up(1, &limits) && !one.is_used_up(0, &limits));
        drop(two);
        assert!(!one.is_used_up(7, &limits));
        one.note(0);
        assert_eq!(one.usage.asked.load(Relaxed), 0);
    }

    #[test]
    fn what_is_denied_in_one_session_holds_back_all_of_the_client() {
        let limits = limits(0, 100, 50);
        let shares = Shares::new(&limits);
        let (mut one, mut two) = (shares.of(b"a", millis(0)).unwrap(), shares.of(b"a", millis(0)).unwrap());
        one.charge(50, &limits, millis(0));
        assert_eq!((one.hold(&limits, millis(0)), two.hold(&limits, millis(0))), (None, None));
        one.charge(22, &limits, millis(0));
        assert_eq!(two.hold(&limits, millis(0)), Some(millis(220)));
        assert_eq!(two.hold(&limits, millis(0)), None);
        assert!(two.is_used_up(0, &limits) && !two.release(millis(219)) && two.release(millis(220)));
        assert!(!two.is_used_up(0, &limits));
        // Both are held back until enough of the weight is forgotten, and at least for `SHORTEST_WAIT`.
        assert_eq!(one.hold(&limits, millis(200)), Some(SHORTEST_WAIT));
        assert_eq!(shares.of(b"b", millis(0)).unwrap().hold(&limits, millis(0)), None);
        // The weight is remembered for the client's next session.
        drop((one, two));
        assert!(shares.of(b"a", millis(100)).unwrap().hold(&limits, millis(100)).is_some());
    }

    #[test]
    fn in_the_long_run_no_more_is_denied_than_the_limit_says() {
        let limits = limits(0, 100, 500);
        let shares = Shares::new(&limits);
        let mut share = shares.of(b"a", millis(0)).unwrap();
        let mut charged = 0;
        for now in (0..60_000).map(millis) {
            share.release(now);
            while !share.is_used_up(0, &limits) {
                share.charge(22, &limits, now);
                charged += 22;
                share.hold(&limits, now);
            }
        }
        assert!((6_400..6_700).contains(&charged), "{charged}");
    }

    #[test]
    fn clients_are_bounded_and_the_least_denied_idle_one_goes_last() {
        let limits = limits(1, 100, 50);
        let shares = Shares::new(&limits);
        let held = shares.of(b"held", millis(0)).unwrap();
        for (client, weight) in [(b"most", 90), (b"less", 30)] {
            shares.of(client, millis(0)).unwrap().charge(weight, &limits, millis(0));
        }
        let names = || {
            let mut names: Vec<String> =
                shares.lock().keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
            names.sort();
            names
        };
        let more = shares.of(b"new", millis(100)).unwrap();
        assert_eq!(names(), ["held", "most", "new"]);
        let last = shares.of(b"last", millis(900)).unwrap();
        assert_eq!(names(), ["held", "last", "new"]);
        drop((held, more, last));
        assert!(Shares::new(&self::limits(0, 0, 1)).of(b"a", millis(0)).is_none());
    }
}
