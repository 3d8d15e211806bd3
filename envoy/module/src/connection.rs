//! A connection: its session, whose commands become callbacks, and what Envoy has given it to keep.

use crate::call::with_headers;
use crate::config::Config;
use crate::host::{self, Host, Lent};
use crate::life::Member;
use crate::outgoing::Outgoing;
use crate::reports;
use crate::timer::{self, Timer};
use fix_authz_core::command::{CheckId, Command, Commands, Direction};
use fix_authz_core::contract::grpc;
use fix_authz_core::failure::Failure;
use fix_authz_core::session::{Departure, Now, Session};
use fix_authz_core::stats::{Counter, Levels};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// What a connection hears of besides bytes.
pub enum Event {
    /// A call was answered, or failed.
    Answer { callout: u64, answer: Result<Vec<u8>, Failure> },
    /// A timer fired.
    Tick,
    /// The connection is closed.
    Gone,
}

/// A connection.
pub struct Connection {
    session: Session,
    commands: Commands,
    outgoing: Outgoing,
    /// The Check behind each of Envoy's calls.
    callouts: HashMap<u64, CheckId>,
    timers: Vec<Timer>,
    introduced: bool,
    /// What the gauges have of this connection.
    shown: Levels,
    /// Its place among those that hear of the end of the process, or of their listener.
    member: Option<Member>,
    /// What the session was told of it.
    departing: Option<Departure>,
    /// Bytes of the venue's were left where they are; the buffer limit to put back.
    outbound_held: Option<u32>,
    /// It was closed, and by then what waits for the client is given up; in monotonic time.
    closed_by: Option<Duration>,
}

