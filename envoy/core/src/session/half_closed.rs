//! A side has ended its bytes (FIN): the session ends, and nothing that was received before that end is lost.
//!
//! 1. The messages that came before the end are decided and delivered, within `limits.end_timeout_ms`. What the end cut off
//!    in the middle of a message is ignored, as FIX engines do.
//! 2. Then the other side is told the end, and has `limits.logout_timeout_ms` to end too. The venue is told only after it has
//!    answered the TestRequests that stand for denied messages, so that a client that has only half-closed gets its rejects.
//! 3. Then both connections close. Messages that were taken in by then, and are not decided, are waited for as in the first
//!    step.
//!
//! While messages of the venue's are delivered after its end, nothing of the client's goes up, and not its end either: a
//! venue that has closed its connection would answer with a reset, and Envoy closes the client's connection as soon as the
//! venue's is closed, in front of these messages. What the venue sends behind the client's end, and the service must be asked
//! about, can be lost so; the client's next Logon asks for it.
//!
//! A Logout of the gateway's that waits for the venue's answer has its own time (`ending`). If the venue ends without that
//! answer, the client is told the end at once.

use super::{Now, Phase, Session};
use crate::command::{Command, Commands, Direction, Level};
use std::time::Duration;

/// How far a session is whose client or venue has ended its bytes.
#[derive(Debug)]
pub(super) struct HalfClosed {
    why: &'static str,
    /// By then both connections close, whatever still waits for a decision.
    by: Duration,
    /// By then the other side must have ended too; `None` before it is told the end.
    until: Option<Duration>,
    /// That time is up: no more messages are taken in.
    is_over: bool,
    /// That time is up, but a message of before the client's end waits for a limit.
    waits: bool,
}

impl HalfClosed {
    fn is_time_up(&self, now: Now) -> bool {
        self.until.is_some_and(|until| now.monotonic >= until)
    }
}

impl Session {
    /// Moves a session on whose client or venue has ended. Called after every event.
    #[inline]
    pub(super) fn follow_ends(&mut self, now: Now, out: &mut Commands) {
        if self.inbound.ended || self.outbound.ended {
            self.follow_ends_of_sides(now, out);
        }
    }

    #[cold]
    fn follow_ends_of_sides(&mut self, now: Now, out: &mut Commands) {
        if matches!(self.phase, Phase::Active) {
            self.end_downstream(now, out);
            self.end_upstream(now, out);
            self.close_if_over(now, out);
        }
        // What of the client's waited for the venue's end may have been what ends the session.
        if let Phase::Ending { why, .. } = self.phase
            && self.is_delivered(Direction::Outbound)
        {
            self.leave(why, now, out);
        }
    }

    /// Whether a side has ended, and all that it sent is dealt with.
    fn is_delivered(&self, direction: Direction) -> bool {
        let lane = self.lane_of(direction);
        lane.ended && lane.unread.is_empty() && lane.is_clear()
    }

    /// Whether the venue has ended and messages of before that are still to be delivered.
    #[inline]
    pub(super) fn waits_for_last_words(&self) -> bool {
        self.outbound.ended && !self.outbound.is_end_passed()
    }

