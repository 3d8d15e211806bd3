//! Checks about several messages: those that one event brought, where the service offers to judge them so.
//!
//! Such a Check is open until the event is dealt with, or until it is full; no message waits for others to come. Each
//! message keeps its own place in the queue and has its own fate, so that nothing else knows how many were asked about at
//! once. Where decisions are kept there is no such Check, because what an answer rests on is said of one message.

use super::lane::Fate;
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction};
use crate::contract::batch::{self, Batch, Verdicts};
use crate::contract::request::Event;
use crate::decision::{Allowance, Answer, Decision};
use crate::failure::Failure;
use crate::message::Message;
use crate::stats::Counter;

/// A Check that has not gone out yet.
#[derive(Debug)]
pub(super) struct Open {
    id: CheckId,
    batch: Batch,
}

impl Session {
    /// How many messages one Check may be about. Header fields that the settings ask for are one message's.
    pub(super) fn most_at_once(&self) -> usize {
        let alone = self.cache.is_on() || !self.listener.settings.tag_headers.is_empty();
        if alone { 1 } else { self.terms.batch.max(1) }
    }

    /// Asks about `message` together with others of this event, up to `most` of them.
    pub(super) fn ask_with_others(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        most: usize,
        now: Now,
        out: &mut Commands,
    ) -> CheckId {
        if let Some(mut open) = self.lane(direction).open.take() {
            if open.batch.takes(message, most) {
                open.batch.add(self.envelope("", now), message, &self.terms);
                let id = open.id;
                self.lane(direction).open = Some(open);
                return id;
            }
            self.send(*open, now, out);
        }
        let (id, name) = self.next_check();
        let batch = Batch::begin(self.envelope(&name, now), direction, message, &self.terms);
        self.lane(direction).open = Some(Box::new(Open { id, batch }));
        id
    }