impl Connection {
    /// A new one; `None` without randomness.
    pub fn open(config: &Config) -> Option<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).ok()?;
        let mut commands = Commands::default();
        let session = Session::open(Arc::clone(&config.listener), seed, config.now(), &mut commands);
        Some(Self {
            session,
            commands,
            outgoing: Outgoing::default(),
            callouts: HashMap::new(),
            timers: Vec::new(),
            introduced: false,
            shown: Levels::default(),
            member: None,
            departing: None,
            outbound_held: None,
            closed_by: None,
        })
    }

    /// It is there, and joins those that hear of the end of the process, or of their listener.
    pub fn join(&mut self, config: &Config, host: Host<'_>) {
        self.member = Some(Member::new(host.waker(), &config.origin));
        self.session.admit(host.source(), config.now(), &mut self.commands);
        self.depart_if_told(config.now());
    }

    /// Tells the session who is at the two ends, once: with TLS that is known when the first byte has arrived.
    pub fn introduce(&mut self, host: Host<'_>) {
        if !self.introduced {
            self.introduced = true;
            self.session.introduce(host.peers());
        }
    }

    /// Whether the session takes bytes of a direction now. If not, they are left where they are.
    pub fn takes(&mut self, direction: Direction, end: bool, config: &Config, host: Host<'_>) -> bool {
        // An end is told once, so what comes with it is taken, however full the queue is.
        if direction == Direction::Outbound && !end && !self.session.takes_outbound() {
            self.hold_outbound(config, host);
            return false;
        }
        self.release_outbound(host);
        true
    }

    /// Bytes reach the session; its commands are then to be carried out.
    pub fn receive(&mut self, direction: Direction, lent: &Lent<'_>, end: bool, now: Now) {
        lent.read(|bytes| self.session.receive(direction, bytes, end, now, &mut self.commands));
    }

    /// Whether all that is to be done is to pass `lent` on as it stands: then the caller does that, and no command is left.
    pub fn passes(&mut self, direction: Direction, lent: &Lent<'_>, config: &Config, host: Host<'_>) -> bool {
        let passes = self.commands.is_pass(direction, lent.length());
        if passes {
            config.count_all(host, &self.commands);
            self.commands.clear();
        }
        passes
    }

    /// An event, of a call or of the connection, reaches the session; its commands are then to be carried out.
    pub fn event(&mut self, event: Event, config: &Config, host: Host<'_>) {
        let now = config.now();
        match event {
            // A call that failed before it had an id was dealt with where it was made.
            Event::Answer { callout, answer } => {
                if let Some(id) = self.callouts.remove(&callout) {
                    note_outcome(config, answer.as_ref().err());
                    self.session.answer(
                        id,
                        answer.as_deref().map_err(|failure| *failure),
                        now,
                        &mut self.commands,
                    );
                }
            }
            Event::Tick => {
                let reached = config.started + now.monotonic;
                self.timers.retain(|timer| !timer.is_over(reached));
                if self.closed_by.take_if(|by| now.monotonic >= *by).is_some() {
                    host.close_at_once("fix_authz: the client does not take its last bytes");
                }
                if !host.reads() {
                    self.session.note_unread(now);
                }
                self.depart_if_told(now);
                self.session.tick(now, &mut self.commands);
            }
            Event::Gone => {
                self.timers.clear();
                self.closed_by = None;
                self.member = None;
                self.session.gone(now, &mut self.commands);
            }
        }
    }

    /// Tells the session that the process or its listener is to end, where that is news.
    fn depart_if_told(&mut self, now: Now) {
        let told = self.member.as_ref().and_then(Member::departure);
        if let Some(departure) = told.filter(|_| told != self.departing) {
            self.departing = told;
            self.session.drain(departure, now, &mut self.commands);
        }
    }

    /// Moves the gauges to where the session now stands.
    pub fn show_levels(&mut self, config: &Config, host: Host<'_>) {
        let levels = self.session.levels();
        if levels != self.shown {
            config.show(host, &self.shown, &levels);
            self.shown = levels;
        }
    }

    /// Leaves the venue's bytes in the buffer of Envoy's upstream connection, which stops reading when that is full.
    ///
    /// A filter cannot ask for them again, but Envoy offers them anew when the client's write buffer has gone over its
    /// limit and drained. With a limit of one byte, the next message that goes to the client does that.
    fn hold_outbound(&mut self, config: &Config, host: Host<'_>) {
        if self.outbound_held.is_none() {
            self.outbound_held = Some(host.buffer_limit());
            host.set_buffer_limit(1);
            config.count(host, Counter::OutboundPaused, 1);
        }
    }

    fn release_outbound(&mut self, host: Host<'_>) {
        if let Some(limit) = self.outbound_held.take() {
            host.set_buffer_limit(limit);
        }
    }

    /// Carries all commands out, and those that calls that could not be made lead to. `lent` is what was just received.
    /// Of a buffer in slices, bytes may then still wait for more to [go on](Self::send) with.
    pub fn carry_out(&mut self, config: &Config, host: Host<'_>, lent: Option<&Lent<'_>>) {
        while !self.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.commands);
            config.count_all(host, &commands);
            let failed: Vec<(CheckId, Failure)> = commands
                .list()
                .iter()
                .filter_map(|command| self.one(config, host, &commands, lent, command))
                .collect();
            commands.clear();
            self.commands = commands;
            for (id, failure) in failed {
                self.session.answer(id, Err(failure), config.now(), &mut self.commands);
            }
        }
        if lent.is_none() {
            self.send(host);
        }
    }

    /// What waits to go on does.
    pub fn send(&mut self, host: Host<'_>) {
        self.outgoing.send(host);
    }

    /// Carries one command out. Returns the Check that could not be sent and why, if it was one.
    fn one(
        &mut self,
        config: &Config,
        host: Host<'_>,
        commands: &Commands,
        lent: Option<&Lent<'_>>,
        command: &Command,
    ) -> Option<(CheckId, Failure)> {
        if !matches!(command, Command::Send { .. } | Command::Forward { .. }) {
            self.outgoing.send(host);
        }
        match command {
            Command::Send { direction, start, end } => {
                let bytes = commands.bytes(*start, *end);
                self.outgoing.room(host, *direction, bytes.len()).extend_from_slice(bytes);
            }
            Command::Forward { direction, start, end } => {
                if let Some(lent) = lent {
                    let room = self.outgoing.room(host, *direction, end - start);
                    lent.read(|bytes| room.extend_from_slice(bytes.get(*start..*end).unwrap_or_default()));
                }
            }
            Command::End(direction) => host.inject(*direction, &[], true),
            Command::Check { id, frame, timeout_ms } => match check(config, host, frame, *timeout_ms) {
                Ok(callout) => {
                    self.callouts.insert(callout, *id);
                }
                Err(failure) => return Some((*id, failure)),
            },
            Command::Report { frame, authorized } => reports::put(&config.target, frame, *authorized),
            Command::PauseReads => host.read_disable(true),
            Command::ResumeReads => host.read_disable(false),
            Command::Tick(ms) => {
                self.timers.push(timer::set(host.waker(), Duration::from_millis((*ms).into())));
            }
            Command::Close(why) => {
                let patience = config.listener.settings().limits.logout_timeout();
                self.closed_by = Some(config.now().monotonic + patience);
                self.timers.push(timer::set(host.waker(), patience));
                host.close(&format!("fix_authz: {why}"));
            }
            Command::Log(level, line) => host::log(*level, line),
            Command::CheckLatency(micros) => config.record_latency(host, *micros),
            Command::Account(facts) => facts.iter().for_each(|(key, fact)| host.note(key, fact)),
        }
        None
    }
}

/// Tells the breaker of the outcome of a call.
fn note_outcome(config: &Config, failure: Option<&Failure>) {
    match failure {
        Some(Failure::NoAnswer) => {
            if config.breaker.timed_out() {
                reports::probe();
            }
        }
        Some(Failure::Reset | Failure::Unreachable | Failure::BreakerFull) => {}
        _ => reports::answered(&config.target, &config.breaker),
    }
}

/// Sends a Check. Returns the id of the call, or why it could not be made.
fn check(config: &Config, host: Host<'_>, frame: &[u8], timeout_ms: u32) -> Result<u64, Failure> {
    if config.breaker.is_open() {
        return Err(Failure::HeldBack);
    }
    let target = &config.target;
    with_headers(grpc::PATH, &target.authority, timeout_ms, |headers| {
        host.callout(&target.cluster, headers, frame, timeout_ms)
    })
}
