//! The process's reports: workers put them in, and Envoy's main thread sends them by the bootstrap extension's calls.
//!
//! A call of a connection's filter ends with the connection, so no report is sent by one. All of it happens under one lock,
//! which is never held while Envoy is called: Envoy may call back before a call returns.

use crate::call::with_headers;
use crate::host::{self, MainHost, MainThread, MainTimer};
use fix_authz_core::contract::{grpc, response};
use fix_authz_core::decision::Decision;
use fix_authz_core::outbox::{Outbox, Sending, Target, Ticket};
use fix_authz_core::stats::{REPORTS_WAITING, ReportCounter};
use std::collections::HashMap;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the main thread is called for: reports were put in.
pub const PUT: u64 = 2;

/// How long the service may take to accept a report, in milliseconds. Nobody waits for that, so it has time.
const TIMEOUT_MS: u32 = 5_000;
/// How long Envoy waits with its exit for the service to accept the last reports.
const LAST_REPORTS: Duration = Duration::from_secs(5);

static REPORTS: LazyLock<Reports> = LazyLock::new(|| {
    let mut seed = [0; 8];
    // Without randomness several gateways may send in step, which does no harm.
    let _ = getrandom::fill(&mut seed);
    let outbox = Outbox::new(u64::from_ne_bytes(seed));
    let (calls, main, is_called, drops_said) = (HashMap::new(), None, false, false);
    let state = State { outbox, calls, main, is_called, drops_said };
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
    /// The report behind each of Envoy's calls.
    calls: HashMap<u64, Ticket>,
    /// Sends the reports. `None` while there is no bootstrap extension, and when Envoy ends.
    main: Option<Arc<MainThread>>,
    /// The main thread was called, and has not come yet.
    is_called: bool,
    /// Envoy's log has a line about dropped reports, and none was accepted since.
    drops_said: bool,
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
    if !std::mem::replace(&mut state.is_called, true)
        && let Some(main) = &state.main
    {
        main.call(PUT);
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
        REPORTS.lock().main = Some(main);
        Some(Self { timer: host.timer(), counters, waiting, dropped: 0 })
    }

    /// Sends what is to be sent now, and sets the timer for the rest.
    pub fn send(&mut self, host: MainHost<'_>) {
        REPORTS.lock().is_called = false;
        while let Some(sending) = Self::next() {
            self.one(host, &sending);
        }
        let (due, now) = (REPORTS.lock().outbox.due(), REPORTS.now());
        if let Some(due) = due {
            self.timer.set(due.saturating_sub(now));
        }
        self.show(host);
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
        if let Some(call) = call {
            state.calls.insert(call, *ticket);
        } else {
            state.outbox.failed(*ticket, REPORTS.now());
            drop(state);
            self.count(host, ReportCounter::Failed, 1);
        }
    }

    /// A call has ended, with this body if it was answered.
    pub fn done(&mut self, host: MainHost<'_>, call: u64, answer: Option<&[u8]>) {
        let mut state = REPORTS.lock();
        let Some(ticket) = state.calls.remove(&call) else { return };
        // A service that could not record the report denies it, as it denies everything then.
        let accepted = matches!(answer.map(response::decision), Some(Ok(Decision::Forward(_))));
        if accepted {
            state.outbox.accepted(ticket);
            state.drops_said = false;
        } else {
            state.outbox.failed(ticket, REPORTS.now());
        }
        if state.outbox.is_empty() {
            REPORTS.none_left.notify_all();
        }
        drop(state);
        self.count(host, if accepted { ReportCounter::Accepted } else { ReportCounter::Failed }, 1);
        self.send(host);
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
