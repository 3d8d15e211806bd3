//! Messages that depart from the strict profile: never forwarded, and no end of the session.
//!
//! A message in an exact frame is answered in sequence, as an engine would. The client's gets a session Reject (35=3), by the same echo as
//! a denial; a replay becomes a GapFill. The venue's becomes a GapFill: it was decided, and refused. Bytes that are no message are
//! ignored, and the gap in the numbers heals it. A message of another version or with other CompIDs ends the session in sequence.
//!
//! Each is counted and reported for the audit. With one too many within a minute (`limits.violations_per_minute`) the session ends.

use super::ending::{BY_IDENTITY, BY_LIMIT};
use super::lane::Fate;
use super::{Now, Phase, Session};
use crate::command::{Commands, Direction, Level};
use crate::decision::{Denial, OTHER};
use crate::frame;
use crate::malformed::{self, Fault, Malformed};
use crate::message::{Departure, Message};
use crate::msg_type::MsgType;
use crate::rewrite::{self, Rejected};
use crate::stats::Counter;
use crate::tags;
use crate::violation::Violation;
use std::sync::Arc;

impl Session {
    /// Answers a message in an exact frame that departs from the profile, or is not this session's.
    ///
    /// # Errors
    /// It cannot be answered: no Logon was authorized yet, or its number cannot be read.
    #[cold]
    pub(super) fn answer_malformed(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        departure: Departure,
        now: Now,
        out: &mut Commands,
    ) -> Result<(), Violation> {
        let listener = Arc::clone(&self.listener);
        let violation = departure.violation;
        let identity = self.identity.as_ref().filter(|_| self.is_answering(direction)).ok_or(violation)?;
        let malformed =
            Malformed::read(bytes, departure, direction, identity, &listener.profile).ok_or(violation)?;
        match direction {
            Direction::Inbound => self.answer_client_malformed(malformed, violation, now, out),
            // Whose session it is, the client cannot tell the venue.
            Direction::Outbound if malformed.is_foreign() => return Err(Violation::ForeignIdentity),
            Direction::Outbound => self.fill_malformed(bytes, &malformed, violation, now, out),
        }
        Ok(())
    }

    /// Ignores bytes that are no message; those of another version end the session.
    ///
    /// # Errors
    /// There were too many of them.
    #[cold]
    pub(super) fn ignore_garbled(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        violation: Violation,
        now: Now,
        out: &mut Commands,
    ) -> Result<(), Violation> {
        if violation == Violation::BeginString && frame::is_exact(bytes, &self.listener.settings.framing) {
            return self.answer_malformed(direction, bytes, violation.into(), now, out);
        }
        out.count(Counter::Garbled);
        if self.note_violation(direction, &format!("{violation}: ignored"), now, out) {
            Err(violation)
        } else {
            Ok(())
        }
    }

    /// Takes bytes of a message that is longer than the limit, and answers it once it is whole.
    ///
    /// # Errors
    /// As of the others.
    #[cold]
    pub(super) fn take_oversize(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        now: Now,
        out: &mut Commands,
    ) -> Result<usize, Violation> {
        let Some(mut oversize) = self.lane(direction).oversize.take() else { return Ok(0) };
        let taken = oversize.take(bytes);
        if !oversize.is_whole() {
            self.lane(direction).oversize = Some(oversize);
        } else if oversize.is_exact() && frame::begins_with_msg_type(oversize.head()) {
            self.answer_malformed(direction, oversize.head(), Violation::TooLong.into(), now, out)?;
        } else {
            self.ignore_garbled(direction, oversize.head(), Violation::BodyLength, now, out)?;
        }
        Ok(taken)
    }

    /// Both sides have logged on, and the session has not ended.
    pub(super) fn is_answering(&self, direction: Direction) -> bool {
        let logged_on = !self
            .identity
            .as_ref()
            .is_none_or(|identity| direction == Direction::Outbound && identity.awaits_venue());
        let open = match self.phase {
            Phase::Active => true,
            Phase::Ending { answered, .. } => direction == Direction::Outbound && !answered,
            _ => false,
        };
        logged_on && open
    }

