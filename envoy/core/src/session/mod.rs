//! A FIX session through the gateway: events in, commands out.
//!
//! A session waits for a Logon, holds it until the decision service has answered, then passes messages in both
//! directions, each read whole, and asked about where the session's terms say so. Checks go out ahead, answers are
//! applied in order. What is denied is replaced in place (`docs/sequence.md`). A departure from the strict profile is
//! reported and ends the connection; nothing behind it is forwarded.
//!
//! `inbound` and `outbound` are the two directions' rules; this module has the phases and what both share.

mod echo;
mod inbound;
mod lane;
mod outbound;

use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::contract::grpc;
use crate::contract::request::{self, Envelope, Identity, Peers};
use crate::credential::Token;
use crate::decision::{Decision, Denial, Terms};
use crate::failure::{self, Failure};
use crate::frame::{Frame, next_frame};
use crate::message::{Field, Message, parse};
use crate::profile::Profile;
use crate::settings::Settings;
use crate::stats::Counter;
use crate::violation::Violation;
use echo::Echoes;
use lane::{Fate, Lane};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// The settings and what is made of them once, for all sessions of a listener.
#[derive(Debug)]
pub struct Listener {
    settings: Settings,
    profile: Profile,
}

impl Listener {
    /// Prepares the settings.
    pub fn new(settings: Settings) -> Self {
        let profile = settings.profile();
        Self { settings, profile }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The time of an event.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Never runs backwards; since any fixed moment.
    pub monotonic: Duration,
    /// The calendar's time.
    pub utc: OffsetDateTime,
}

/// Where a session stands.
#[derive(Debug)]
enum Phase {
    /// No whole message has arrived yet.
    AwaitingLogon,
    /// The Logon is held; its Check is out. Any Credential tag is cut when it goes on.
    Authorizing { check: CheckId, since: Duration, logon: Vec<u8>, token_tag: Option<u32> },
    /// The Logon went upstream.
    Active,
    /// A Logout of ours went upstream in the place of a message; the venue's answer ends the session.
    Ending { denial: Denial, deadline: Duration, answered: bool },
    /// A report is out; when it is answered, the connection closes.
    Reporting { check: CheckId, why: &'static str },
    /// Nothing more happens.
    Closed,
}

/// One connection's session.
#[derive(Debug)]
pub struct Session {
    listener: Arc<Listener>,
    peers: Peers,
    phase: Phase,
    inbound: Lane,
    outbound: Lane,
    echoes: Echoes,
    identity: Option<Identity>,
    token: Option<Token>,
    terms: Terms,
    opened: Duration,
    name: String,
    checks: CheckId,
    reads_paused: bool,
    /// Room for a message's fields, reused.
    fields: Vec<Field>,
}

impl Session {
    /// A session on a new connection. `seed` must be unguessable.
    pub fn open(listener: Arc<Listener>, seed: [u8; 32], now: Now, out: &mut Commands) -> Self {
        let mut echoes = Echoes::new(seed);
        out.count(Counter::Connections);
        out.push(Command::Tick(listener.settings.limits.logon_timeout_ms));
        Self {
            name: echoes.fresh_id(),
            listener,
            peers: Peers::default(),
            phase: Phase::AwaitingLogon,
            inbound: Lane::default(),
            outbound: Lane::default(),
            echoes,
            identity: None,
            token: None,
            terms: Terms::default(),
            opened: now.monotonic,
            checks: 0,
            reads_paused: false,
            fields: Vec::new(),
        }
    }

    /// Who is at the two ends; with TLS this is known once the first byte has arrived.
    pub fn introduce(&mut self, peers: Peers) {
        self.peers = peers;
    }

    /// Bytes arrived; `end` says that none will follow.
    pub fn receive(&mut self, direction: Direction, bytes: &[u8], end: bool, now: Now, out: &mut Commands) {
        if matches!(self.phase, Phase::Reporting { .. } | Phase::Closed) {
            return;
        }
        let lane = self.lane(direction);
        lane.ended |= end;
        let mut unread = std::mem::take(&mut lane.unread);
        if unread.is_empty() {
            let taken = self.take_in(direction, bytes, now, out);
            unread.extend_from_slice(bytes.get(taken..).unwrap_or_default());
        } else {
            unread.extend_from_slice(bytes);
            let taken = self.take_in(direction, &unread, now, out);
            unread.drain(..taken);
        }
        self.settle(direction, unread, now, out);
    }

