//! Taking bytes in: messages off the stream while there is room, and backpressure.

use super::lane::Unread;
use super::{Listener, Now, Phase, Session};
use crate::command::{Command, Commands, Direction};
use crate::frame::{Frame, claimed_end, next_frame_by};
use crate::garbled::{Garbled, end_of_garbled};
use crate::message::{Departure, Field, parse};
use crate::oversize::Oversize;
use crate::stats::Counter;
use crate::violation::Violation;
use std::sync::Arc;

impl Session {
    /// Bytes arrived; `end` says that none will follow. A [`Command::Forward`] speaks of these bytes, so the commands are
    /// to be carried out before more are handed in.
    pub fn receive(&mut self, direction: Direction, bytes: &[u8], end: bool, now: Now, out: &mut Commands) {
        out.lend(bytes);
        self.read(direction, bytes, end, now, out);
        self.send_open(now, out);
        out.give_back();
        self.cut_if_quiet(now, out);
        self.follow_ends(now, out);
    }

    fn read(&mut self, direction: Direction, bytes: &[u8], end: bool, now: Now, out: &mut Commands) {
        match self.phase {
            Phase::Closed => return,
            Phase::Leaving { why, .. } if end && direction == Direction::Inbound => {
                return self.close(why, out);
            }
            Phase::Leaving { .. } => return,
            // What comes behind a violation is read and dropped, so that the end is no reset.
            _ if self.breaking.is_some() => return,
            _ => {}
        }
        self.note_heard(direction, now);
        let lane = self.lane(direction);
        lane.ended |= end;
        let mut unread = std::mem::take(&mut lane.unread);
        let rest = self.splice(direction, &mut unread, bytes, now, out);
        let taken = if unread.is_empty() { self.take_in(direction, rest, now, out) } else { 0 };
        unread.extend_from_slice(rest.get(taken..).unwrap_or_default());
        self.settle(direction, unread, out);
    }

