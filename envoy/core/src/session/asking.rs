//! Asking the decision service, applying its answers in order, and reporting what was done without one.

use super::ending::BY_LIMIT;
use super::lane::{Fate, Waiting};
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::contract::request::{self, Envelope, Event};
use crate::contract::response;
use crate::decision::Decision;
use crate::failure::{self, Failure};
use crate::frame::{Frame, next_frame_by};
use crate::message::{Message, parse};
use crate::msg_type::MsgType;
use crate::rewrite;
use crate::stats::Counter;
use crate::violation::Violation;
use std::sync::Arc;
use std::time::Duration;

/// Messages decided by the failure rule since the service last answered: they are in no audit until they are reported.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    denied: u64,
    risk_reducing: u64,
    why: Option<Failure>,
}

impl Unanswered {
    pub fn add(&mut self, failure: Failure, decision: &Decision) {
        match decision {
            Decision::Forward(_) => self.risk_reducing += 1,
            Decision::Reject(_) | Decision::Logout(_) | Decision::Disconnect => self.denied += 1,
        }
        self.why = Some(failure);
    }

    /// The words of the report, once.
    fn take(&mut self) -> Option<String> {
        let Self { denied, risk_reducing, why } = std::mem::take(self);
        let why = why?;
        Some(format!(
            "{denied} messages denied and {risk_reducing} risk-reducing ones passed without an answer: {why}"
        ))
    }
}

impl Session {
    /// The answer to any Check of a session past its Logon, or its failure.
    pub(super) fn answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        if self.watch_answered(id, answer, now, out)
            || self.renewal_answered(id, answer, now, out)
            || self.refresh_answered(id, answer, now, out)
            || self.sentence_answered(id, now, out)
        {
            return;
        }
        self.message_answered(id, answer, now, out);
    }

    /// The answer to messages' Check, or its failure.
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
        let fate = match self.read_answer(answer, response::decision, since, now, out) {
            Ok(Decision::Disconnect) => return self.disconnect(out),
            Ok(decision) => {
                self.report_unanswered(now, out);
                self.charge_if_denied(direction, id, &decision, now, out);
                self.learn(direction, id, &decision, now, out);
                Fate::Decided(decision)
            }
            Err(failure) => match self.reuse_stale(direction, id, failure, now, out) {
                Some(account) => Fate::Reuse(account),
                None => Fate::Decided(self.decide_alone(direction, msg_type, failure, out)),
            },
        };
        self.lane(direction).settle(id, fate);
    }

    /// The failure rule, for a message that the service has not answered about.
    pub(super) fn decide_alone(
        &mut self,
        direction: Direction,
        msg_type: MsgType,
        failure: Failure,
        out: &mut Commands,
    ) -> Decision {
        let decision = failure::decide(direction, msg_type, &self.terms);
        self.log_failure(direction, &msg_type.to_string(), failure, &decision, out);
        self.unanswered.add(failure, &decision);
        decision
    }

    /// What `read` makes of an answer.
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
        if answered.is_err() {
            out.count(Counter::ChecksFailed);
        }
        answered
    }

    /// The service is back: what was decided without it goes into its audit.
    pub(super) fn report_unanswered(&mut self, now: Now, out: &mut Commands) {
        if let Some(reason) = self.unanswered.take() {
            self.report(Direction::Inbound, "unavailable", &reason, now, out);
        }
    }

    /// A failure has no line in the service's audit yet, so it gets one in Envoy's log.
    pub(super) fn log_failure(
        &self,
        direction: Direction,
        msg_type: &str,
        failure: Failure,
        decision: &Decision,
        out: &mut Commands,
    ) {
        let risk_reducing = matches!(decision, Decision::Forward(_));
        if risk_reducing {
            out.count(Counter::RiskReducingForwarded);
        }
        let verdict = if risk_reducing { "allowed as risk-reducing" } else { "denied" };
        let direction = direction.as_str();
        out.log(Level::Warn, format!("session {}: {direction} {msg_type} {verdict}: {failure}", self.name));
    }

    /// Deals with the messages at the head of the queue whose fate is known.
    pub(super) fn apply_ready(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        while let Some(waiting) = self.lane(direction).pop_ready() {
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

    fn apply_fate(&mut self, Waiting { bytes, msg_type, fate }: Waiting, now: Now, out: &mut Commands) {
        match fate {
            Fate::Respond(response) => self.respond(&bytes, response, now, out),
            Fate::Fill => self.reread(&bytes, |_, message| {
                out.send_with(Direction::Inbound, |to| rewrite::gap_fill(message, to));
            }),
            Fate::Retire => self.reread(&bytes, |session, message| session.retire(message, now, out)),
            Fate::End(denial) => {
                self.reread(&bytes, |session, message| session.end(message, denial, BY_LIMIT, now, out));
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

    /// Sends a Check for `message`.
    pub(super) fn ask(
        &mut self,
        event: Event<'_>,
        direction: Direction,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> CheckId {
        self.send_open(now, out); // Checks go out in the order of what they ask about.
        let (id, name) = self.next_check();
        let request = request::message(self.envelope(&name, now), event, direction, message, &self.terms);
        out.count(Counter::Checks);
        let check = &self.listener.settings.check;
        let timeout_ms = match event {
            Event::Logon | Event::Renewal(_) => check.logon_timeout_ms,
            Event::Message | Event::Refresh => check.timeout_ms,
        };
        out.push(Command::Check { id, frame: request.frame(), timeout_ms });
        id
    }

    pub(super) fn next_check(&mut self) -> (CheckId, String) {
        self.checks += 1;
        (self.checks, self.check_name(self.checks))
    }

    pub(super) fn check_name(&self, id: CheckId) -> String {
        format!("{}-{id}", self.name)
    }

    pub(super) fn envelope<'a>(&'a self, id: &'a str, now: Now) -> Envelope<'a> {
        Envelope {
            id,
            session: &self.name,
            peers: &self.peers,
            authorization: self.authorization.as_ref(),
            settings: &self.listener.settings,
            profile: &self.listener.profile,
            now: now.utc,
        }
    }

    /// Tells the service what was done without it; the answer is only awaited where the connection ends on it.
    pub(super) fn report(
        &mut self,
        direction: Direction,
        kind: &str,
        reason: &str,
        now: Now,
        out: &mut Commands,
    ) -> CheckId {
        let (id, name) = self.next_check();
        let identity = self.identity.as_ref();
        let request = request::report(self.envelope(&name, now), direction, identity, kind, reason);
        let timeout_ms = self.listener.settings.check.timeout_ms;
        out.push(Command::Check { id, frame: request.frame(), timeout_ms });
        id
    }

    /// Ends the connection for a departure from the strict profile, once it is reported.
    pub(super) fn violate(
        &mut self,
        direction: Direction,
        violation: Violation,
        now: Now,
        out: &mut Commands,
    ) {
        self.send_open(now, out);
        self.tell_refused(now, out);
        let id = self.report(direction, "violation", violation.text(), now, out);
        out.count(Counter::Violations);
        out.log(Level::Warn, format!("session {}: {} violation: {violation}", self.name, direction.as_str()));
        self.inbound.drop_all();
        self.outbound.drop_all();
        self.phase = Phase::Reporting { check: id, why: "violation of the strict profile" };
    }
}
