//! The limits of a session: messages a second and a day, denials a minute, connections without a Logon.
//!
//! What is over a limit of messages is denied without a Check, by the echo reject like any denial; what reduces risk is
//! counted and goes its way all the same, for a trader must always be able to get flat. The denial with which a minute has
//! too many becomes the Logout. What a limit did is told to the service and to Envoy's log at once,
//! and then summed up for [`QUIET`].
//!
//! This module has the session's part. `limiter` has what a session has used: `rate` of a second and a minute, `days` of a
//! day, `numbers` what was denied, `untold` what is to be told. `places` counts connections without a Logon, and
//! `shares` bounds what a client uses of the decision service in all its sessions.

mod days;
mod limiter;
mod numbers;
mod places;
mod rate;
mod shares;
mod untold;

pub(super) use days::Days;
pub(super) use limiter::Limiter;
pub(super) use places::{Place, Places};
pub(super) use rate::Minute;
pub(super) use shares::{Share, Shares, weight};

use super::ending::BY_LIMIT;
use super::lane::Fate;
use super::{Now, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::decision::{Decision, Denial};
use crate::message::Message;
use crate::settings::Limits;
use crate::stats::Counter;
use days::date;
use limiter::Over;
use std::time::Duration;

/// What is told again and again is told at most so often.
const QUIET: Duration = Duration::from_secs(10);

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

    /// Of the messages that were denied for it.
    fn counter(self) -> Counter {
        match self {
            Self::Second => Counter::DeniedPerSecond,
            Self::Day => Counter::DeniedPerDay,
        }
    }
}

impl Session {
    /// The Logon is authorized: what is counted from here on.
    pub(super) fn set_limits(&mut self, logon: &Message<'_>, now: Now) {
        let listener = &self.listener;
        let day = || listener.days.of(logon, date(now.utc));
        self.limiter = Limiter::new(&listener.settings.limits, logon, day).map(Box::new);
    }

    /// Counts the session as this client's from now on, under the name that the service gives the client.
    pub(super) fn set_share(&mut self, client: Option<&str>, now: Now) {
        let sender = self.identity.as_ref().map_or(&[][..], |identity| &identity.sender);
        let client = client.map_or(sender, str::as_bytes);
        self.share = self.listener.shares.of(client, now.monotonic);
    }

    /// Whether the session takes no message in for now, because of what its client uses in all its sessions.
    #[inline]
    pub(super) fn is_share_used_up(&self) -> bool {
        let limits = &self.listener.settings.limits;
        self.share.as_ref().is_some_and(|share| share.is_used_up(self.inbound.asked_weight(), limits))
    }