    /// Completes the message that the last bytes cut, with as little of `whole` as that takes, and gives the rest back:
    /// what is behind it can be read where it stands.
    fn splice<'a>(
        &mut self,
        direction: Direction,
        unread: &mut Unread,
        whole: &'a [u8],
        now: Now,
        out: &mut Commands,
    ) -> &'a [u8] {
        const STEP: usize = 512;
        let mut bytes = whole;
        while !unread.is_empty() && !bytes.is_empty() && !self.is_blocked(direction) {
            let (step, rest) = bytes.split_at(bytes.len().min(STEP));
            unread.extend_from_slice(step);
            let taken = self.take_in(direction, unread.rest(), now, out);
            unread.take(taken);
            bytes = rest;
            if taken > 0 && unread.len() <= step.len() {
                // All that is left came with this step: read it in place.
                bytes = whole.get(whole.len() - rest.len() - unread.len()..).unwrap_or_default();
                unread.clear();
            }
        }
        bytes
    }

    /// Whether bytes from the venue are taken; else they must wait outside.
    pub fn takes_outbound(&self) -> bool {
        let has_room = !(self.outbound.is_full() || self.is_confirming());
        (self.outbound.unread.is_empty() || has_room) && !self.is_cut_off()
    }

    /// No message of this direction may be taken in for now.
    #[inline]
    pub(super) fn is_blocked(&self, direction: Direction) -> bool {
        let limits = &self.listener.settings.limits;
        match (&self.phase, direction) {
            _ if self.breaking.is_some() => true,
            (Phase::AwaitingLogon, Direction::Inbound) => false,
            (Phase::Active, _) if self.is_over() => true,
            (Phase::Active, Direction::Inbound) if self.waits_for_last_words() => true,
            (Phase::Active, Direction::Inbound) if self.is_closing() => true,
            // What ends the session needs no room.
            (Phase::Active, Direction::Inbound) if self.doom.is_some() => false,
            (Phase::Active, Direction::Inbound) => {
                self.renewal.is_some()
                    || self.is_confirming()
                    || self.inbound.is_full()
                    || self.is_share_used_up()
                    || self.echoes.len() >= limits.max_pending_rejects as usize
            }
            (_, Direction::Outbound) if self.is_cut_off() => true,
            (Phase::Active, Direction::Outbound) if self.is_confirming() => true,
            // Nothing stands behind the venue's last word.
            (Phase::Active | Phase::Ending { answered: false, .. }, Direction::Outbound) => {
                self.outbound.is_full()
            }
            _ => true,
        }
    }

    /// Reads messages off the head of `bytes` as long as there is room, and says how many bytes that took.
    pub(super) fn take_in(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        now: Now,
        out: &mut Commands,
    ) -> usize {
        self.confirm_if_reached(now, out);
        let listener = Arc::clone(&self.listener);
        let mut fields = std::mem::take(&mut self.fields);
        let mut at = 0;
        while at < bytes.len() && !self.is_blocked(direction) {
            let taken = if self.lane(direction).oversize.is_some() {
                self.take_oversize(direction, bytes.get(at..).unwrap_or_default(), now, out)
            } else {
                at += self.pass_known(direction, bytes.get(at..).unwrap_or_default(), now, out);
                let rest = bytes.get(at..).unwrap_or_default();
                self.take_one(&listener, direction, rest, &mut fields, now, out)
            };
            match taken {
                Ok(0) if self.lane(direction).oversize.is_some() => {}
                Ok(0) => break,
                Ok(len) => at += len,
                Err(violation) => {
                    self.violate(direction, violation, now, out);
                    break;
                }
            }
        }
        self.fields = fields;
        at
    }

    /// Reads one message and deals with it: its length, or 0 if it is not whole yet.
    #[inline]
    fn take_one(
        &mut self,
        listener: &Listener,
        direction: Direction,
        bytes: &[u8],
        fields: &mut Vec<Field>,
        now: Now,
        out: &mut Commands,
    ) -> Result<usize, Violation> {
        let (limits, framing) = (&listener.settings.limits, &listener.settings.framing);
        let (len, version) = match next_frame_by(bytes, limits.max_message_bytes as usize, framing) {
            Ok(Frame::Complete { len, version, .. }) => (len, version),
            Ok(Frame::Partial) => return Ok(0),
            Err(violation) => return self.pass_over(listener, direction, bytes, violation, now, out),
        };
        let bytes = bytes.get(..len).unwrap_or_default();
        let taken = match parse(bytes, version, &listener.profile, limits.max_fields as usize, fields) {
            Ok(message) => match direction {
                Direction::Inbound => self.inbound_message(&message, now, out).map_err(Departure::from),
                Direction::Outbound => self.outbound_message(&message, now, out).map_err(Departure::from),
            },
            Err(violation) => {
                Err(Departure::locate(bytes, &listener.profile, limits.max_fields as usize, violation))
            }
        };
        if let Err(departure) = taken {
            self.answer_malformed(direction, bytes, departure, now, out)?;
        }
        Ok(len)
    }

    /// Passes over a garbled message: how many bytes that is, or 0 if its end is not there yet.
    #[cold]
    fn pass_over(
        &mut self,
        listener: &Listener,
        direction: Direction,
        bytes: &[u8],
        violation: Violation,
        now: Now,
        out: &mut Commands,
    ) -> Result<usize, Violation> {
        let (limits, framing) = (&listener.settings.limits, &listener.settings.framing);
        if !self.is_answering(direction) {
            return Err(violation);
        }
        if violation == Violation::TooLong {
            // What is inside such a message must not be taken for messages, so beyond this there is nothing to pass over.
            let most = (limits.max_message_bytes as usize).saturating_mul(Oversize::MOST_LIMITS);
            let claimed = claimed_end(bytes, framing).ok().flatten();
            let len = claimed.filter(|len| *len <= most).ok_or(violation)?;
            self.lane(direction).oversize = Some(Box::new(Oversize::new(len)));
            return Ok(0);
        }
        match end_of_garbled(bytes, limits.max_message_bytes as usize, framing)? {
            Garbled::Partial => Ok(0),
            Garbled::Until(len) => {
                self.ignore_garbled(direction, bytes.get(..len).unwrap_or_default(), violation, now, out)?;
                Ok(len)
            }
        }
    }

    /// Keeps what was not taken in, and starts or stops reading.
    pub(super) fn settle(&mut self, direction: Direction, unread: Unread, out: &mut Commands) {
        if let Some(share) = &mut self.share {
            share.note(self.inbound.asked_weight());
        }
        if matches!(self.phase, Phase::Leaving { .. } | Phase::Closed) || self.breaking.is_some() {
            return;
        }
        let blocked = self.is_blocked(direction);
        let lane = self.lane(direction);
        lane.unread = unread;
        if lane.ended && !blocked && !lane.unread.is_empty() {
            self.drop_cut_message(direction, out);
        }
        if matches!(self.phase, Phase::AwaitingLogon) && self.inbound.ended {
            return self.close("the client left without a Logon", out);
        }
        if direction == Direction::Inbound {
            self.pace_reads(blocked, out);
        }
    }

    pub(super) fn pass_end(&mut self, direction: Direction, out: &mut Commands) {
        if self.lane(direction).pass_end() {
            out.push(Command::End(direction));
        }
    }

    pub(super) fn pace_reads(&mut self, blocked: bool, out: &mut Commands) {
        let unread = self.inbound.unread.len();
        let pause = match self.phase {
            // One message's worth may run ahead of the decision on the Logon.
            Phase::Authorizing { .. } => unread > self.listener.settings.limits.max_message_bytes as usize,
            _ => blocked && unread > 0,
        };
        if pause && !self.reads_paused {
            out.count(Counter::ReadsPaused);
            out.push(Command::PauseReads);
        } else if !pause && self.reads_paused {
            out.push(Command::ResumeReads);
        }
        self.reads_paused = pause;
        // Something else may have paused the reads before. A session that ends does not wait for rejects.
        let limits = &self.listener.settings.limits;
        let is_full = self.echoes.len() >= limits.max_pending_rejects as usize;
        let awaits_rejects = pause && is_full && matches!(self.phase, Phase::Active);
        if awaits_rejects && !self.awaits_rejects {
            self.wait_for_rejects(out);
        }
        self.awaits_rejects = awaits_rejects;
    }

    /// Goes on with what is unread, after room was made.
    pub(super) fn resume(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        self.ask_again_while_room(direction, now, out);
        let mut unread = std::mem::take(&mut self.lane(direction).unread);
        let taken = self.take_in(direction, unread.rest(), now, out);
        unread.take(taken);
        self.settle(direction, unread, out);
    }
}
