//! Venue to client: the filter asks about guarded types, and about messages that have other ids than the Logons. The
//! Heartbeats that answer the filter's own TestRequests become rejects. All other messages pass.

use super::echo::Echo;
use super::lane::Fate;
use super::{Phase, Session};
use crate::command::{Commands, Direction};
use crate::contract::identity::HeaderId;
use crate::decision::Decision;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::rewrite;
use crate::session::Now;
use crate::stats::Counter;
use crate::tags;
use crate::violation::Violation;

impl Session {
    /// Deals with one message of the venue's.
    #[inline]
    pub(super) fn outbound_message(
        &mut self,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> Result<(), Violation> {
        self.is_the_logons(Direction::Outbound, message)?;
        self.follow_venue(message, now);
        match message.msg_type {
            MsgType::HEARTBEAT => {
                let id = message.get(tags::TEST_REQ_ID);
                if let Some(is_answer) = id.and_then(|id| self.take_echo(message, id, now, out)) {
                    if !is_answer {
                        self.pass_or_ask(message, now, out);
                    }
                    self.resume_client(now, out);
                    return Ok(());
                }
                if self.carry_lost(message, now, out) {
                    return Ok(());
                }
            }
            // A Logon with 141=Y leaves what is pending: it begins the numbers that this already counts by.
            MsgType::LOGON => {
                self.forget_if_anew(message, now);
                self.follow_heartbeats(message);
                self.note_venues_reset(message, now, out);
            }
            MsgType::RESEND_REQUEST => {
                self.note_resend_request(message, now, out);
                self.pass_or_ask(message, now, out);
                self.resume_client(now, out);
                return Ok(());
            }
            MsgType::SEQUENCE_RESET => {
                self.reset_or_fill(message, now, out);
                return Ok(());
            }
            MsgType::LOGOUT if self.end_by_venue(message, now, out) => return Ok(()),
            _ => {}
        }
        self.pass_or_ask(message, now, out);
        Ok(())
    }

    /// A Heartbeat with this TestReqID (112) carries an answer of ours to the client. `None`: its TestRequest is not ours; `false`:
    /// the client has had the answer. Afterwards there may be room for more of the client's messages.
    pub(super) fn take_echo(
        &mut self,
        heartbeat: &Message<'_>,
        id: &[u8],
        now: Now,
        out: &mut Commands,
    ) -> Option<bool> {
        let (echo, overdue) = self.echoes.take(id)?;
        out.count_many(Counter::RejectsOverdue, overdue);
        let was_told = self.was_told(&echo, now);
        if !was_told {
            self.answer_client(heartbeat, &echo, now, out);
        }
        Some(!was_told)
    }

    /// A Heartbeat that answers nothing carries a reject that an earlier connection lost; `false`: there is none.
    fn carry_lost(&mut self, heartbeat: &Message<'_>, now: Now, out: &mut Commands) -> bool {
        let Some(echo) = self.take_lost(heartbeat, now) else { return false };
        self.answer_client(heartbeat, &echo, now, out);
        true
    }

    /// The venue's Logout answers ours, and says to the client why the session ends; `false`: none of ours is up.
    pub(super) fn end_by_venue(&mut self, logout: &Message<'_>, now: Now, out: &mut Commands) -> bool {
        let Phase::Ending { denial, answered, .. } = &mut self.phase else { return false };
        *answered = true;
        let denial = denial.clone();
        self.replace(logout, out, |ids, to| rewrite::ended(logout, ids, &denial, to));
        self.leave_if_ended(now, out);
        true
    }

    /// The venue resets its numbers or fills a gap. A GapFill that the service is asked about is not replaced by old rejects.
    fn reset_or_fill(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) {
        if message.is_reset() {
            self.echoes.clear();
            self.forget_kept(now);
            self.pass_or_ask(message, now, out);
            self.resume_client(now, out);
        } else {
            self.follow_fill(message);
            if self.names_another(Direction::Outbound, message) || !self.put_back(message, now, out) {
                self.pass_or_ask(message, now, out);
            }
        }
    }

    /// Passes a message in its turn, or asks about it.
    #[inline]
    fn pass_or_ask(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) {
        let asks = self.asks(Direction::Outbound, message.msg_type, now);
        if asks || self.names_another(Direction::Outbound, message) {
            self.ask_about(Direction::Outbound, message, now, out);
        } else {
            self.pass_outbound(message, out);
        }
    }

    /// Passes a message that nobody is asked about, in its turn.
    #[inline]
    fn pass_outbound(&mut self, message: &Message<'_>, out: &mut Commands) {
        self.note_venue(message);
        if self.outbound.is_clear() {
            self.forward_outbound(message.bytes, out);
            self.learn_free(Direction::Outbound, message);
        } else {
            self.outbound.push(message.bytes, message.msg_type, Fate::Pass);
        }
    }

    /// The venue's Heartbeat carries an answer of ours to the client.
    fn answer_client(&mut self, heartbeat: &Message<'_>, echo: &Echo, now: Now, out: &mut Commands) {
        let mut bytes = Vec::with_capacity(heartbeat.bytes.len() + 64);
        let ids = self.own_ids(Direction::Outbound);
        match echo {
            Echo::Reject(rejected) => {
                out.count(Counter::RejectsDelivered);
                self.note_told(rejected.seq, now);
                rewrite::reject(heartbeat, ids, rejected, &mut bytes);
            }
            Echo::UserResponse(response) => rewrite::user_response(heartbeat, ids, response, &mut bytes),
        }
        self.keep_sent(heartbeat.seq, &bytes, now);
        self.replace(heartbeat, out, |_, to| to.extend_from_slice(&bytes));
    }

    /// Fewer answers are on their way than before; the client may be waiting for room.
    pub(super) fn resume_client(&mut self, now: Now, out: &mut Commands) {
        if !self.inbound.unread.is_empty() {
            self.resume(Direction::Inbound, now, out);
        }
    }

    /// Sends a message of ours, which `write` makes with these optional ids, in the turn of the venue's.
    pub(super) fn replace(
        &mut self,
        message: &Message<'_>,
        out: &mut Commands,
        write: impl FnOnce(&[HeaderId], &mut Vec<u8>),
    ) {
        if self.outbound.is_clear() {
            return self.send_own(Direction::Outbound, out, write);
        }
        let mut bytes = Vec::with_capacity(message.bytes.len() + 64);
        write(self.own_ids(Direction::Outbound), &mut bytes);
        self.outbound.push(&bytes, message.msg_type, Fate::Own);
    }

    #[inline]
    pub(super) fn forward_outbound(&mut self, bytes: &[u8], out: &mut Commands) {
        self.forward_many(Direction::Outbound, bytes, 1, out);
    }

    /// Passes so many messages on as they stand.
    #[inline]
    pub(super) fn forward_many(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        messages: usize,
        out: &mut Commands,
    ) {
        let counter = match direction {
            Direction::Inbound => Counter::InboundForwarded,
            Direction::Outbound => Counter::OutboundForwarded,
        };
        out.count_many(counter, messages);
        out.send(direction, bytes);
    }

    /// Carries out the decision on a message whose turn has come: what the client may not see becomes a GapFill.
    pub(super) fn apply_outbound(&mut self, bytes: &[u8], decision: Decision, out: &mut Commands) {
        match decision {
            Decision::Forward(_) => {
                self.note_if_venues_logon(bytes);
                self.forward_outbound(bytes, out);
            }
            Decision::Disconnect => self.disconnect(out),
            Decision::Reject(_) | Decision::Logout(_) => {
                out.count(Counter::OutboundDenied);
                self.reread(bytes, |session, message| {
                    session.send_own(Direction::Outbound, out, |ids, to| rewrite::gap_fill(message, ids, to));
                });
            }
        }
    }
}
