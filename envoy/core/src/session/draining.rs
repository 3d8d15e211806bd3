//! The gateway goes down, or the session's listener: each session ends, and nothing that it carries is lost or doubled.
//!
//! A Logout takes the place of the client's next Heartbeat or TestRequest, in its turn: of nothing that anybody would miss.
//! A message of an application's is never given up for it. So a client that is too busy to send either is, in the end,
//! disconnected between two messages: nothing more is taken in, what was taken in is decided, what is on its way back is
//! waited for, and both connections close. What one side had sent by then, and the other has not seen, is asked for and
//! sent again with the next Logon, as after any connection that broke.

use super::{Now, Phase, Session};
use crate::command::{Command, Commands, Level};
use crate::decision::{Denial, NOT_AVAILABLE};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;
use std::time::Duration;

/// What the client is told.
const TEXT: &[u8] = b"The gateway is going down: log on again";

/// How the gateway goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departure {
    /// Envoy drains its listeners, for a restart or for good, or the session's alone: there is time.
    Drain,
    /// Envoy was told to stop, and waits for the sessions.
    Stop,
}

impl Departure {
    fn why(self) -> &'static str {
        match self {
            Self::Drain => "session ended, the gateway drains",
            Self::Stop => "session ended, the gateway stops",
        }
    }
}

/// A session's end with the gateway.
#[derive(Debug)]
pub(super) struct Drain {
    why: &'static str,
    /// From then on a Logout may take a message's place.
    from: Duration,
    /// By then it ends without.
    until: Duration,
    /// Nothing more is taken in, and by then nothing is waited for any more.
    closing: Option<Duration>,
}

impl Session {
    /// The gateway goes down, and the session with it. A second call can only bring the end nearer.
    pub fn drain(&mut self, departure: Departure, now: Now, out: &mut Commands) {
        let why = departure.why();
        match self.phase {
            Phase::AwaitingLogon => {
                out.count(Counter::ConnectionsTurnedAway);
                return self.close(why, out);
            }
            Phase::Closed => return,
            _ => {}
        }
        let settings = &self.listener.settings.drain;
        let (spread_ms, wait_ms) = match departure {
            Departure::Drain => (settings.spread_ms, settings.wait_ms),
            Departure::Stop => (0, settings.stop_ms),
        };
        let begins_ms = self.echoes.any(spread_ms);
        let millis = |ms: u32| Duration::from_millis(ms.into());
        let mut from = now.monotonic + millis(begins_ms);
        let mut until = from + millis(wait_ms);
        let mut closing = None;
        if let Some(old) = &self.drain {
            (from, until, closing) = (from.min(old.from), until.min(old.until), old.closing);
        }
        out.push(Command::Tick(begins_ms.saturating_add(wait_ms)));
        self.drain = Some(Drain { why, from, until, closing });
    }

    /// Whether a Logout may take the place of this message of the client's.
    pub(super) fn may_retire(&self, message: &Message<'_>, now: Now) -> bool {
        let harmless = matches!(message.msg_type, MsgType::HEARTBEAT | MsgType::TEST_REQUEST);
        harmless && !message.poss_dup && self.drain.as_ref().is_some_and(|drain| now.monotonic >= drain.from)
    }

    /// The Logout takes its place.
    pub(super) fn retire(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) {
        if let Some(why) = self.drain.as_ref().map(|drain| drain.why) {
            out.count(Counter::SessionsDrained);
            self.end(message, Denial::new(TEXT, NOT_AVAILABLE, None), why, now, out);
        }
    }

    /// Nothing more of the client's is taken in.
    pub(super) fn is_closing(&self) -> bool {
        self.drain.as_ref().is_some_and(|drain| drain.closing.is_some())
    }

    /// The session ends without a Logout, as soon as the client's messages that were taken in are decided.
    pub(super) fn part(&mut self, why: &'static str, now: Now, out: &mut Commands) {
        let limits = &self.listener.settings.limits;
        let closing = Some(now.monotonic + limits.logout_timeout());
        out.push(Command::Tick(limits.logout_timeout_ms));
        self.drain = Some(Drain { why, from: now.monotonic, until: now.monotonic, closing });
        self.cut_if_quiet(now, out);
    }

    /// Time has passed: what has not ended by now ends without a Logout.
    pub(super) fn cut_if_overdue(&mut self, now: Now, out: &mut Commands) {
        let patience = self.listener.settings.limits.logout_timeout_ms;
        let Some(drain) = self.drain.as_mut().filter(|drain| now.monotonic >= drain.until) else { return };
        let why = drain.why;
        match self.phase {
            Phase::Authorizing { .. } => {
                out.count(Counter::ConnectionsTurnedAway);
                self.close(why, out);
            }
            Phase::Active if drain.closing.is_some_and(|by| now.monotonic >= by) => self.cut(why, now, out),
            Phase::Active => {
                if drain.closing.is_none() {
                    drain.closing = Some(now.monotonic + Duration::from_millis(patience.into()));
                    out.push(Command::Tick(patience));
                }
                self.cut_if_quiet(now, out);
            }
            _ => {}
        }
    }

    /// A session that takes nothing more in ends once nothing is on its way.
    pub(super) fn cut_if_quiet(&mut self, now: Now, out: &mut Commands) {
        let Some(drain) = self.drain.as_ref().filter(|drain| drain.closing.is_some()) else { return };
        // Where nothing more goes to the client, nothing on its way there is waited for.
        let is_delivered = self.is_cut_off() || self.outbound.is_clear() && self.echoes.is_empty();
        let quiet = self.inbound.is_clear() && is_delivered;
        if quiet && matches!(self.phase, Phase::Active) {
            self.cut(drain.why, now, out);
        }
    }

    fn cut(&mut self, why: &'static str, now: Now, out: &mut Commands) {
        out.count(if self.is_cut_off() { Counter::EndedUndecided } else { Counter::SessionsCut });
        out.log(Level::Info, format!("session {}: disconnected between two messages: {why}", self.name));
        if self.inbound.ended {
            self.end_both(why, now, out);
        } else {
            self.leave(why, now, out);
        }
    }
}
