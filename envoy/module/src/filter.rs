//! A connection's filter: Envoy's hooks become events, commands become callbacks.
//!
//! Carrying a command out may make Envoy call a hook before the callback returns (a close reports itself, a call that
//! cannot be made completes at once). Such an event waits until the commands at hand are done.

use crate::host::{self, Host, Lent};
use crate::life::{self, Member};
use crate::timer::{self, Timer};
use fix_authz_core::command::{CheckId, Command, Commands, Direction};
use fix_authz_core::contract::grpc;
use fix_authz_core::failure::Failure;
use fix_authz_core::session::{Departure, Listener, Now, Session};
use fix_authz_core::stats::{Counter, Levels};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// A listener's configuration: the settings, and the ids of its metrics.
pub struct Config {
    pub listener: Arc<Listener>,
    /// In the order of [`Counter::ALL`].
    pub counters: Vec<usize>,
    /// In the order of [`Gauge::ALL`](fix_authz_core::stats::Gauge::ALL).
    pub gauges: Vec<usize>,
    /// Microseconds of a Check.
    pub latency: usize,
    /// The zero of the monotonic clock.
    pub started: Instant,
}

impl Config {
    fn count(&self, host: Host<'_>, counter: Counter, n: u32) {
        if let Some(id) = self.counters.get(counter as usize) {
            host.count(*id, n);
        }
    }

    fn count_all(&self, host: Host<'_>, commands: &Commands) {
        commands.counters().moved().for_each(|(counter, n)| self.count(host, counter, n));
    }

    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), utc: SystemTime::now().into() }
    }
}

/// An event that may come while commands are carried out.
enum Event {
    Answer { callout: u64, answer: Result<Vec<u8>, Failure> },
    Tick,
    Gone,
}

/// One connection.
pub struct Filter {
    config: Arc<Config>,
    connection: RefCell<Connection>,
    later: RefCell<VecDeque<Event>>,
    /// Envoy said that the connection is closed: what it lent is no longer there.
    gone: Cell<bool>,
}

struct Connection {
    session: Session,
    commands: Commands,
    /// The Check behind each of Envoy's calls.
    callouts: HashMap<u64, CheckId>,
    timers: Vec<Timer>,
    introduced: bool,
    /// What the gauges have of this connection.
    shown: Levels,
    /// Its place among those that hear of the process's end.
    member: Option<Member>,
    /// What the session was told of it.
    departing: Option<Departure>,
    /// Bytes of the venue's were left where they are; the buffer limit to put back.
    outbound_held: Option<u32>,
}

impl Filter {
    /// A filter for a new connection; `None` without randomness, and then Envoy closes it.
    pub fn new(config: Arc<Config>) -> Option<Self> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).ok()?;
        let mut commands = Commands::default();
        let session = Session::open(Arc::clone(&config.listener), seed, config.now(), &mut commands);
        let connection = Connection {
            session,
            commands,
            callouts: HashMap::new(),
            timers: Vec::new(),
            introduced: false,
            shown: Levels::default(),
            member: None,
            departing: None,
            outbound_held: None,
        };
        Some(Self {
            config,
            connection: RefCell::new(connection),
            later: RefCell::default(),
            gone: Cell::new(false),
        })
    }

    /// The connection is there: the first commands of the session are due.
    pub fn opened(&self, host: Host<'_>) {
        if let Ok(mut connection) = self.connection.try_borrow_mut() {
            let connection = &mut *connection;
            connection.member = Some(life::join(host.waker()));
            connection.session.admit(host.source(), self.config.now(), &mut connection.commands);
            connection.depart_if_told(self.config.now());
            connection.carry_out(&self.config, host, None);
            connection.show_levels(&self.config, host);
        }
        self.catch_up(host);
    }

    /// Bytes arrived. `true`: all of them may go on, and stay where they are to be passed on by Envoy without a copy.
    pub fn data(&self, host: Host<'_>, direction: Direction, length: usize, end: bool) -> bool {
        let Ok(mut connection) = self.connection.try_borrow_mut() else { return false };
        let connection = &mut *connection;
        // An end is told once, so what comes with it is taken, however full the queue is.
        if direction == Direction::Outbound && !end && !connection.session.takes_outbound() {
            connection.hold_outbound(&self.config, host);
            return false;
        }
        connection.release_outbound(host);
        connection.introduce(host);
        let now = self.config.now();
        // What waits is dealt with before Envoy passes anything on, and may send.
        let may_stay = !end && self.later.borrow().is_empty();
        let stays = host.take_buffer(direction, length, &self.gone, |lent| {
            let commands = &mut connection.commands;
            lent.read(|bytes| {
                connection.session.receive(direction, bytes, end && lent.is_last, now, commands);
            });
            if may_stay && lent.is_only && commands.is_pass(direction, lent.length()) {
                self.config.count_all(host, commands);
                commands.clear();
                return true;
            }
            connection.carry_out(&self.config, host, Some(lent));
            false
        });
        connection.show_levels(&self.config, host);
        stays
    }

    /// A call was answered, or failed.
    pub fn answered(&self, host: Host<'_>, callout: u64, answer: Result<Vec<u8>, Failure>) {
        self.handle(host, Event::Answer { callout, answer });
    }

    /// A timer fired.
    pub fn ticked(&self, host: Host<'_>) {
        self.handle(host, Event::Tick);
    }

    /// The connection is closed.
    pub fn gone(&self, host: Host<'_>) {
        self.gone.set(true);
        self.handle(host, Event::Gone);
    }

    /// A panic was caught: nothing more happens on this connection.
    #[cold]
    pub fn broken(&self, host: Host<'_>) {
        self.config.count(host, Counter::Panics, 1);
        host.close("fix_authz: internal error");
    }

    fn handle(&self, host: Host<'_>, event: Event) {
        self.later.borrow_mut().push_back(event);
        self.catch_up(host);
    }

    /// Deals with the events that waited.
    pub fn catch_up(&self, host: Host<'_>) {
        let Ok(mut connection) = self.connection.try_borrow_mut() else { return };
        loop {
            let Some(event) = self.later.borrow_mut().pop_front() else { return };
            connection.introduce(host);
            connection.event(event, &self.config);
            connection.carry_out(&self.config, host, None);
            connection.show_levels(&self.config, host);
        }
    }
}