    /// Counts messages of this weight as denied or replayed, and holds the session back if there were too many of them.
    pub(super) fn charge(&mut self, weight: u32, now: Now, out: &mut Commands) {
        let limits = &self.listener.settings.limits;
        let Some(share) = &mut self.share else { return };
        if weight > 0 {
            share.charge(weight, limits, now.monotonic);
        }
        let Some(wait) = share.hold(limits, now.monotonic) else { return };
        let is_news = share.told.is_none_or(|told| now.monotonic.saturating_sub(told) >= QUIET);
        let most = limits.denied_or_replayed_per_s;
        out.count(Counter::ClientsHeld);
        out.push(Command::Tick(u32::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u32::MAX)));
        if is_news {
            share.told = Some(now.monotonic);
            self.tell(&format!("messages wait for `limits.denied_or_replayed_per_s` ({most})"), now, out);
        }
    }

    /// Counts the message of the Check `id` if `decision` denies it. A replay was already counted when it was asked about.
    pub(super) fn charge_if_denied(
        &mut self,
        direction: Direction,
        id: CheckId,
        decision: &Decision,
        now: Now,
        out: &mut Commands,
    ) {
        if self.share.is_none()
            || direction == Direction::Outbound
            || matches!(decision, Decision::Forward(_))
        {
            return;
        }
        let mut weight = 0;
        self.with_asked(direction, id, |_, message| {
            weight = if message.poss_dup { 0 } else { self::weight(message.bytes.len()) };
        });
        self.charge(weight, now, out);
    }

    /// Lets the session go on once the time for which it was held back is over.
    pub(super) fn release_if_due(&mut self, now: Now, out: &mut Commands) {
        if self.share.as_mut().is_some_and(|share| share.release(now.monotonic)) {
            self.resume_client(now, out);
        }
    }

    /// Counts a message that needs a decision; `true`: it was over a limit, and is denied in its turn.
    pub(super) fn limit(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) -> bool {
        let Some(limiter) = &mut self.limiter else { return false };
        let exempt = self.terms.risk_reducing.contains(message.msg_type);
        let limits = &self.listener.settings.limits;
        let Some(over) = limiter.over(message, exempt, limits, now) else { return false };
        let denial = limiter.denial(over, limits);
        if let Over::Now(limit) = over {
            out.count(limit.counter());
            self.tell_limited_or_wait(now, out);
        }
        self.deny_in_turn(message, denial, now, out);
        true
    }

    /// Denies a message in its turn.
    pub(super) fn deny_in_turn(
        &mut self,
        message: &Message<'_>,
        denial: Denial,
        now: Now,
        out: &mut Commands,
    ) {
        self.in_turn(message, Fate::Decided(Decision::Reject(denial)), now, out);
    }

    /// The client's numbers begin anew.
    pub(super) fn forget_newest(&mut self) {
        if let Some(limiter) = &mut self.limiter {
            limiter.forget_numbers();
        }
    }

    /// A denial is to take effect: whether the session ends with it.
    pub(super) fn is_one_too_many(&mut self, denial: &Denial, now: Now) -> bool {
        self.limiter.as_mut().is_some_and(|limiter| limiter.is_one_too_many(denial, now))
    }

    /// The session ends with this message.
    pub(super) fn end_by_limit(&mut self, message: &Message<'_>, reason: u8, now: Now, out: &mut Commands) {
        self.tell_limited(now, out);
        let most = self.listener.settings.limits.denials_per_minute;
        self.tell(&format!("session ended by `limits.denials_per_minute` ({most})"), now, out);
        out.count(Counter::EndedByDenials);
        let text = format!("Session ended: {most} messages denied within a minute");
        self.end(message, Denial::new(text.as_bytes(), reason, None), BY_LIMIT, now, out);
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
        } else if untold.is_first() {
            let millis = wait.as_nanos().div_ceil(1_000_000);
            out.push(Command::Tick(u32::try_from(millis).unwrap_or(u32::MAX)));
        }
    }

    /// Tells what has summed up.
    pub(super) fn tell_limited(&mut self, now: Now, out: &mut Commands) {
        let Some(limiter) = &mut self.limiter else { return };
        if let Some(words) = limiter.untold.tell(&self.listener.settings.limits, now.monotonic) {
            self.tell(&words, now, out);
        }
    }

    fn tell(&mut self, words: &str, now: Now, out: &mut Commands) {
        out.log(Level::Warn, format!("session {}: {words}", self.name));
        self.report(Direction::Inbound, "limit", words, now, out);
    }

    /// The connection comes from this address and port. Until its Logon is authorized it holds one of the address's places;
    /// where there is none, the connection is closed.
    pub fn admit(&mut self, source: (String, u32), now: Now, out: &mut Commands) {
        let Some(places) = &self.listener.places else { return };
        self.place = places.take(&source.0);
        self.peers.source = source;
        if self.place.is_none() {
            out.count(Counter::ConnectionsRefused);
            self.tell_refused(now, out);
            self.close("too many connections without a Logon", out);
        }
    }

    /// Tells of connections that were refused, this one or others, if it is time.
    pub(super) fn tell_refused(&mut self, now: Now, out: &mut Commands) {
        let words = self.listener.places.as_ref().and_then(|places| places.untold(now.monotonic));
        if let Some(words) = words {
            self.tell(&words, now, out);
        }
    }
}
