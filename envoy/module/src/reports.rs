//! The process's reports: workers put them in, and Envoy's main thread sends them by the bootstrap extension's calls.
//!
//! A call of a connection's filter ends with the connection, so no report is sent by one. All of it happens under one lock,
//! which is never held while Envoy is called: Envoy may call back before a call returns.
//!
//! While a service is suspected to answer nothing ([`Breaker`]), the main thread asks for its health, too.

use crate::call::with_headers;
use crate::host::{self, MainHost, MainThread, MainTimer};
use fix_authz_core::breaker::Breaker;
use fix_authz_core::command::Level;
use fix_authz_core::contract::{grpc, response};
use fix_authz_core::decision::Decision;
use fix_authz_core::failure::Failure;
use fix_authz_core::outbox::{Outbox, Sending, Target, Ticket};
use fix_authz_core::stats::{REPORTS_WAITING, ReportCounter};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the main thread is called for: reports were put in.
pub const PUT: u64 = 2;

/// How long the service may take to accept a report, in milliseconds. Nobody waits for that, so it has time.
const TIMEOUT_MS: u32 = 5_000;
/// How long a service may take to tell of its health, and the pause before it is asked again, in milliseconds.
const PROBE_TIMEOUT_MS: u32 = 1_000;
const PROBE_PAUSE: Duration = Duration::from_millis(250);
/// How long Envoy waits with its exit for the service to accept the last reports.
const LAST_REPORTS: Duration = Duration::from_secs(5);

static REPORTS: LazyLock<Reports> = LazyLock::new(|| {
    let mut seed = [0; 8];
    // Without randomness several gateways may send in step, which does no harm.
    let _ = getrandom::fill(&mut seed);
    let outbox = Outbox::new(u64::from_ne_bytes(seed));
    let (calls, services) = (HashMap::new(), BTreeMap::new());
    let state = State { outbox, calls, services, main: None, is_called: false, drops_said: false };
    Reports { state: Mutex::new(state), none_left: Condvar::new(), started: Instant::now() }
});

struct Reports {
    state: Mutex<State>,
    none_left: Condvar,
    /// The zero of the outbox's clock.
    started: Instant,
}

struct State {
    outbox: Outbox,
    /// What each of Envoy's calls is about.
    calls: HashMap<u64, Call>,
    services: BTreeMap<Arc<Target>, Service>,
    /// Sends the reports. `None` while there is no bootstrap extension, and when Envoy ends.
    main: Option<Arc<MainThread>>,
    /// The main thread was called, and has not come yet.
    is_called: bool,
    /// Envoy's log has a line about dropped reports, and none was accepted since.
    drops_said: bool,
}

enum Call {
    Report(Ticket, Arc<Target>),
    /// The question about a service's health, with the breaker's mark.
    Probe(Arc<Target>, u64),
}

/// A decision service.
#[derive(Default)]
struct Service {
    breaker: Arc<Breaker>,
    /// The question about its health is out.
    is_asked: bool,
    /// It is not asked again before this time.
    ask_at: Duration,
}

impl State {
    /// Calls the main thread, unless it was called and has not come yet.
    fn call_main(&mut self) {
        if !std::mem::replace(&mut self.is_called, true)
            && let Some(main) = &self.main
        {
            main.call(PUT);
        }
    }

    /// Returns the next service that is to be asked for its health now, with the breaker's mark.
    fn next_probe(&mut self, now: Duration) -> Option<(Arc<Target>, u64)> {
        self.main.as_ref()?;
        self.services.iter_mut().find_map(|(target, service)| {
            let epoch = service.breaker.probe().filter(|_| !service.is_asked && service.ask_at <= now)?;
            service.is_asked = true;
            Some((Arc::clone(target), epoch))
        })
    }

    /// When a service is to be asked for its health, or `None` if none is.
    fn next_probe_at(&self) -> Option<Duration> {
        let waits = |service: &&Service| !service.is_asked && service.breaker.probe().is_some();
        self.services.values().filter(waits).map(|service| service.ask_at).min()
    }
}

impl Reports {
    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is sound after every statement, so a panic elsewhere does not spoil it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}

