//! Which messages the decision service is asked about, and the Checks that ask and report.

use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::contract::request::{self, Envelope, Event};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;
use crate::violation::Violation;

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

    /// Reports to the service what was done without it.
    pub(super) fn report(
        &mut self,
        direction: Direction,
        kind: &str,
        reason: &str,
        now: Now,
        out: &mut Commands,
    ) {
        let (_, name) = self.next_check();
        let identity = self.identity.as_ref();
        let request = request::report(self.envelope(&name, now), direction, identity, kind, reason);
        out.push(Command::Report { frame: request.frame(), authorized: self.is_authorized });
    }

    /// Ends the connection for a violation that nothing can answer: once what came before it is decided, and it is reported.
    pub(super) fn violate(
        &mut self,
        direction: Direction,
        violation: Violation,
        now: Now,
        out: &mut Commands,
    ) {
        self.breaking.get_or_insert((direction, violation));
        self.break_off_if_clear(now, out);
    }

    /// Ends the connection for a violation if nothing waits for a decision any more.
    pub(super) fn break_off_if_clear(&mut self, now: Now, out: &mut Commands) {
        let clear = self.inbound.is_clear() && self.outbound.is_clear();
        if clear && let Some((direction, violation)) = self.breaking.take() {
            self.break_off(direction, violation, now, out);
        }
    }

    fn break_off(&mut self, direction: Direction, violation: Violation, now: Now, out: &mut Commands) {
        self.send_open(now, out);
        self.tell_refused(now, out);
        self.report(direction, "violation", violation.text(), now, out);
        out.count(Counter::Violations);
        out.log(Level::Warn, format!("session {}: {} violation: {violation}", self.name, direction.as_str()));
        self.inbound.drop_all();
        self.outbound.drop_all();
        // A session that has ended meanwhile may still have a last word on its way to the client, and closes by itself.
        if !matches!(self.phase, Phase::Leaving { .. } | Phase::Closed) {
            self.close("violation of the strict profile", out);
        }
    }
}
