//! Asking the decision service, applying its answers in order, and reporting what was done without one.

use super::ending::BY_LIMIT;
use super::lane::{Fate, Waiting};
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::contract::request::{self, Envelope, Event};
use crate::contract::response;
use crate::decision::{Age, Answer, Decision, State, Terms};
use crate::failure::{self, Failure};
use crate::frame::{Frame, next_frame_by};
use crate::message::{Message, parse};
use crate::msg_type::MsgType;
use crate::rewrite;
use crate::stats::Counter;
use crate::violation::Violation;
use std::sync::Arc;
use std::time::Duration;

/// How often services may send a message back because of other terms. A Check with the whole body is never sent back.
const MAX_OTHER_TERMS: u8 = 3;

/// Messages decided by the failure rule since the service last answered. The audit lacks them until they are reported.
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

    /// Returns the text of the report and starts counting anew, or `None` if there is nothing to report.
    fn take(&mut self) -> Option<String> {
        let Self { denied, risk_reducing, why } = std::mem::take(self);
        let why = why?;
        Some(format!(
            "{denied} messages denied and {risk_reducing} risk-reducing ones passed without an answer: {why}"
        ))
    }
}

impl Session {
    /// Whether the service is asked about a message of this type.
    #[inline]
    pub(super) fn asks(&self, direction: Direction, msg_type: MsgType, now: Now) -> bool {
        let asks = match direction {
            Direction::Inbound => self.terms.asks_inbound(msg_type),
            Direction::Outbound => self.terms.asks_outbound(msg_type),
        };
        asks || (self.are_terms_in_doubt() || self.is_unconfirmed_too_long(now))
            && !msg_type.is_session_level()
            && msg_type != MsgType::LOGON
    }

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
    fn go_on(&mut self, now: Now, out: &mut Commands) {
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
        if self.renewal_answered(id, answer, now, out)
            || self.refresh_answered(id, answer, now, out)
            || self.sentence_answered(id, now, out)
        {
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
        let fate = match self.read_answer(answer, response::answer, since, now, out) {
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
                Some(account) => Fate::Reuse(account),
                None => Fate::Decided(self.decide_alone(direction, msg_type, failure, out)),
            },
        };
        self.lane(direction).settle(id, fate);
    }

    /// Whether an allowance no longer counts, because another state was reported after its Check had gone out. An answer that
    /// does not tell its state counts as older than a state whose age is known.
    pub(super) fn is_outdated(&self, id: CheckId, state: &State) -> bool {
        let older = match state.age_against(&self.state) {
            Some(Age::Older | Age::Mixed) => true,
            Some(Age::Same | Age::Newer) => false,
            None => self.state.revision.is_some(),
        };
        let differs = state.etag.is_none() || state.differs_from(&self.state);
        id <= self.cache.outdated && differs && older
    }

    /// Takes over the state that a Check was answered in, if that state has a change that the session does not know yet. The
    /// answer of the watch will report the same change a little later.
    pub(super) fn note_state(&mut self, state: State, now: Now, out: &mut Commands) {
        let news = match state.age_against(&self.state) {
            Some(Age::Newer | Age::Mixed) => true,
            Some(Age::Same) => self.state.etag.is_none(),
            Some(Age::Older) | None => false,
        };
        if !news || state.etag.is_none() {
            return;
        }
        let newer = self.terms_outdated || state.has_newer_mapping_than(&self.state);
        if newer && (state.terms.is_none() || state.terms != self.terms.name) {
            return self.ask_for_terms(state, now, out);
        }
        self.terms_outdated = false;
        self.take_over(state, None, now, out);
    }

    /// After a change of the state, asks again about messages that wait for their turn: those that were already allowed, and
    /// those that needed no Check before and need one now.
    pub(super) fn decide_waiting_anew(&mut self, now: Now, out: &mut Commands) {
        self.decide_anew(now, out, |fate| {
            matches!(fate, Fate::Reuse(_) | Fate::Pass | Fate::Decided(Decision::Forward(_)))
        });
    }