impl Connection {
    /// Tells the session who is at the two ends, once: with TLS that is known when the first byte has arrived.
    fn introduce(&mut self, host: Host<'_>) {
        if !self.introduced {
            self.introduced = true;
            self.session.introduce(host.peers());
        }
    }

    fn event(&mut self, event: Event, config: &Config) {
        let now = config.now();
        match event {
            // A call that failed before it had an id was dealt with where it was made.
            Event::Answer { callout, answer } => {
                if let Some(id) = self.callouts.remove(&callout) {
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
                self.depart_if_told(now);
                self.session.tick(now, &mut self.commands);
            }
            Event::Gone => {
                self.timers.clear();
                self.member = None;
                self.session.gone(now, &mut self.commands);
            }
        }
    }

    /// Tells the session that the process is to end, where that is news.
    fn depart_if_told(&mut self, now: Now) {
        let told = life::departure();
        if let Some(departure) = told.filter(|_| told != self.departing) {
            self.departing = told;
            self.session.drain(departure, now, &mut self.commands);
        }
    }

    /// Moves the gauges to where the session now stands.
    fn show_levels(&mut self, config: &Config, host: Host<'_>) {
        let levels = self.session.levels();
        if levels == self.shown {
            return;
        }
        for ((before, after), id) in self.shown.iter().zip(&levels).zip(&config.gauges) {
            if before != after {
                host.level(*id, *before, *after);
            }
        }
        self.shown = levels;
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
    fn carry_out(&mut self, config: &Config, host: Host<'_>, lent: Option<&Lent<'_>>) {
        while !self.commands.is_empty() {
            let mut commands = std::mem::take(&mut self.commands);
            config.count_all(host, &commands);
            let failed: Vec<CheckId> = commands
                .list()
                .iter()
                .filter_map(|command| self.one(config, host, &commands, lent, command))
                .collect();
            commands.clear();
            self.commands = commands;
            for id in failed {
                self.session.answer(id, Err(Failure::Unreachable), config.now(), &mut self.commands);
            }
        }
    }

    /// Carries one command out; the Check that could not be sent, if it was one.
    fn one(
        &mut self,
        config: &Config,
        host: Host<'_>,
        commands: &Commands,
        lent: Option<&Lent<'_>>,
        command: &Command,
    ) -> Option<CheckId> {
        match command {
            Command::Send { direction, start, end } => {
                host.inject(*direction, commands.bytes(*start, *end), false);
            }
            Command::Forward { direction, start, end } => {
                if let Some(lent) = lent {
                    host.inject_lent(*direction, lent, *start, *end);
                }
            }
            Command::End(direction) => host.inject(*direction, &[], true),
            Command::Check { id, frame, timeout_ms } => match check(config, host, frame, *timeout_ms) {
                Some(callout) => {
                    self.callouts.insert(callout, *id);
                }
                None => return Some(*id),
            },
            Command::PauseReads => host.read_disable(true),
            Command::ResumeReads => host.read_disable(false),
            Command::Tick(ms) => {
                self.timers.push(timer::set(host.waker(), Duration::from_millis((*ms).into())));
            }
            Command::Close(why) => host.close(&format!("fix_authz: {why}")),
            Command::Log(level, line) => host::log(*level, line),
            Command::CheckLatency(micros) => host.record(config.latency, *micros),
            Command::Account(facts) => facts.iter().for_each(|(key, fact)| host.note(key, fact)),
        }
        None
    }
}

fn check(config: &Config, host: Host<'_>, frame: &[u8], timeout_ms: u32) -> Option<u64> {
    let check = &config.listener.settings().check;
    // "TimeoutValue TimeoutUnit" of gRPC over HTTP/2: at most eight digits, which an hour in milliseconds keeps to.
    let grpc_timeout = format!("{timeout_ms}m");
    let headers = [
        (":method", "POST"),
        (":path", grpc::PATH),
        (":scheme", "http"),
        ("host", &check.authority),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", &grpc_timeout),
    ];
    host.callout(&check.cluster, &headers, frame, timeout_ms)
}