    /// The Check `id` was answered with this body, or failed.
    pub fn answer(&mut self, id: CheckId, answer: Result<&[u8], Failure>, now: Now, out: &mut Commands) {
        match &self.phase {
            Phase::Reporting { check, why } if *check == id => self.close(why, out),
            Phase::Authorizing { check, since, .. } if *check == id => {
                let since = *since;
                let decision = self.read_answer(answer, since, now, out);
                self.logon_decided(decision, now, out);
            }
            Phase::Active | Phase::Ending { .. } => self.message_answered(id, answer, now, out),
            _ => {}
        }
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Now, out: &mut Commands) {
        match &self.phase {
            Phase::AwaitingLogon | Phase::Authorizing { .. } => {
                let waited = now.monotonic.saturating_sub(self.opened);
                if waited >= self.listener.settings.limits.logon_timeout() {
                    self.violate(Direction::Inbound, Violation::LogonTimeout, now, out);
                }
            }
            Phase::Ending { deadline, .. } if now.monotonic >= *deadline => {
                self.close("session ended, the venue did not answer the Logout", out);
            }
            _ => {}
        }
    }

    /// The connection is gone; nothing can be sent any more.
    pub fn gone(&mut self, out: &mut Commands) {
        if !matches!(self.phase, Phase::Closed) && !self.inbound.unread.is_empty() {
            out.log(
                Level::Warn,
                format!("session {}: the client is gone in the middle of a message", self.name),
            );
        }
        self.phase = Phase::Closed;
    }

    /// Whether bytes from the venue are taken; else they must wait outside.
    pub fn takes_outbound(&self) -> bool {
        self.outbound.unread.is_empty() || !self.outbound.is_full(&self.listener.settings.limits)
    }

    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    /// No message of this direction may be taken in for now.
    fn is_blocked(&self, direction: Direction) -> bool {
        let limits = &self.listener.settings.limits;
        match (&self.phase, direction) {
            (Phase::AwaitingLogon, Direction::Inbound) => false,
            (Phase::Active, Direction::Inbound) => {
                self.inbound.is_full(limits) || self.echoes.len() >= limits.max_pending_rejects as usize
            }
            (Phase::Active | Phase::Ending { .. }, Direction::Outbound) => self.outbound.is_full(limits),
            _ => true,
        }
    }

    /// Reads messages off the head of `bytes` as long as there is room, and says how many bytes that took.
    fn take_in(&mut self, direction: Direction, bytes: &[u8], now: Now, out: &mut Commands) -> usize {
        let mut at = 0;
        while at < bytes.len() && !self.is_blocked(direction) {
            let rest = bytes.get(at..).unwrap_or_default();
            match self.take_one(direction, rest, now, out) {
                Ok(0) => break,
                Ok(len) => at += len,
                Err(violation) => {
                    self.violate(direction, violation, now, out);
                    break;
                }
            }
        }
        at
    }

    /// Reads one message and deals with it: its length, or 0 if it is not whole yet.
    #[inline]
    fn take_one(
        &mut self,
        direction: Direction,
        bytes: &[u8],
        now: Now,
        out: &mut Commands,
    ) -> Result<usize, Violation> {
        let listener = Arc::clone(&self.listener);
        let limits = &listener.settings.limits;
        let Frame::Complete { len, body, version } = next_frame(bytes, limits.max_message_bytes as usize)?
        else {
            return Ok(0);
        };
        let bytes = bytes.get(..len).unwrap_or_default();
        let mut fields = std::mem::take(&mut self.fields);
        let result = parse(bytes, body, version, &listener.profile, limits.max_fields as usize, &mut fields)
            .and_then(|message| match direction {
                Direction::Inbound => self.inbound_message(&message, now, out),
                Direction::Outbound => self.outbound_message(&message, now, out),
            });
        self.fields = fields;
        result.map(|()| len)
    }

    /// Keeps what was not taken in, starts or stops reading, and passes an end on once all before it is done.
    fn settle(&mut self, direction: Direction, unread: Vec<u8>, now: Now, out: &mut Commands) {
        if matches!(self.phase, Phase::Reporting { .. } | Phase::Closed) {
            return;
        }
        let blocked = self.is_blocked(direction);
        let lane = self.lane(direction);
        lane.unread = unread;
        if lane.ended && !blocked && !lane.unread.is_empty() {
            return self.violate(direction, Violation::Truncated, now, out);
        }
        let done = lane.ended && lane.unread.is_empty() && lane.is_clear();
        match self.phase {
            Phase::AwaitingLogon if done => self.close("the client left without a Logon", out),
            Phase::Active | Phase::Ending { .. } if done => self.pass_end(direction, out),
            _ => {}
        }
        if direction == Direction::Inbound {
            self.pace_reads(blocked, out);
        }
    }

    fn pass_end(&mut self, direction: Direction, out: &mut Commands) {
        if self.lane(direction).pass_end() {
            out.push(Command::End(direction));
        }
    }

    fn pace_reads(&mut self, blocked: bool, out: &mut Commands) {
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
    }

