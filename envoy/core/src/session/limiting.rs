//! The limits of a session: messages a second and a day, denials a minute, connections without a Logon.
//!
//! What is over a limit of messages is denied without a Check, by the echo reject like any denial; what reduces risk is
//! counted and goes its way all the same, for a trader must always be able to get flat. Replays (43=Y of a number that was
//! used before) are not counted: they were when they were new; and what was denied then is denied again, for the client was
//! told so. The denial with which a minute has too many becomes the Logout, once that is reported. What a limit did is told
//! to the service and to Envoy's log at once, and then summed up for [`QUIET`].

use super::days::{Day, date};
use super::lane::Fate;
use super::places::QUIET;
use super::rate::{Denials, Rate};
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::decision::{Decision, Denial, NOT_AVAILABLE, THROTTLED};
use crate::message::Message;
use crate::settings::Limits;
use crate::stats::Counter;
use crate::tags;
use crate::version::Version;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A limit of messages.
#[derive(Debug, Clone, Copy)]
enum Limit {
    Second,
    Day,
}

impl Limit {
    /// What the client is told.
    fn text(self, limits: &Limits) -> String {
        match self {
            Self::Second => {
                format!("Throttle limit exceeded: at most {} messages a second", limits.messages_per_s)
            }
            Self::Day => {
                format!("Throttle limit exceeded: at most {} messages a day", limits.messages_per_day)
            }
        }
    }
}

/// Why a replay is denied; it becomes a GapFill, which says nothing.
const AGAIN: &[u8] = b"Throttle limit exceeded";

/// What a session has used, from its Logon on, where there are limits.
#[derive(Debug)]
pub(super) struct Limiter {
    rate: Option<Rate>,
    /// Shared with the session's other connections.
    day: Option<Arc<Day>>,
    denials: Denials,
    /// The client's highest number so far, among the Logon and what was counted.
    newest: u32,
    denied: Numbers,
    /// BusinessRejectReason (380) of what is over a limit.
    reason: u8,
    untold: Untold,
    /// The report of the session's end is out, and this is what the client will be told.
    sentence: Option<(CheckId, Denial)>,
}

/// The numbers of messages that were denied for a limit, as ranges: the oldest go when there are too many.
#[derive(Debug, Default)]
struct Numbers(VecDeque<(u32, u32)>);

impl Numbers {
    /// The most ranges.
    const MOST: usize = 1_024;

    fn add(&mut self, number: u32) {
        match self.0.back_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => self.0.push_back((number, number)),
        }
        if self.0.len() > Self::MOST {
            self.0.pop_front();
        }
    }

    fn contains(&self, number: u32) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }
}

/// Messages over a limit that were not told of.
#[derive(Debug, Default)]
struct Untold {
    per_s: u64,
    per_day: u64,
    told: Option<Duration>,
}

impl Limiter {
    /// Counts the message of this number; `false`: it is over a limit, and is not counted.
    pub fn is_within(&mut self, seq: u32, exempt: bool, limits: &Limits, now: Now) -> bool {
        self.exceeded(seq, exempt, limits, now).is_none()
    }

    /// The message of this number is a replay, and was counted before.
    fn is_replay(&self, message: &Message<'_>) -> bool {
        message.poss_dup && message.seq <= self.newest
    }

    /// Which limit the message of this number is over; if none, it counts.
    fn exceeded(&mut self, seq: u32, exempt: bool, limits: &Limits, now: Now) -> Option<Limit> {
        self.newest = self.newest.max(seq);
        if self.rate.as_mut().is_some_and(|rate| !rate.take(now.monotonic)) && !exempt {
            return Some(Limit::Second);
        }
        let day = self.day.as_ref()?;
        (!day.take(date(now.utc), limits.messages_per_day, exempt)).then_some(Limit::Day)
    }
}

impl Untold {
    /// When it is to be told.
    fn due(&self) -> Option<Duration> {
        (self.per_s + self.per_day > 0).then(|| self.told.map_or(Duration::ZERO, |told| told + QUIET))
    }

