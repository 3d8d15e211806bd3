//! Checks about several messages: those that one event brought, where the service offers to judge them so.
//!
//! Such a Check is open until the event is dealt with, or until it is full; no message waits for others to come. Each
//! message keeps its own place in the queue and has its own fate, so that nothing else knows how many were asked about at
//! once. Where decisions are kept there is no such Check, because what an answer rests on is said of one message.

use super::lane::Fate;
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction};
use crate::contract::batch::{self, Batch, Verdicts};
use crate::decision::{Allowance, Decision};
use crate::failure::{self, Failure};
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
            self.report_unanswered(now, out);
        }
        match verdicts {
            Ok(Verdicts::Allowed) => self.allow(direction, id, count),
            Ok(Verdicts::Denied(Decision::Disconnect)) => self.disconnect(out),
            Ok(Verdicts::Denied(decision)) => {
                self.charge_if_denied(direction, id, &decision, now, out);
                (0..count).for_each(|_| self.lane(direction).settle(id, Fate::Decided(decision.clone())));
            }
            Ok(Verdicts::Until(allowed, Decision::Disconnect)) => {
                self.allow(direction, id, allowed);
                self.apply_ready(direction, now, out);
                self.disconnect(out);
            }
            Ok(Verdicts::Until(allowed, decision)) => {
                self.allow(direction, id, allowed);
                self.charge_if_denied(direction, id, &decision, now, out);
                self.lane(direction).settle(id, Fate::Decided(decision));
                self.ask_anew(direction, id, allowed, now, out);
            }
            Err(failure) => {
                while let Some((waiting, _)) = self.lane(direction).asked(id) {
                    let msg_type = waiting.msg_type;
                    let decision = self.decide_alone(direction, msg_type, failure, out);
                    self.lane(direction).settle(id, Fate::Decided(decision));
                }
            }
        }
    }

    fn allow(&mut self, direction: Direction, id: CheckId, count: usize) {
        let forward = || Fate::Decided(Decision::Forward(Allowance::default()));
        (0..count).for_each(|_| self.lane(direction).settle(id, forward()));
    }

    /// Asks again about what waits for the Check `id` and was not judged, no more at once than were `allowed` before: where
    /// denials are many, that is one by one, and no message is asked about more often than its Check can be halved.
    fn ask_anew(&mut self, direction: Direction, id: CheckId, allowed: usize, now: Now, out: &mut Commands) {
        while let Some((waiting, _)) = self.lane(direction).asked(id) {
            let bytes = std::mem::take(&mut waiting.bytes);
            let mut anew = None;
            self.reread(&bytes, |session, message| {
                anew = Some(session.ask_with_others(direction, message, allowed.max(1), now, out));
            });
            let lane = self.lane(direction);
            let Some((waiting, _)) = lane.asked(id) else { return };
            waiting.bytes = bytes;
            match anew {
                Some(anew) => waiting.fate = Fate::Asked(anew, now.monotonic),
                None => lane.settle(id, Fate::Decided(Decision::Reject(failure::denial()))),
            }
        }
    }
}