    /// The event is dealt with, or something else is to be asked: what is open goes out.
    pub(super) fn send_open(&mut self, now: Now, out: &mut Commands) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            if let Some(open) = self.lane(direction).open.take()
                && matches!(self.phase, Phase::Active | Phase::Ending { .. })
            {
                self.send(*open, now, out);
            }
        }
    }

    fn send(&mut self, Open { id, batch }: Open, now: Now, out: &mut Commands) {
        let request = batch.request(self.envelope(&self.check_name(id), now));
        let timeout_ms = self.listener.settings.check.timeout_ms;
        out.count(Counter::Checks);
        out.push(Command::Check { id, frame: request.frame(), timeout_ms });
    }

    /// The answer to a Check about `count` messages, or its failure.
    pub(super) fn several_answered(
        &mut self,
        direction: Direction,
        id: CheckId,
        count: usize,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        let Some((_, since)) = self.lane(direction).asked(id) else { return };
        let verdicts = self.read_answer(answer, |body| batch::verdicts(body, count), since, now, out);
        if verdicts.is_ok() {
            self.end_hold_if_probe(id, out);
            self.report_unanswered(now, out);
        }
        match verdicts {
            Ok(Verdicts::Allowed(state) | Verdicts::Until(_, Answer::Decided(_, state)))
                if self.is_outdated(id, &state) =>
            {
                self.note_state(state, now, out);
                self.ask_anew(direction, id, count, now, out);
            }
            Ok(Verdicts::Allowed(state)) => {
                self.note_state(state, now, out);
                self.allow(direction, id, count);
            }
            Ok(Verdicts::Denied(Answer::OtherTerms(terms, state))) => {
                self.ask_by_other_terms(id, terms, state, now, out);
            }
            Ok(Verdicts::Denied(Answer::Decided(Decision::Reject(denial), _)))
                if self.is_undecided(direction, &denial) =>
            {
                self.hold_back(direction, id, Failure::Undecided, now, out);
            }
            Ok(Verdicts::Denied(Answer::Decided(Decision::Disconnect, _))) => self.disconnect(out),
            Ok(Verdicts::Denied(Answer::Decided(decision, state))) => {
                self.note_state(state, now, out);
                self.charge_if_denied(direction, id, &decision, now, out);
                (0..count).for_each(|_| self.lane(direction).settle(id, Fate::Decided(decision.clone())));
            }
            Ok(Verdicts::Until(allowed, Answer::OtherTerms(terms, state))) => {
                self.allow(direction, id, allowed);
                self.ask_by_other_terms(id, terms, state, now, out);
            }
            Ok(Verdicts::Until(allowed, Answer::Decided(Decision::Disconnect, _))) => {
                self.allow(direction, id, allowed);
                self.apply_ready(direction, now, out);
                self.disconnect(out);
            }
            Ok(Verdicts::Until(allowed, Answer::Decided(Decision::Reject(denial), _)))
                if self.is_undecided(direction, &denial) =>
            {
                self.allow(direction, id, allowed);
                self.hold_back(direction, id, Failure::Undecided, now, out);
            }
            Ok(Verdicts::Until(allowed, Answer::Decided(decision, state))) => {
                self.note_state(state, now, out);
                self.allow(direction, id, allowed);
                self.charge_if_denied(direction, id, &decision, now, out);
                self.lane(direction).settle(id, Fate::Decided(decision));
                self.ask_anew(direction, id, allowed, now, out);
            }
            Err(failure) if self.hold_back(direction, id, failure, now, out) => {}
            Err(failure) => {
                while let Some((waiting, _)) = self.lane(direction).asked(id) {
                    let msg_type = waiting.msg_type;
                    let decision = self.decide_unanswered(direction, id, msg_type, failure, out);
                    self.lane(direction).settle(id, Fate::Decided(decision));
                }
            }
        }
    }

    fn allow(&mut self, direction: Direction, id: CheckId, count: usize) {
        let forward = || Fate::Decided(Decision::Forward(Allowance::default()));
        (0..count).for_each(|_| self.lane(direction).settle(id, forward()));
    }

    /// Asks again about the messages of the Check `id` that the service did not evaluate, in Checks about no more messages
    /// than it `allowed`. Where many messages are denied, each is then asked about by itself.
    pub(super) fn ask_anew(
        &mut self,
        direction: Direction,
        id: CheckId,
        allowed: usize,
        now: Now,
        out: &mut Commands,
    ) {
        self.repeat_checks(direction, id, now, out, |session, message, _, out| {
            Some(match session.most_at_once() {
                1 => session.ask(Event::Message, direction, message, now, out),
                most => session.ask_with_others(direction, message, most.min(allowed.max(1)), now, out),
            })
        });
    }

    /// Has `ask` send another Check for each message that waits for the Check `id`; where it sends none, the failure rule
    /// decides. `ask` is told how often the message has met a service with other terms.
    pub(super) fn repeat_checks(
        &mut self,
        direction: Direction,
        id: CheckId,
        now: Now,
        out: &mut Commands,
        mut ask: impl FnMut(&mut Self, &Message<'_>, u8, &mut Commands) -> Option<CheckId>,
    ) {
        while let Some((waiting, _)) = self.lane(direction).asked(id) {
            let (msg_type, met_other_terms) = (waiting.msg_type, waiting.met_other_terms);
            let bytes = std::mem::take(&mut waiting.bytes);
            let mut anew = None;
            self.reread(&bytes, |session, message| anew = ask(session, message, met_other_terms, out));
            let fate = match anew {
                Some(anew) => Fate::Asked(anew, now.monotonic),
                None if self.holds(direction) => Fate::Again,
                None => {
                    let failure = Failure::Contradictory;
                    Fate::Decided(self.decide_alone(direction, msg_type, failure, out))
                }
            };
            let lane = self.lane(direction);
            let Some((waiting, _)) = lane.asked(id) else { return };
            waiting.bytes = bytes;
            match fate {
                Fate::Asked(..) => waiting.fate = fate,
                Fate::Again => self.hold_first(id, Failure::Contradictory, now, out),
                decided => lane.settle(id, decided),
            }
        }
    }
}