    /// Whether no more messages are taken in, because the other side did not end in time.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.half_closed.as_ref().is_some_and(|half_closed| half_closed.is_over)
    }

    /// Tells the client that the venue has ended.
    fn end_downstream(&mut self, now: Now, out: &mut Commands) {
        if !self.is_delivered(Direction::Outbound) || self.outbound.is_end_passed() {
            return;
        }
        self.pass_end(Direction::Outbound, out);
        self.give_time(now, out);
        self.apply_ready(Direction::Inbound, now, out);
        self.resume(Direction::Inbound, now, out);
        self.break_off_if_clear(now, out);
    }

    /// Tells the venue that the client has ended.
    fn end_upstream(&mut self, now: Now, out: &mut Commands) {
        if matches!(self.phase, Phase::Active) && self.is_delivered(Direction::Inbound) {
            self.give_time(now, out);
            let may_answer = !self.echoes.is_empty() && !self.outbound.ended;
            if !may_answer && !self.waits_for_last_words() {
                self.pass_end(Direction::Inbound, out);
            }
        }
    }

    /// Sets the time within which the other side must end, once.
    fn give_time(&mut self, now: Now, out: &mut Commands) {
        let limits = &self.listener.settings.limits;
        let (timeout_ms, until) = (limits.logout_timeout_ms, now.monotonic + limits.logout_timeout());
        let half_closed = self.half_closed(now);
        if half_closed.until.is_none() {
            half_closed.until = Some(until);
            out.push(Command::Tick(timeout_ms));
        }
    }

    fn half_closed(&mut self, now: Now) -> &mut HalfClosed {
        let by = now.monotonic + self.listener.settings.limits.end_timeout();
        let why = if self.inbound.ended { "the client has ended" } else { "the venue has ended" };
        self.half_closed.get_or_insert(HalfClosed { why, by, until: None, is_over: false, waits: false })
    }

    /// Notes that the other side's time is up. When time has passed, this comes before anything else, so that a message that waits
    /// in the session is no more taken in than one that TCP still holds.
    pub(super) fn note_if_over(&mut self, now: Now) {
        let all_taken_in = !self.inbound.ended || self.inbound.unread.is_empty();
        if let Some(half_closed) = &mut self.half_closed {
            half_closed.is_over |= all_taken_in && half_closed.is_time_up(now);
        }
    }

    /// Closes both connections if the other side's time is up and no message waits for its decision, or if that takes too
    /// long.
    fn close_if_over(&mut self, now: Now, out: &mut Commands) {
        if !matches!(self.phase, Phase::Active) {
            return;
        }
        if self.half_closed.is_none() {
            // Messages still wait: they are given their time.
            out.push(Command::Tick(self.listener.settings.limits.end_timeout_ms));
        }
        let is_quiet = self.inbound.is_clear() && self.outbound.is_clear();
        let end_timeout_ms = self.listener.settings.limits.end_timeout_ms;
        let is_time_up = self.half_closed(now).is_time_up(now);
        self.note_if_over(now);
        let half_closed = self.half_closed(now);
        // A message that came before the client's end may still wait for a limit; the other side has its time all the same.
        if is_time_up && !half_closed.is_over && !std::mem::replace(&mut half_closed.waits, true) {
            out.push(Command::Tick(end_timeout_ms));
        }
        let (why, is_over) = (half_closed.why, half_closed.is_over);
        let is_overdue =
            now.monotonic >= half_closed.by && half_closed.until.is_none_or(|until| now.monotonic >= until);
        if is_over && is_quiet || is_overdue {
            self.hang_up(why, now, out);
        }
    }

    fn hang_up(&mut self, why: &'static str, now: Now, out: &mut Commands) {
        out.log(Level::Info, format!("session {}: {why}, and the other side did not end in time", self.name));
        self.end_both(why, now, out);
    }

    /// Ends both sides. Envoy closes a connection once both of its directions have ended, and sends before that what waits
    /// for the venue, which it would drop if the client's connection were closed.
    pub(super) fn end_both(&mut self, why: &'static str, now: Now, out: &mut Commands) {
        self.pass_end(Direction::Inbound, out);
        self.pass_end(Direction::Outbound, out);
        self.leave_until_closed(why, now, out);
    }

    /// Ignores the bytes of a message that an end cut off.
    #[cold]
    pub(super) fn drop_cut_message(&mut self, direction: Direction, out: &mut Commands) {
        let (name, direction_name) = (&self.name, direction.as_str());
        out.log(
            Level::Warn,
            format!("session {name}: the {direction_name} bytes ended in the middle of a message, which is ignored"),
        );
        self.lane(direction).unread.clear();
    }
}
