//! A listener's configuration: the settings, and the ids of its metrics.

use crate::host::{Host, Registry};
use crate::journal::FileJournal;
use crate::life::Origin;
use crate::reports;
use fix_authz_core::breaker::Breaker;
use fix_authz_core::command::Commands;
use fix_authz_core::outbox::Target;
use fix_authz_core::session::{Journal, Listener, Now};
use fix_authz_core::settings::Settings;
use fix_authz_core::stats::{Counter, Gauge, Levels};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The name of the histogram of Check latencies, in microseconds.
const LATENCY: &str = "fix_authz.check_latency_us";

/// Why a configuration is refused that no report could be sent for.
const NO_EXTENSION: &str = "bootstrap_extensions: the module is missing there, and without it no report reaches the decision \
     service; add `envoy.bootstrap.dynamic_modules` with the `dynamic_module_config` of this filter (docs/operations.md)";

/// What all connections of a listener share.
pub struct Config {
    /// The settings, and what the sessions have in common.
    pub listener: Arc<Listener>,
    /// The decision service.
    pub target: Arc<Target>,
    /// Holds calls back from it while it answers nothing.
    pub breaker: Arc<Breaker>,
    /// Its place among those that may be over before the process is.
    pub origin: Arc<Origin>,
    /// In the order of [`Counter::ALL`].
    counters: Vec<usize>,
    /// In the order of [`Gauge::ALL`].
    gauges: Vec<usize>,
    latency: usize,
    /// The zero of the monotonic clock.
    pub started: Instant,
}

impl Config {
    /// Reads the settings and defines the metrics.
    ///
    /// # Errors
    /// One line: what is wrong with the settings, or that a metric cannot be defined.
    pub fn new(json: &[u8], registry: Registry<'_>) -> Result<Self, String> {
        let settings = Settings::from_json(json)?;
        if !reports::can_be_sent() {
            return Err(NO_EXTENSION.to_owned());
        }
        let target = target(&settings);
        let journal = journal(&settings)?;
        let counters = Counter::ALL.iter().map(|each| registry.counter(each.name())).collect::<Option<_>>();
        let gauges = Gauge::ALL.iter().map(|each| registry.gauge(each.name())).collect::<Option<_>>();
        let latency = registry.histogram(LATENCY);
        Ok(Self {
            breaker: reports::breaker(&target),
            target,
            origin: Origin::new(&settings),
            counters: counters.ok_or("a counter cannot be defined")?,
            gauges: gauges.ok_or("a gauge cannot be defined")?,
            latency: latency.ok_or("the histogram cannot be defined")?,
            listener: Arc::new(Listener::with_journal(settings, journal)),
            started: Instant::now(),
        })
    }

    /// The time of an event that comes now.
    pub fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), utc: SystemTime::now().into() }
    }

    /// Adds to a counter.
    pub fn count(&self, host: Host<'_>, counter: Counter, n: u32) {
        if let Some(id) = self.counters.get(counter as usize) {
            host.count(*id, n);
        }
    }

    /// Adds what the commands say to the counters.
    pub fn count_all(&self, host: Host<'_>, commands: &Commands) {
        commands.counters().moved().for_each(|(counter, n)| self.count(host, counter, n));
    }

    /// Moves the gauges by what a connection adds to them now, and added before.
    pub fn show(&self, host: Host<'_>, before: &Levels, after: &Levels) {
        for ((before, after), id) in before.iter().zip(after).zip(&self.gauges) {
            if before != after {
                host.level(*id, *before, *after);
            }
        }
    }

    /// Records how long a Check took.
    pub fn record_latency(&self, host: Host<'_>, micros: u64) {
        host.record(self.latency, micros);
    }
}

fn journal(settings: &Settings) -> Result<Option<Box<dyn Journal>>, String> {
    let Some(directory) = &settings.rejects.journal_directory else { return Ok(None) };
    Ok(Some(Box::new(FileJournal::new(directory)?)))
}

fn target(settings: &Settings) -> Arc<Target> {
    let check = &settings.check;
    let (cluster, authority) = (check.cluster.clone(), check.authority.clone());
    Arc::new(Target { cluster, authority })
}