/// Whether there is a bootstrap extension, without which no report could be sent.
pub fn can_be_sent() -> bool {
    REPORTS.lock().main.is_some()
}

/// Takes a report in, from any thread.
pub fn put(target: &Arc<Target>, frame: &[u8], authorized: bool) {
    let mut state = REPORTS.lock();
    state.outbox.put(target, frame.to_vec(), authorized, REPORTS.now());
    state.call_main();
}

/// The breaker of the calls to a service.
pub fn breaker(target: &Arc<Target>) -> Arc<Breaker> {
    let mut state = REPORTS.lock();
    Arc::clone(&state.services.entry(Arc::clone(target)).or_default().breaker)
}

/// A service is suspected: it is to be asked for its health.
pub fn probe() {
    REPORTS.lock().call_main();
}

/// A service has answered something. If it was suspected, nothing is held back and no report waits any longer.
pub fn answered(target: &Target, breaker: &Breaker) {
    let was_open = breaker.is_open();
    if breaker.answered() {
        let mut state = REPORTS.lock();
        state.outbox.reached(target);
        state.call_main();
        drop(state);
        if was_open {
            host::log(Level::Warn, "the decision service answers again");
        }
    }
}

/// Waits until every report is accepted, but no longer than [`LAST_REPORTS`].
pub fn wait_for_the_last() {
    let has_some = |state: &mut State| state.main.is_some() && !state.outbox.is_empty();
    drop(REPORTS.none_left.wait_timeout_while(REPORTS.lock(), LAST_REPORTS, has_some));
}

/// Envoy ends: nothing is sent any more, and what is left is lost.
pub fn end() {
    let mut state = REPORTS.lock();
    let lost = if state.main.take().is_some() { state.outbox.len() } else { 0 };
    state.calls.clear();
    drop(state);
    if lost > 0 {
        host::log_error(&format!("{lost} reports to the decision service are lost, because Envoy ends"));
    }
}

/// Sends the reports. Everything happens on Envoy's main thread.
pub struct Sender {
    timer: MainTimer,
    /// In the order of [`ReportCounter::ALL`].
    counters: Vec<usize>,
    waiting: usize,
    /// How many dropped reports the counter has.
    dropped: u64,
}

impl Sender {
    /// Begins to send reports, or returns `None` if a metric cannot be defined.
    pub fn new(host: MainHost<'_>, main: Arc<MainThread>) -> Option<Self> {
        let counters = ReportCounter::ALL.iter().map(|each| host.define_counter(each.name()));
        let (counters, waiting) = (counters.collect::<Option<_>>()?, host.define_gauge(REPORTS_WAITING)?);
        let mut state = REPORTS.lock();
        (state.main, state.is_called) = (Some(main), false);
        drop(state);
        Some(Self { timer: host.timer(), counters, waiting, dropped: 0 })
    }

    /// Sends what is to be sent now, and sets the timer for the rest.
    pub fn send(&mut self, host: MainHost<'_>) {
        REPORTS.lock().is_called = false;
        while let Some(sending) = Self::next() {
            self.one(host, &sending);
        }
        while let Some((target, epoch)) = Self::next_probe() {
            Self::ask(host, target, epoch);
        }
        let state = REPORTS.lock();
        let due = [state.outbox.due(), state.next_probe_at()].into_iter().flatten().min();
        drop(state);
        if let Some(due) = due {
            self.timer.set(due.saturating_sub(REPORTS.now()));
        }
        self.show(host);
    }

    fn next_probe() -> Option<(Arc<Target>, u64)> {
        REPORTS.lock().next_probe(REPORTS.now())
    }

    /// Asks a service for its health.
    fn ask(host: MainHost<'_>, target: Arc<Target>, epoch: u64) {
        let call = with_headers(grpc::HEALTH_PATH, &target.authority, PROBE_TIMEOUT_MS, |headers| {
            host.callout(&target.cluster, headers, grpc::HEALTH_QUESTION, PROBE_TIMEOUT_MS)
        });
        match call {
            Ok(call) => drop(REPORTS.lock().calls.insert(call, Call::Probe(target, epoch))),
            Err(failure) => Self::asked(&target, epoch, Some(failure)),
        }
    }