    /// The words, once.
    fn take(&mut self, limits: &Limits) -> Option<String> {
        let per_s = (std::mem::take(&mut self.per_s), "messages_per_s", limits.messages_per_s);
        let per_day = (std::mem::take(&mut self.per_day), "messages_per_day", limits.messages_per_day);
        let words = [per_s, per_day].into_iter().filter(|(count, ..)| *count > 0);
        let words =
            words.map(|(count, key, most)| format!("{count} messages denied by `limits.{key}` ({most})"));
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

impl Session {
    /// The Logon is authorized: what is counted from here on.
    pub(super) fn set_limits(&mut self, logon: &Message<'_>, now: Now) {
        let limits = &self.listener.settings.limits;
        let rate = Rate::new(limits.messages_per_s);
        let by_day = limits.messages_per_day > 0;
        if rate.is_none() && !by_day && limits.denials_per_minute == 0 {
            return;
        }
        self.limiter = Some(Box::new(Limiter {
            rate,
            day: by_day.then(|| self.listener.days.of(logon, date(now.utc))),
            denials: Denials::new(limits.denials_per_minute),
            newest: logon.seq,
            denied: Numbers::default(),
            reason: reason(logon),
            untold: Untold::default(),
            sentence: None,
        }));
    }

    /// Counts a message that needs a decision; `true`: it was over a limit, and is denied in its turn.
    pub(super) fn limit(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) -> bool {
        let Some(limiter) = &mut self.limiter else { return false };
        let exempt = self.terms.risk_reducing.contains(message.msg_type);
        let limits = &self.listener.settings.limits;
        if limiter.is_replay(message) {
            let again = limiter.denied.contains(message.seq);
            if again {
                let denial = Denial::new(AGAIN, limiter.reason, None);
                self.deny_in_turn(message, denial, now, out);
            }
            return again;
        }
        let Some(limit) = limiter.exceeded(message.seq, exempt, limits, now) else { return false };
        let denial = Denial::new(limit.text(limits).as_bytes(), limiter.reason, None);
        let (counter, untold) = match limit {
            Limit::Second => (Counter::DeniedPerSecond, &mut limiter.untold.per_s),
            Limit::Day => (Counter::DeniedPerDay, &mut limiter.untold.per_day),
        };
        *untold += 1;
        limiter.denied.add(message.seq);
        out.count(counter);
        self.tell_limited_or_wait(now, out);
        self.deny_in_turn(message, denial, now, out);
        true
    }

    fn deny_in_turn(&mut self, message: &Message<'_>, denial: Denial, now: Now, out: &mut Commands) {
        if self.inbound.is_clear() {
            self.deny(message, denial, now, out);
        } else {
            self.inbound.push(message.bytes, message.msg_type, Fate::Decided(Decision::Reject(denial)));
        }
    }

    /// The client's numbers begin anew.
    pub(super) fn forget_newest(&mut self) {
        if let Some(limiter) = &mut self.limiter {
            limiter.newest = 0;
            limiter.denied = Numbers::default();
        }
    }

    /// A denial is to take effect: whether the session ends with it. Where no decision was to be had, the client is not to
    /// blame.
    pub(super) fn is_one_too_many(&mut self, denial: &Denial, now: Now) -> bool {
        let limiter = self.limiter.as_mut().filter(|_| denial.reason != NOT_AVAILABLE);
        limiter.is_some_and(|limiter| limiter.denials.add(now.monotonic))
    }

    /// The session is to end with this message, once that is reported: behind the Logout the connection may be gone before.
    pub(super) fn sentence(&mut self, message: &Message<'_>, reason: u8, now: Now, out: &mut Commands) {
        self.tell_limited(now, out);
        let most = self.listener.settings.limits.denials_per_minute;
        let check = self.tell(&format!("session ended by `limits.denials_per_minute` ({most})"), now, out);
        let text = format!("Session ended: {most} messages denied within a minute");
        if let Some(limiter) = &mut self.limiter {
            limiter.sentence = Some((check, Denial::new(text.as_bytes(), reason, None)));
        }
        out.count(Counter::EndedByDenials);
        self.inbound.put_back(message.bytes, message.msg_type, check, now.monotonic);
    }

    /// The report of a session's end was answered, or failed; `false`: it was another Check.
    pub(super) fn sentence_answered(&mut self, id: CheckId, now: Now, out: &mut Commands) -> bool {
        let sentence = self.limiter.as_mut().map(|limiter| &mut limiter.sentence);
        let Some((_, denial)) = sentence.and_then(|sentence| sentence.take_if(|(check, _)| *check == id))
        else {
            return false;
        };
        self.inbound.settle(id, Fate::End(denial));
        self.apply_ready(Direction::Inbound, now, out);
        self.resume(Direction::Inbound, now, out);
        true
    }

    /// Time has passed: there may be something to tell.
    pub(super) fn tell_limited_if_due(&mut self, now: Now, out: &mut Commands) {
        let due = self.limiter.as_ref().and_then(|limiter| limiter.untold.due());
        if due.is_some_and(|due| now.monotonic >= due) {
            self.tell_limited(now, out);
        }
    }

    /// A message was over a limit: the first one to wait sets the timer.
    fn tell_limited_or_wait(&mut self, now: Now, out: &mut Commands) {
        let Some(untold) = self.limiter.as_ref().map(|limiter| &limiter.untold) else { return };
        let Some(wait) = untold.due().map(|due| due.saturating_sub(now.monotonic)) else { return };
        if wait.is_zero() {
            self.tell_limited(now, out);
        } else if untold.per_s + untold.per_day == 1 {
            let millis = wait.as_nanos().div_ceil(1_000_000);
            out.push(Command::Tick(u32::try_from(millis).unwrap_or(u32::MAX)));
        }
    }

    /// Tells what has summed up.
    pub(super) fn tell_limited(&mut self, now: Now, out: &mut Commands) {
        let Some(limiter) = &mut self.limiter else { return };
        if let Some(words) = limiter.untold.take(&self.listener.settings.limits) {
            limiter.untold.told = Some(now.monotonic);
            self.tell(&words, now, out);
        }
    }

    fn tell(&mut self, words: &str, now: Now, out: &mut Commands) -> CheckId {
        out.log(Level::Warn, format!("session {}: {words}", self.name));
        self.report(Direction::Inbound, "limit", words, now, out)
    }

    /// The connection is over: no report would arrive, so what is left goes into Envoy's log alone.
    pub(super) fn log_untold(&mut self, out: &mut Commands) {
        if let Some(limiter) = &mut self.limiter
            && let Some(words) = limiter.untold.take(&self.listener.settings.limits)
        {
            out.log(Level::Warn, format!("session {}: {words}", self.name));
        }
    }

    /// The connection comes from this address and port. Until its Logon is authorized it holds one of the address's places;
    /// where there is none it is closed, the first one of several once that is reported.
    pub fn admit(&mut self, source: (String, u32), now: Now, out: &mut Commands) {
        let Some(places) = &self.listener.places else { return };
        self.place = places.take(&source.0);
        self.peers.source = source;
        if self.place.is_none() {
            let why = "too many connections without a Logon";
            out.count(Counter::ConnectionsRefused);
            match self.tell_refused(now, out) {
                Some(check) => self.phase = Phase::Reporting { check, why },
                None => self.close(why, out),
            }
        }
    }

    /// Tells of connections that were refused, this one or others, if it is time.
    pub(super) fn tell_refused(&mut self, now: Now, out: &mut Commands) -> Option<CheckId> {
        let words = self.listener.places.as_ref()?.untold(now.monotonic)?;
        Some(self.tell(&words, now, out))
    }
}

/// Dictionaries know 8 (throttle limit exceeded) from FIX 5.0 SP2 on, by its extension packs: DefaultApplVerID (1137) 9 and
/// above. Before it there is only 0 (other).
fn reason(logon: &Message<'_>) -> u8 {
    let sp2 = logon.get(tags::DEFAULT_APPL_VER_ID).is_some_and(|id| matches!(id, b"9" | b"10"));
    if logon.version == Version::Fixt11 && sp2 { THROTTLED } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranges_and_bounded() {
        let mut numbers = Numbers::default();
        (5..10_000).for_each(|number| numbers.add(number));
        assert_eq!(numbers.0, [(5, 9_999)]);
        (10_001..20_000).step_by(2).for_each(|number| numbers.add(number));
        assert_eq!(numbers.0.len(), Numbers::MOST);
        assert!(numbers.contains(19_999) && !numbers.contains(19_998) && !numbers.contains(5));
        numbers.add(u32::MAX);
        numbers.add(0);
        assert!(numbers.contains(0) && numbers.contains(u32::MAX));
    }
}
