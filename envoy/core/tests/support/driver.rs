//! Envoy's place: events go in, and what the commands do is kept.

use super::lines::Lines;
use super::service::{Asked, Verdict};
use fix_authz_core::command::{CheckId, Command, Commands, Direction, Fact};
use fix_authz_core::session::{Departure, Journal, Listener, Now, Session};
use fix_authz_core::settings::Settings;
use fix_authz_core::stats::{Counter, Gauge};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// 2026-11-20 10:00:00 UTC.
const UTC: i64 = 1_795_168_800;

/// What a command did.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    Sent(Direction, Vec<u8>),
    Ended(Direction),
    Asked(Asked),
    Reported(Asked),
    ReadsPaused,
    ReadsResumed,
    TickIn(u32),
    Closed(&'static str),
    Logged(String),
    Accounted(Vec<(String, Fact)>),
}

/// A listener with settings besides `check`, as JSON members.
pub fn listener(more: &str) -> Arc<Listener> {
    listener_with(more, None)
}

fn listener_with(more: &str, journal: Option<Box<dyn Journal>>) -> Arc<Listener> {
    let comma = if more.is_empty() { "" } else { "," };
    let json = format!(r#"{{"check":{{"cluster":"authz"}}{comma}{more}}}"#);
    Arc::new(Listener::with_journal(Settings::from_json(json.as_bytes()).unwrap(), journal))
}

/// A session and its surroundings.
pub struct Driver {
    listener: Arc<Listener>,
    /// The listener's, if it has one.
    journal: Lines,
    session: Session,
    commands: Commands,
    now: Now,
    effects: Vec<Effect>,
    counts: HashMap<&'static str, u32>,
    closed: bool,
    broken: bool,
    /// Every message is read whole.
    pub forgetful: bool,
}

impl Driver {
    /// `more` are settings besides `check`, as JSON members.
    pub fn new(more: &str) -> Self {
        Self::seeded(more, [7; 32])
    }

    /// A connection to a listener whose journal a process after this one takes over ([`Driver::killed`]).
    pub fn journaled(more: &str) -> Self {
        let journal = Lines::default();
        Self { journal: journal.clone(), ..Self::on(listener_with(more, Some(Box::new(journal))), [7; 32]) }
    }

    pub fn seeded(more: &str, seed: [u8; 32]) -> Self {
        Self::on(listener(more), seed)
    }

    /// A connection to a listener, which may have had others.
    pub fn on(listener: Arc<Listener>, seed: [u8; 32]) -> Self {
        let utc = OffsetDateTime::from_unix_timestamp(UTC).unwrap();
        let now = Now { monotonic: Duration::from_secs(1), utc };
        let mut commands = Commands::default();
        let session = Session::open(Arc::clone(&listener), seed, now, &mut commands);
        let (effects, counts) = (Vec::new(), HashMap::new());
        let mut driver = Self {
            listener,
            journal: Lines::default(),
            session,
            commands,
            now,
            effects,
            counts,
            closed: false,
            broken: false,
            forgetful: false,
        };
        driver.carry_out();
        driver
    }

    /// Another connection, beside this one.
    pub fn beside(&self, seed: [u8; 32]) -> Self {
        Self::on(Arc::clone(&self.listener), seed)
    }

    /// The connection is gone, and there is another one.
    pub fn again(&mut self, seed: [u8; 32]) {
        self.gone();
        self.closed = false;
        self.session = Session::open(Arc::clone(&self.listener), seed, self.now, &mut self.commands);
        self.carry_out();
    }

    /// The process was killed, and another has begun with these settings.
    pub fn killed(&mut self, more: &str, seed: [u8; 32]) {
        self.journal = self.journal.next();
        self.listener = listener_with(more, Some(Box::new(self.journal.clone())));
        self.closed = false;
        self.session = Session::open(Arc::clone(&self.listener), seed, self.now, &mut self.commands);
        self.carry_out();
    }

    /// The connection comes from this address.
    pub fn admit(&mut self, address: &str) {
        self.session.admit((address.to_owned(), 5001), self.now, &mut self.commands);
        self.carry_out();
    }

    pub fn receive(&mut self, direction: Direction, bytes: &[u8], end: bool) {
        if self.forgetful {
            self.session.forget_layouts();
        }
        self.session.receive(direction, bytes, end, self.now, &mut self.commands);
        self.carry_out_with(bytes);
    }

    pub fn answer(&mut self, id: CheckId, verdict: &Verdict) {
        let body = verdict.body();
        let answer = body.as_deref().map_err(|failure| *failure);
        self.session.answer(id, answer, self.now, &mut self.commands);
        self.carry_out();
    }

    /// Time passes and a timer fires.
    pub fn after(&mut self, millis: u64) {
        self.wait(millis);
        self.session.tick(self.now, &mut self.commands);
        self.carry_out();
    }

    /// Time passes, and no timer fires.
    pub fn wait(&mut self, millis: u64) {
        self.wait_micros(millis * 1_000);
    }

    /// The same, with a finer grain.
    pub fn wait_micros(&mut self, micros: u64) {
        self.now.monotonic += Duration::from_micros(micros);
        self.now.utc += Duration::from_micros(micros);
    }

    /// The gateway goes down.
    pub fn drain(&mut self, departure: Departure) {
        self.session.drain(departure, self.now, &mut self.commands);
        self.carry_out();
    }

    pub fn level(&self, gauge: Gauge) -> u64 {
        self.session.levels()[gauge as usize]
    }

    pub fn gone(&mut self) {
        self.session.gone(self.now, &mut self.commands);
        self.carry_out();
    }

    pub fn takes_outbound(&self) -> bool {
        self.session.takes_outbound()
    }

    /// A violation that nothing can answer ends the connections, or has.
    pub fn is_breaking_off(&self) -> bool {
        self.broken || self.session.is_breaking_off()
    }

    pub fn is_closed(&self) -> bool {
        self.closed
    }

    /// What happened since this was last asked; sends side by side in one direction are one.
    pub fn take(&mut self) -> Vec<Effect> {
        let mut merged: Vec<Effect> = Vec::new();
        for effect in self.effects.drain(..) {
            match (merged.last_mut(), effect) {
                (Some(Effect::Sent(last, sent)), Effect::Sent(direction, bytes)) if *last == direction => {
                    sent.extend_from_slice(&bytes)
                }
                (_, effect) => merged.push(effect),
            }
        }
        merged
    }

    pub fn count(&self, counter: Counter) -> u32 {
        self.counts.get(counter.name()).copied().unwrap_or_default()
    }

    /// All counters but those that say how often something had to wait.
    pub fn counts(&self) -> HashMap<&'static str, u32> {
        let mut counts = self.counts.clone();
        counts.remove(Counter::ReadsPaused.name());
        counts
    }

    fn carry_out(&mut self) {
        self.carry_out_with(&[]);
    }

    /// `lent`: what the event handed in.
    fn carry_out_with(&mut self, lent: &[u8]) {
        for (counter, n) in self.commands.counters().moved() {
            *self.counts.entry(counter.name()).or_default() += n;
        }
        for command in self.commands.list() {
            // A report is no business of the connection's.
            let outlives = matches!(command, Command::Report { .. } | Command::Log(..));
            assert!(!self.closed || outlives, "`{command:?}` after the close");
            self.effects.push(match command {
                Command::Send { direction, start, end } => {
                    Effect::Sent(*direction, self.commands.bytes(*start, *end).to_vec())
                }
                Command::Forward { direction, start, end } => {
                    Effect::Sent(*direction, lent[*start..*end].to_vec())
                }
                Command::End(direction) => Effect::Ended(*direction),
                Command::Check { id, frame, timeout_ms } => {
                    Effect::Asked(Asked::read(*id, frame, *timeout_ms))
                }
                Command::Report { frame, .. } => Effect::Reported(Asked::read_report(frame)),
                Command::PauseReads => Effect::ReadsPaused,
                Command::ResumeReads => Effect::ReadsResumed,
                Command::Tick(millis) => Effect::TickIn(*millis),
                Command::Close(why) => {
                    self.closed = true;
                    self.broken |= *why == "violation of the strict profile";
                    Effect::Closed(why)
                }
                Command::Log(_, line) => Effect::Logged(line.clone()),
                Command::Account(facts) => Effect::Accounted(facts.clone()),
                Command::CheckLatency(_) => continue,
            });
        }
        self.commands.clear();
    }
}
