//! What a session has used of its limits, from its Logon on.
//!
//! Replays (43=Y of a number that was used before) are not counted: they were when they were new. What was denied then is
//! denied again, for the client was told so.

use super::Limit;
use super::days::{Day, date};
use super::numbers::Numbers;
use super::rate::{Minute, Rate};
use super::untold::Untold;
use crate::decision::{Denial, NOT_AVAILABLE, THROTTLED};
use crate::message::Message;
use crate::session::Now;
use crate::settings::Limits;
use crate::tags;
use crate::version::Version;
use std::sync::Arc;

/// Why a replay is denied; it becomes a GapFill, which says nothing.
const AGAIN: &[u8] = b"Throttle limit exceeded";

/// A message that is over a limit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Over {
    /// A new one.
    Now(Limit),
    /// A replay of one that was when it was new.
    Again,
}

/// What a session has used, where there are limits.
#[derive(Debug)]
pub(in crate::session) struct Limiter {
    rate: Option<Rate>,
    /// Shared with the session's other connections.
    day: Option<Arc<Day>>,
    denials: Minute,
    /// The client's highest number so far, among the Logon and what was counted.
    newest: u64,
    denied: Numbers,
    /// BusinessRejectReason (380) of what is over a limit.
    reason: u8,
    pub(super) untold: Untold,
}

impl Limiter {
    /// Of a session that begins with `logon`; `day` gives its count of the day. `None`: nothing is limited.
    pub fn new(limits: &Limits, logon: &Message<'_>, day: impl FnOnce() -> Arc<Day>) -> Option<Self> {
        let rate = Rate::new(limits.messages_per_s);
        let by_day = limits.messages_per_day > 0;
        (rate.is_some() || by_day || limits.denials_per_minute > 0).then(|| Self {
            rate,
            day: by_day.then(day),
            denials: Minute::new(limits.denials_per_minute),
            newest: logon.seq,
            denied: Numbers::default(),
            reason: reason(logon),
            untold: Untold::default(),
        })
    }

    /// Counts the message of this number; `false`: it is over a limit, and is not counted.
    pub fn is_within(&mut self, seq: u64, exempt: bool, limits: &Limits, now: Now) -> bool {
        self.exceeded(seq, exempt, limits, now).is_none()
    }

    /// Counts a message, unless it is a replay. What is over a limit is to be denied with [`Limiter::denial`], and told.
    pub(super) fn over(
        &mut self,
        message: &Message<'_>,
        exempt: bool,
        limits: &Limits,
        now: Now,
    ) -> Option<Over> {
        if message.poss_dup && message.seq <= self.newest {
            return self.denied.contains(message.seq).then_some(Over::Again);
        }
        let limit = self.exceeded(message.seq, exempt, limits, now)?;
        self.untold.add(limit);
        self.denied.add(message.seq);
        Some(Over::Now(limit))
    }

    /// What the client is told.
    pub(super) fn denial(&self, over: Over, limits: &Limits) -> Denial {
        match over {
            Over::Now(limit) => Denial::new(limit.text(limits).as_bytes(), self.reason, None),
            Over::Again => Denial::new(AGAIN, self.reason, None),
        }
    }

    /// A denial is to take effect: whether the session ends with it. Where no decision was to be had, the client is not to
    /// blame.
    pub(super) fn is_one_too_many(&mut self, denial: &Denial, now: Now) -> bool {
        denial.reason != NOT_AVAILABLE && self.denials.add(now.monotonic)
    }

    /// The client's numbers begin anew.
    pub(super) fn forget_numbers(&mut self) {
        self.newest = 0;
        self.denied = Numbers::default();
    }

    /// Which limit the message of this number is over; if none, it counts.
    fn exceeded(&mut self, seq: u64, exempt: bool, limits: &Limits, now: Now) -> Option<Limit> {
        self.newest = self.newest.max(seq);
        if self.rate.as_ref().is_some_and(|rate| !rate.has_one(now.monotonic)) && !exempt {
            return Some(Limit::Second);
        }
        if self.day.as_ref().is_some_and(|day| !day.take(date(now.utc), limits.messages_per_day, exempt)) {
            return Some(Limit::Day);
        }
        // Last, so that what is over the day takes nothing of the second.
        if let Some(rate) = &mut self.rate {
            rate.take(now.monotonic);
        }
        None
    }
}

/// Dictionaries know 8 (throttle limit exceeded) from FIX 5.0 SP2 on, by its extension packs: DefaultApplVerID (1137) 9 and
/// above. Before it there is only 0 (other).
fn reason(logon: &Message<'_>) -> u8 {
    let sp2 = logon.get(tags::DEFAULT_APPL_VER_ID).is_some_and(|id| matches!(id, b"9" | b"10"));
    if logon.version == Version::Fixt11 && sp2 { THROTTLED } else { 0 }
}
