//! Applying the decision service's answers: each to the messages that it is about, and these in their order.

use super::lane::{Fate, Waiting};
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction};
use crate::contract::response;
use crate::decision::{Answer, Decision};
use crate::failure::Failure;
use crate::frame::{Frame, next_frame_by};
use crate::message::{Message, parse};
use crate::rewrite;
use crate::stats::Counter;
use std::sync::Arc;
use std::time::Duration;

impl Session {
    /// Applies the answer to any Check after the Logon, or the Check's failure.
    pub(super) fn answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        let held = self.is_confirming();
        self.take_answer(id, answer, now, out);
        if held && !self.is_confirming() {
            self.go_on(now, out);
        }
    }

    /// Releases the messages that were held until the terms are confirmed. If the terms are still in doubt, messages that
    /// would pass by the terms or by a cached decision are asked about first.
    pub(super) fn go_on(&mut self, now: Now, out: &mut Commands) {
        if self.are_terms_in_doubt() {
            self.decide_anew(now, out, |fate| matches!(fate, Fate::Reuse(_) | Fate::Pass));
        }
        for direction in [Direction::Inbound, Direction::Outbound] {
            if !matches!(self.phase, Phase::Closed) {
                self.apply_ready(direction, now, out);
                self.resume(direction, now, out);
            }
        }
        self.leave_if_ended(now, out);
    }

    fn take_answer(&mut self, id: CheckId, answer: Result<&[u8], Failure>, now: Now, out: &mut Commands) {
        if self.watch_answered(id, answer, now, out) {
            return;
        }
        if answer.is_ok() {
            self.confirm_if_unwatched(now, out);
        }
        if self.renewal_answered(id, answer, now, out) || self.refresh_answered(id, answer, now, out) {
            return;
        }
        self.message_answered(id, answer, now, out);
    }

    /// Applies the answer to a Check about one or more messages, or the Check's failure.
    fn message_answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            match self.lane(direction).waiting_for(id) {
                0 => continue,
                1 => self.one_answered(direction, id, answer, now, out),
                count => self.several_answered(direction, id, count, answer, now, out),
            }
            if !matches!(self.phase, Phase::Closed) {
                self.apply_ready(direction, now, out);
                self.resume(direction, now, out);
                self.leave_if_ended(now, out);
            }
            return;
        }
    }

    fn one_answered(
        &mut self,
        direction: Direction,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        let Some((waiting, since)) = self.lane(direction).asked(id) else { return };
        let msg_type = waiting.msg_type;
        let answer = self.read_answer(answer, response::answer, since, now, out);
        let answer = self.without_undecided(direction, answer);
        if answer.is_ok() {
            self.end_hold_if_probe(id, out);
        }
        let fate = match answer {
            Ok(Answer::Decided(Decision::Disconnect, _)) => return self.disconnect(out),
            Ok(Answer::OtherTerms(terms, state)) => {
                return self.ask_by_other_terms(id, terms, state, now, out);
            }
            Ok(Answer::Decided(Decision::Forward(_), state)) if self.is_outdated(id, &state) => {
                self.note_state(state, now, out); // It may have one change, and lack another.
                return self.ask_anew(direction, id, 1, now, out);
            }
            Ok(Answer::Decided(decision, state)) => {
                self.report_unanswered(now, out);
                self.note_state(state, now, out);
                self.charge_if_denied(direction, id, &decision, now, out);
                self.learn(direction, id, &decision, now, out);
                Fate::Decided(decision)
            }
            Err(failure) => match self.reuse_stale(direction, id, failure, now, out) {
                Some(account) => {
                    self.lane(direction).settle(id, Fate::Reuse(account));
                    return self.hold_the_rest(id, failure, now, out);
                }
                None if self.hold_back(direction, id, failure, now, out) => return,
                None => Fate::Decided(self.decide_unanswered(direction, id, msg_type, failure, out)),
            },
        };
        self.lane(direction).settle(id, fate);
    }

    /// Reads an answer with `read`.
    pub(super) fn read_answer<T>(
        &self,
        answer: Result<&[u8], Failure>,
        read: impl FnOnce(&[u8]) -> Result<T, Failure>,
        since: Duration,
        now: Now,
        out: &mut Commands,
    ) -> Result<T, Failure> {
        let micros = now.monotonic.saturating_sub(since).as_micros();
        out.push(Command::CheckLatency(u64::try_from(micros).unwrap_or(u64::MAX)));
        let answered = answer.and_then(read);
        if let Err(failure) = &answered {
            out.count(Counter::ChecksFailed);
            out.count(failure.counter());
        }
        answered
    }

    /// Carries out what is known of a message of the client's, in its turn.
    pub(super) fn in_turn(&mut self, message: &Message<'_>, fate: Fate, now: Now, out: &mut Commands) {
        self.inbound.push(message.bytes, message.msg_type, fate);
        self.apply_ready(Direction::Inbound, now, out);
    }

    /// Forwards, replaces or drops the messages at the head of the queue that are decided.
    pub(super) fn apply_ready(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        if direction == Direction::Inbound && self.waits_for_last_words() {
            return;
        }
        while !(self.is_confirming() && self.lane(direction).is_first_undecided())
            && let Some(waiting) = self.lane(direction).pop_ready()
        {
            match direction {
                // Nothing goes up behind the Logout.
                Direction::Inbound if matches!(self.phase, Phase::Active) => {
                    self.apply_fate(waiting, now, out);
                }
                Direction::Inbound => {}
                Direction::Outbound => {
                    if let Fate::Reuse(account) = waiting.fate {
                        self.account(account, now, out);
                    }
                    self.apply_outbound(&waiting.bytes, waiting.fate.decision(), out);
                }
            }
        }
    }

    fn apply_fate(&mut self, Waiting { bytes, msg_type, fate, .. }: Waiting, now: Now, out: &mut Commands) {
        match fate {
            Fate::Respond(response) => self.respond(&bytes, response, now, out),
            Fate::Fill => self.reread(&bytes, |session, message| {
                session.send_own(Direction::Inbound, out, |ids, to| rewrite::gap_fill(message, ids, to));
            }),
            Fate::Retire => self.reread(&bytes, |session, message| session.retire(message, now, out)),
            Fate::End(denial, why) => {
                self.reread(&bytes, |session, message| session.end(message, denial, why, now, out));
            }
            Fate::Reset(credential) => {
                self.reread(&bytes, |session, message| session.reset(message, credential, now, out));
            }
            Fate::Refuse(denial) => {
                self.reread(&bytes, |session, message| session.refuse_reset(message, &denial, now, out));
            }
            Fate::Malformed(fault) => {
                self.reread(&bytes, |session, message| session.reject_malformed(message, *fault, now, out));
            }
            Fate::Reuse(account) => {
                self.account(account, now, out);
                self.forward_inbound(&bytes, out);
            }
            fate => self.apply_inbound(&bytes, msg_type, fate.decision(), now, out),
        }
    }

    /// Reads a message again that was read before: the queue keeps bytes, and a denial is rare.
    pub(super) fn reread(&mut self, bytes: &[u8], then: impl FnOnce(&mut Self, &Message<'_>)) {
        let listener = Arc::clone(&self.listener);
        let (limits, framing) = (&listener.settings.limits, &listener.settings.framing);
        let mut fields = std::mem::take(&mut self.fields);
        if let Ok(Frame::Complete { version, .. }) = next_frame_by(bytes, bytes.len(), framing) {
            let fields_limit = limits.max_fields as usize;
            if let Ok(message) = parse(bytes, version, &listener.profile, fields_limit, &mut fields) {
                then(self, &message);
            }
        }
        self.fields = fields;
    }
}