    /// Counts and reports a violation that does not end the session by itself; `true`: there were too many of them.
    fn note_violation(&mut self, direction: Direction, words: &str, now: Now, out: &mut Commands) -> bool {
        self.send_open(now, out); // Checks go out in the order of what they ask about.
        out.count(Counter::Violations);
        self.report(direction, "violation", words, now, out);
        out.log(Level::Warn, format!("session {}: {} violation: {words}", self.name, direction.as_str()));
        let most = self.listener.settings.limits.violations_per_minute;
        let exceeded = self.violations.add(now.monotonic);
        if exceeded {
            self.report(
                direction,
                "limit",
                &format!("session ended by `limits.violations_per_minute` ({most})"),
                now,
                out,
            );
        }
        exceeded
    }

    fn answer_client_malformed(
        &mut self,
        malformed: Malformed,
        violation: Violation,
        now: Now,
        out: &mut Commands,
    ) {
        let Malformed { header, fault, is_other_version, is_other_comp_id } = malformed;
        let (words, end) = if is_other_version {
            (Violation::ForeignIdentity.text().to_owned(), Some(("Incorrect BeginString", BY_IDENTITY)))
        } else if is_other_comp_id {
            (Violation::ForeignIdentity.text().to_owned(), Some(("CompID problem", BY_IDENTITY)))
        } else {
            (said_of(&fault, violation), None)
        };
        let exceeded = self.note_violation(Direction::Inbound, &words, now, out);
        let end =
            end.or_else(|| exceeded.then_some(("Session ended: too many malformed messages", BY_LIMIT)));
        self.reread(&header, |session, message| {
            if session.doom.is_some() {
                return session.end_if_doomed(message, now, out);
            }
            match end {
                Some((text, why)) => {
                    let denial = Denial::new(text.as_bytes(), OTHER, None);
                    session.end_in_turn(message, denial, why, now, out);
                }
                None => session.in_turn(message, Fate::Malformed(Box::new(fault)), now, out),
            }
        });
    }

    /// Rejects a message of the client's whose turn has come.
    pub(super) fn reject_malformed(
        &mut self,
        message: &Message<'_>,
        fault: Fault,
        now: Now,
        out: &mut Commands,
    ) {
        out.count(Counter::InboundDenied);
        if message.poss_dup {
            return self.send_own(Direction::Inbound, out, |ids, to| rewrite::gap_fill(message, ids, to));
        }
        self.echo(message, Rejected::malformed(message, fault), now, out);
    }

    /// Fills the number of a venue's message. A Heartbeat that answers a TestRequest of the gateway's still becomes the answer.
    fn fill_malformed(
        &mut self,
        bytes: &[u8],
        malformed: &Malformed,
        violation: Violation,
        now: Now,
        out: &mut Commands,
    ) {
        let exceeded =
            self.note_violation(Direction::Outbound, &said_of(&malformed.fault, violation), now, out);
        let mut is_ours = false;
        self.reread(&malformed.header, |session, message| {
            session.follow_venue(message, now);
            let is_beat = malformed.fault.msg_type == MsgType::HEARTBEAT.as_bytes();
            let id = malformed::first(bytes, tags::TEST_REQ_ID).filter(|_| is_beat);
            let answered = id.and_then(|id| session.take_echo(message, id, now, out));
            is_ours = answered.is_some();
            if answered == Some(true)
                || message.msg_type == MsgType::LOGOUT && session.end_by_venue(message, now, out)
            {
                return;
            }
            out.count(Counter::OutboundDenied);
            session.replace(message, out, |ids, to| rewrite::gap_fill(message, ids, to));
        });
        // What follows for the client comes last: it may end the connections.
        if is_ours {
            self.resume_client(now, out);
        }
        if exceeded && self.doom.is_none() && matches!(self.phase, Phase::Active) {
            let denial = Denial::new(b"Session ended: too many malformed messages of the venue", OTHER, None);
            self.doom(denial, BY_LIMIT, now, out);
        }
    }
}

/// What the audit and the log say of a message that was refused.
fn said_of(fault: &Fault, violation: Violation) -> String {
    match &fault.tag {
        Some(tag) => format!("{violation} (tag {})", String::from_utf8_lossy(tag)),
        None => violation.to_string(),
    }
}