    fn decide_anew(&mut self, now: Now, out: &mut Commands, concerns: impl Fn(&Fate) -> bool) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for at in 0..self.lane(direction).len() {
                let Some(waiting) = self.lane(direction).waiting(at) else { break };
                if !concerns(&waiting.fate) {
                    continue;
                }
                let (unasked, msg_type) = (matches!(waiting.fate, Fate::Pass), waiting.msg_type);
                if (!unasked || self.asks(direction, msg_type, now))
                    && let Some(waiting) = self.lane(direction).waiting(at)
                {
                    waiting.fate = Fate::Again;
                }
            }
            self.ask_again_while_room(direction, now, out);
        }
    }

    /// Sends Checks for the messages that are to be asked about, up to the limit of outstanding Checks.
    pub(super) fn ask_again_while_room(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        while let Some(at) = self.lane(direction).next_again() {
            let Some(waiting) = self.lane(direction).waiting(at) else { return };
            let bytes = std::mem::take(&mut waiting.bytes);
            let mut check = None;
            self.reread(&bytes, |session, message| {
                check = Some(session.ask(Event::Message, direction, message, now, out));
            });
            let fate = match check {
                Some(check) => Fate::Asked(check, now.monotonic),
                None => Fate::Decided(Decision::Reject(failure::denial())),
            };
            self.lane(direction).wait_again(at, bytes, fate);
        }
    }

    /// Sends the Check `id` again, which a service with other terms did not evaluate: the first time by the service's terms,
    /// unless these are older than the session's, and otherwise with the whole body.
    pub(super) fn ask_by_other_terms(
        &mut self,
        id: CheckId,
        terms: Terms,
        state: State,
        now: Now,
        out: &mut Commands,
    ) {
        self.report_unanswered(now, out);
        let follows = self.adopt_terms(terms, state, now, out);
        for direction in [Direction::Inbound, Direction::Outbound] {
            self.lane(direction).note_other_terms(id);
            let most = self.most_at_once();
            self.repeat_checks(direction, id, now, out, |session, message, met, out| match met {
                _ if session.terms.is_refused => None,
                1 if follows && most > 1 => Some(session.ask_with_others(direction, message, most, now, out)),
                1 if follows => Some(session.ask(Event::Message, direction, message, now, out)),
                ..=MAX_OTHER_TERMS => Some(session.ask_whole(direction, message, now, out)),
                _ => None,
            });
        }
    }

    /// Takes over a service's terms, unless the session knows of a newer mapping. Returns whether the session uses these terms
    /// now.
    pub(super) fn adopt_terms(&mut self, terms: Terms, state: State, now: Now, out: &mut Commands) -> bool {
        let known = self.terms.name == terms.name;
        if known || !state.has_mapping_of(&self.state) {
            self.note_state(state, now, out);
            return known;
        }
        self.send_open(now, out); // The open Check's body was cut by the old terms.
        self.drop_decisions(out);
        self.terms = self.checked_terms(terms, out);
        self.terms_outdated = false;
        if state.etag.is_some() {
            self.take_over(state, None, now, out);
        }
        self.decide_waiting_anew(now, out);
        true
    }

    /// Decides by the failure rule about a message for which the service gave no answer.
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
        if answered.is_err() {
            out.count(Counter::ChecksFailed);
        }
        answered
    }

    /// Once the service answers again, reports what was decided without it, for its audit.
    pub(super) fn report_unanswered(&mut self, now: Now, out: &mut Commands) {
        if let Some(reason) = self.unanswered.take() {
            self.report(Direction::Inbound, "unavailable", &reason, now, out);
        }
    }

    /// Writes a failure to Envoy's log, because the service's audit has no line about it yet.
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

    /// Forwards, replaces or drops the messages at the head of the queue that are decided.
    pub(super) fn apply_ready(&mut self, direction: Direction, now: Now, out: &mut Commands) {
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
        self.send_check(id, request, event, out);
        id
    }

    /// Sends a Check with the whole body, which a service with any terms can evaluate.
    pub(super) fn ask_whole(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> CheckId {
        self.send_open(now, out);
        let (id, name) = self.next_check();
        let envelope = self.envelope(&name, now);
        let request = request::message(envelope, Event::Message, direction, message, &self.terms.whole());
        self.send_check(id, request, Event::Message, out);
        id
    }

    fn send_check(&mut self, id: CheckId, request: request::Asked, event: Event<'_>, out: &mut Commands) {
        out.count(Counter::Checks);
        let check = &self.listener.settings.check;
        let timeout_ms = match event {
            Event::Logon | Event::Renewal(_) => check.logon_timeout_ms,
            Event::Message | Event::Refresh => check.timeout_ms,
        };
        out.push(Command::Check { id, frame: request.frame(), timeout_ms });
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
            revision: self.state.revision,
            settings: &self.listener.settings,
            profile: &self.listener.profile,
            now: now.utc,
        }
    }

    /// Reports to the service what was done without it. Only a report that ends the connection waits for its answer.
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
