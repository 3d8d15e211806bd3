//! How the decision service, or a limit, ends a session: in sequence, by a Logout in the place of a message; or at once.
//!
//! The order to end may come with the answer about a message, which then becomes the Logout; or with the answer to a watch,
//! and then the next message is the one, whatever it is and whatever was to become of it. A client that sends nothing is
//! not waited for beyond `limits.end_timeout_ms`.
//!
//! After the last word to the client its connection is only half closed, and what it still sends is read and dropped until
//! it closes too: bytes left unread would make the close a reset, and a reset can take the last word with it.

use super::lane::Fate;
use super::redelivering::filled_to;
use super::{Now, Phase, Session};
use crate::command::{Command, Commands, Direction, Level};
use crate::decision::Denial;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::rewrite;
use crate::stats::Counter;
use std::time::Duration;

/// Why a session ended in sequence.
pub(super) const BY_SERVICE: &str = "session ended by the decision service";
/// See [`BY_SERVICE`].
pub(super) const BY_LIMIT: &str = "session ended by a limit";
/// See [`BY_SERVICE`].
pub(super) const BY_IDENTITY: &str = "session ended by a message of another version or with other CompIDs";

/// See [`BY_SERVICE`].
pub(super) const BY_SECOND_LOGON: &str = "session ended by a second Logon";

/// The order to end a session with the client's next message.
#[derive(Debug)]
pub(super) struct Doom {
    denial: Denial,
    why: &'static str,
    /// By then it ends without.
    deadline: Duration,
}

impl Doom {
    /// What the client is told.
    pub fn denial(&self) -> &Denial {
        &self.denial
    }
}

impl Session {
    /// The session is to end: what waits is not waited for, for its place is the Logout's.
    pub(super) fn doom(&mut self, denial: Denial, why: &'static str, now: Now, out: &mut Commands) {
        out.log(Level::Info, format!("session {}: is to end: {why}", self.name));
        let limits = &self.listener.settings.limits;
        out.push(Command::Tick(limits.end_timeout_ms));
        self.doom = Some(Doom { denial, why, deadline: now.monotonic + limits.end_timeout() });
        self.renewal = None;
        while let Some(waiting) = self.inbound.pop() {
            self.reread(&waiting.bytes, |session, message| session.end_or_refuse(message, now, out));
        }
        self.resume(Direction::Inbound, now, out);
    }

    /// Whether a message of the client's is the end of a doomed session, or takes it there.
    pub(super) fn end_if_doomed(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) {
        if let (Phase::Active, Some(doom)) = (&self.phase, &self.doom) {
            let (denial, why) = (doom.denial.clone(), doom.why);
            self.end(message, denial, why, now, out);
        }
    }

    /// The session ends with this message of the client's, in its turn; with the next fresh one, if it is a replay.
    pub(super) fn end_in_turn(
        &mut self,
        message: &Message<'_>,
        denial: Denial,
        why: &'static str,
        now: Now,
        out: &mut Commands,
    ) {
        if !message.poss_dup {
            return self.in_turn(message, Fate::End(denial, why), now, out);
        }
        self.doom(denial, why, now, out);
        self.end_if_doomed(message, now, out);
    }

    /// The session ends: a Logout takes the message's place, and the venue's answer closes.
    pub(super) fn end(
        &mut self,
        message: &Message<'_>,
        denial: Denial,
        why: &'static str,
        now: Now,
        out: &mut Commands,
    ) {
        out.count(Counter::InboundDenied);
        if message.poss_dup {
            // A Logout must come in sequence; the client's next fresh message will be it. A GapFill covers more numbers
            // than its own, and the venue waits for all of them.
            let is_fill = message.msg_type == MsgType::SEQUENCE_RESET && !message.is_reset();
            let to_number = filled_to(message).filter(|_| is_fill).unwrap_or(message.seq + 1);
            return self.send_own(Direction::Inbound, out, |ids, to| {
                rewrite::gap_fill_part(message, ids, message.seq, to_number, to);
            });
        }
        self.tell_limited(now, out);
        out.count(Counter::SessionsEnded);
        out.log(Level::Info, format!("session {}: a Logout goes to the venue: {why}", self.name));
        self.send_own(Direction::Inbound, out, |ids, to| rewrite::logout(message, ids, &denial, to));
        let limits = &self.listener.settings.limits;
        out.push(Command::Tick(limits.logout_timeout_ms));
        let deadline = now.monotonic + limits.logout_timeout();
        self.renewal = None;
        self.phase = Phase::Ending { denial, why, deadline, answered: false };
    }

    /// Time has passed: a doomed session whose client sends nothing ends without a Logout.
    pub(super) fn close_if_overdue(&mut self, now: Now, out: &mut Commands) {
        if self.doom.as_ref().is_some_and(|doom| now.monotonic >= doom.deadline) {
            out.count(Counter::SessionsEnded);
            self.close("session ended, the client sent nothing in time", out);
        }
    }

    /// The venue answered the Logout of ours, and all before its answer is delivered.
    pub(super) fn leave_if_ended(&mut self, now: Now, out: &mut Commands) {
        if let Phase::Ending { answered: true, why, .. } = self.phase
            && self.outbound.is_clear()
        {
            self.leave(why, now, out);
        }
    }

    /// The last word to the client is said: its turn to close, within `limits.logout_timeout_ms`.
    pub(super) fn leave(&mut self, why: &'static str, now: Now, out: &mut Commands) {
        self.pass_end(Direction::Outbound, out);
        if self.inbound.ended {
            return self.close(why, out);
        }
        self.leave_until_closed(why, now, out);
    }

    /// Nothing more is passed on. What still comes is read and dropped, and by the deadline both connections close.
    pub(super) fn leave_until_closed(&mut self, why: &'static str, now: Now, out: &mut Commands) {
        self.inbound.drop_all();
        self.outbound.drop_all();
        if std::mem::take(&mut self.reads_paused) {
            out.push(Command::ResumeReads);
        }
        let limits = &self.listener.settings.limits;
        out.push(Command::Tick(limits.logout_timeout_ms));
        self.phase = Phase::Leaving { deadline: now.monotonic + limits.logout_timeout(), why };
    }

    /// Both connections close at once.
    pub(super) fn disconnect(&mut self, out: &mut Commands) {
        out.count(Counter::SessionsDisconnected);
        self.close("disconnected by the decision service", out);
    }
}