    /// The question about a service's health was answered, or failed. A service that cannot be reached holds no call up, so
    /// that its calls need not be held back.
    fn asked(target: &Arc<Target>, epoch: u64, failure: Option<Failure>) {
        let mut state = REPORTS.lock();
        let Some(service) = state.services.get_mut(target) else { return };
        service.is_asked = false;
        service.ask_at = REPORTS.now() + PROBE_PAUSE;
        let breaker = Arc::clone(&service.breaker);
        drop(state);
        if failure != Some(Failure::NoAnswer) {
            return answered(target, &breaker);
        }
        let was_open = breaker.is_open();
        breaker.probe_timed_out(epoch);
        if breaker.is_open() && !was_open {
            host::log(
                Level::Warn,
                "the decision service answers nothing: no call is made until it answers again",
            );
        }
    }

    fn next() -> Option<Sending> {
        let mut state = REPORTS.lock();
        if state.main.is_some() { state.outbox.next(REPORTS.now()) } else { None }
    }

    fn one(&self, host: MainHost<'_>, Sending { ticket, target, frame }: &Sending) {
        let call = with_headers(grpc::PATH, &target.authority, TIMEOUT_MS, |headers| {
            host.callout(&target.cluster, headers, frame, TIMEOUT_MS)
        });
        let mut state = REPORTS.lock();
        if let Ok(call) = call {
            state.calls.insert(call, Call::Report(*ticket, Arc::clone(target)));
        } else {
            state.outbox.failed(*ticket, REPORTS.now());
            drop(state);
            self.count(host, ReportCounter::Failed, 1);
        }
    }

    /// A call has ended, with this body if it was answered.
    pub fn done(&mut self, host: MainHost<'_>, call: u64, answer: Result<&[u8], Failure>) {
        let Some(call) = REPORTS.lock().calls.remove(&call) else { return };
        match call {
            Call::Report(ticket, target) => self.reported(host, ticket, &target, answer),
            Call::Probe(target, epoch) => Self::asked(&target, epoch, answer.err()),
        }
        self.send(host);
    }

    fn reported(
        &self,
        host: MainHost<'_>,
        ticket: Ticket,
        target: &Arc<Target>,
        answer: Result<&[u8], Failure>,
    ) {
        let mut state = REPORTS.lock();
        // A service that could not record the report denies it, as it denies everything then.
        let accepted = matches!(answer.and_then(response::decision), Ok(Decision::Forward(_)));
        if accepted {
            state.outbox.accepted(ticket);
            state.drops_said = false;
        } else {
            state.outbox.failed(ticket, REPORTS.now());
        }
        if state.outbox.is_empty() {
            REPORTS.none_left.notify_all();
        }
        let breaker = state.services.get(target).map(|service| Arc::clone(&service.breaker));
        drop(state);
        if let Some(breaker) = breaker.filter(|_| accepted) {
            answered(target, &breaker);
        }
        self.count(host, if accepted { ReportCounter::Accepted } else { ReportCounter::Failed }, 1);
    }

    fn show(&mut self, host: MainHost<'_>) {
        let mut state = REPORTS.lock();
        let (waiting, dropped) = (state.outbox.len(), state.outbox.dropped());
        let news = dropped.saturating_sub(self.dropped);
        let is_said = news == 0 || std::mem::replace(&mut state.drops_said, true);
        drop(state);
        host.set(self.waiting, u64::try_from(waiting).unwrap_or(u64::MAX));
        if news > 0 {
            self.dropped = dropped;
            self.count(host, ReportCounter::Dropped, news);
        }
        if !is_said {
            host::log_error(
                "reports to the decision service are dropped, because it has accepted none for too long \
                 (`fix_authz.reports_dropped` counts them)",
            );
        }
    }

    fn count(&self, host: MainHost<'_>, counter: ReportCounter, n: u64) {
        if let Some(id) = self.counters.get(counter as usize) {
            host.count(*id, n);
        }
    }
}
