//! A client that has not been heard for too long is dead: its session ends, so that its identity is free.
//!
//! A client sends at least a Heartbeat in each HeartBtInt (108), the number of seconds that its Logon names. A client whose
//! host has lost its power or its network says no end, and the venue's engine may be slow to miss it. So a session ends once
//! nothing has come from its client for `limits.silent_heartbeats` times HeartBtInt, and at least for [`LEAST`]. The client
//! itself notices a silent venue.
//!
//! Time in which the gateway does not read from the client is no silence, whether the filter has paused the reads or Envoy
//! has. It is looked for four times in the bound, so a pause is noticed long before the bound is reached. But where the venue
//! has said nothing for the bound either, the reads are held up by a venue that is dead: then that time counts, because the end
//! of a client that has left meanwhile cannot be seen.
//!
//! With 108=0 or without HeartBtInt a client owes no Heartbeats, and nothing follows from its silence.

use super::{Now, Phase, Session};
use crate::command::{Command, Commands, Direction, Level};
use crate::message::Message;
use crate::stats::Counter;
use crate::tags;
use std::time::Duration;

/// The least bound: with a HeartBtInt of a second or two, a short stall must not end a session.
const LEAST: Duration = Duration::from_secs(10);
/// How often silence is looked for within the bound.
const LOOKS: u32 = 4;

/// When the client was last heard, and how long it may be silent.
#[derive(Debug)]
pub(super) struct Silence {
    bound: Duration,
    heard: Duration,
    /// When the venue was last heard.
    venue_heard: Duration,
    /// The next look.
    look: Duration,
}

impl Session {
    /// The Logon goes upstream: from now on the client owes Heartbeats.
    pub(super) fn expect_heartbeats(&mut self, logon: &Message<'_>, now: Now, out: &mut Commands) {
        if let Some(bound) = self.silence_bound(logon) {
            let look = now.monotonic + bound / LOOKS;
            self.silence = Some(Silence { bound, heard: now.monotonic, venue_heard: now.monotonic, look });
            tick_at(look, now, out);
        }
    }

    /// The venue's Logon, or a later one of the client's, may name another HeartBtInt, and engines differ in whose holds. So the
    /// longest one counts.
    pub(super) fn follow_heartbeats(&mut self, logon: &Message<'_>) {
        if logon.get(tags::HEART_BT_INT).is_some() {
            let other = self.silence_bound(logon);
            self.silence = self.silence.take().zip(other).map(|(mut silence, other)| {
                silence.bound = silence.bound.max(other);
                silence
            });
        }
    }

    /// Returns how long a client with this Logon may be silent, or `None` if it owes no Heartbeats.
    fn silence_bound(&self, logon: &Message<'_>) -> Option<Duration> {
        let heartbeats = u64::from(self.listener.settings.limits.silent_heartbeats);
        let seconds: u32 = std::str::from_utf8(logon.get(tags::HEART_BT_INT)?).ok()?.parse().ok()?;
        let bound = u64::from(seconds) * heartbeats;
        (bound > 0).then(|| Duration::from_secs(bound).max(LEAST))
    }

    /// A side was heard.
    #[inline]
    pub(super) fn note_heard(&mut self, from: Direction, now: Now) {
        if let Some(silence) = &mut self.silence {
            match from {
                Direction::Inbound => silence.heard = now.monotonic,
                Direction::Outbound => silence.venue_heard = now.monotonic,
            }
        }
    }

    /// The client is not read now, so that it cannot be heard.
    pub fn note_unread(&mut self, now: Now) {
        if let Some(silence) = &mut self.silence
            && now.monotonic.saturating_sub(silence.venue_heard) < silence.bound
        {
            silence.heard = now.monotonic;
        }
    }

    /// Time has passed: ends the session if its client has been silent for too long.
    pub(super) fn end_if_silent(&mut self, now: Now, out: &mut Commands) {
        if self.reads_paused {
            self.note_unread(now);
        }
        let Some(silence) = &mut self.silence else { return };
        if !matches!(self.phase, Phase::Active) || self.inbound.ended || now.monotonic < silence.look {
            return;
        }
        let silent_for = now.monotonic.saturating_sub(silence.heard);
        if silent_for < silence.bound {
            silence.look = now.monotonic + (silence.bound / LOOKS).min(silence.bound - silent_for);
            return tick_at(silence.look, now, out);
        }
        out.count(Counter::SessionsSilent);
        let seconds = silent_for.as_secs();
        out.log(Level::Warn, format!("session {}: ends, its client was silent for {seconds} s", self.name));
        self.close("session ended, the client is silent", out);
    }
}

/// Asks for a tick at this moment, in whole milliseconds rounded up: a tick that came before the moment would find nothing.
fn tick_at(moment: Duration, now: Now, out: &mut Commands) {
    let millis = moment.saturating_sub(now.monotonic).as_micros().div_ceil(1_000);
    out.push(Command::Tick(u32::try_from(millis).unwrap_or(u32::MAX)));
}