    /// Goes on with what is unread, after room was made.
    fn resume(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        let mut unread = std::mem::take(&mut self.lane(direction).unread);
        let taken = self.take_in(direction, &unread, now, out);
        unread.drain(..taken);
        self.settle(direction, unread, now, out);
    }

    fn message_answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            let Some((waiting, since)) = self.lane(direction).asked(id) else { continue };
            let msg_type = waiting.msg_type;
            let decision = match self.read_answer(answer, since, now, out) {
                Ok(decision) => decision,
                Err(failure) => {
                    let decision = failure::decide(direction, msg_type, &self.terms);
                    self.log_failure(direction, &msg_type.to_string(), failure, &decision, out);
                    decision
                }
            };
            self.lane(direction).decide(id, decision);
            self.apply_ready(direction, now, out);
            self.resume(direction, now, out);
            self.close_if_ended(out);
            return;
        }
    }

    fn read_answer(
        &self,
        answer: Result<&[u8], Failure>,
        since: Duration,
        now: Now,
        out: &mut Commands,
    ) -> Result<Decision, Failure> {
        let micros = now.monotonic.saturating_sub(since).as_micros();
        out.push(Command::CheckLatency(u64::try_from(micros).unwrap_or(u64::MAX)));
        let decision = answer.and_then(crate::contract::response::decision);
        if decision.is_err() {
            out.count(Counter::ChecksFailed);
        }
        decision
    }

    /// A failure has no line in the service's audit, so it gets one in Envoy's log.
    fn log_failure(
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
    fn apply_ready(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        while let Some(waiting) = self.lane(direction).pop_ready() {
            let decision = match waiting.fate {
                Fate::Decided(decision) => decision,
                Fate::Pass | Fate::Asked(..) => Decision::Forward(Terms::default()),
            };
            match direction {
                Direction::Inbound => self.apply_inbound(&waiting.bytes, decision, now, out),
                Direction::Outbound => self.apply_outbound(&waiting.bytes, decision, out),
            }
        }
    }

    /// Reads a message again that was read before: the queue keeps bytes, and a denial is rare.
    fn reread(&mut self, bytes: &[u8], then: impl FnOnce(&mut Self, &Message<'_>)) {
        let listener = Arc::clone(&self.listener);
        let limits = &listener.settings.limits;
        let mut fields = std::mem::take(&mut self.fields);
        if let Ok(Frame::Complete { body, version, .. }) = next_frame(bytes, bytes.len()) {
            let fields_limit = limits.max_fields as usize;
            if let Ok(message) = parse(bytes, body, version, &listener.profile, fields_limit, &mut fields) {
                then(self, &message);
            }
        }
        self.fields = fields;
    }

    /// Sends a Check for `message`.
    fn ask(
        &mut self,
        event: &str,
        direction: Direction,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> CheckId {
        let (id, name) = self.next_check();
        let request = request::message(self.envelope(&name, now), event, direction, message, &self.terms);
        out.count(Counter::Checks);
        out.push(Command::Check { id, frame: grpc::frame(&request) });
        id
    }

    fn next_check(&mut self) -> (CheckId, String) {
        self.checks += 1;
        (self.checks, format!("{}-{}", self.name, self.checks))
    }

    fn envelope<'a>(&'a self, id: &'a str, now: Now) -> Envelope<'a> {
        Envelope {
            id,
            peers: &self.peers,
            token: self.token.as_ref(),
            settings: &self.listener.settings,
            profile: &self.listener.profile,
            now: now.utc,
        }
    }

    /// Ends the connection for a departure from the strict profile, once it is reported.
    fn violate(&mut self, direction: Direction, violation: Violation, now: Now, out: &mut Commands) {
        let (id, name) = self.next_check();
        let request = request::report(
            self.envelope(&name, now),
            direction,
            self.identity.as_ref(),
            "violation",
            violation.text(),
        );
        out.count(Counter::Violations);
        out.log(Level::Warn, format!("session {}: {} violation: {violation}", self.name, direction.as_str()));
        out.push(Command::Check { id, frame: grpc::frame(&request) });
        self.inbound.drop_all();
        self.outbound.drop_all();
        self.phase = Phase::Reporting { check: id, why: "violation of the strict profile" };
    }

    /// The venue answered the Logout of ours, and all before its answer is delivered.
    fn close_if_ended(&mut self, out: &mut Commands) {
        if matches!(self.phase, Phase::Ending { answered: true, .. }) && self.outbound.is_clear() {
            self.close("session ended by the decision service", out);
        }
    }

    fn close(&mut self, why: &'static str, out: &mut Commands) {
        self.phase = Phase::Closed;
        out.push(Command::Close(why));
    }
}
