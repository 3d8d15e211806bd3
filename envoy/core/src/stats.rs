//! What is counted, under the names that Envoy's stats show.

macro_rules! metrics {
    ($(#[$kind:meta])* $metric:ident: $($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        $(#[$kind])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $metric {
            $($(#[$doc])* $variant,)*
        }

        impl $metric {
            /// All of them, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name in Envoy's stats, behind `dynamicmodulescustom.`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

metrics! {
    /// A counter of Envoy's stats.
    Counter:
    /// Connections accepted.
    Connections => "fix_authz.connections",
    /// Logons that the decision service allowed.
    LogonsAllowed => "fix_authz.logons_allowed",
    /// Logons that it refused, or that could not be decided.
    LogonsRefused => "fix_authz.logons_refused",
    /// Inbound messages forwarded as they stood.
    InboundForwarded => "fix_authz.inbound_forwarded",
    /// Inbound messages replaced.
    InboundDenied => "fix_authz.inbound_denied",
    /// Outbound messages forwarded as they stood.
    OutboundForwarded => "fix_authz.outbound_forwarded",
    /// Outbound messages replaced.
    OutboundDenied => "fix_authz.outbound_denied",
    /// Messages of venues that were held because a Check about them failed.
    OutboundHeld => "fix_authz.outbound_held",
    /// Messages of venues that became GapFills although no service had decided them; among those replaced.
    OutboundLost => "fix_authz.outbound_lost",
    /// Rejects delivered to clients in the place of a Heartbeat.
    RejectsDelivered => "fix_authz.rejects_delivered",
    /// Rejects put back, for a client that may have lost them with its connection, where the venue fills their numbers.
    RejectsPutBack => "fix_authz.rejects_put_back",
    /// Rejects whose Heartbeat the venue owes for too long, or will not send: they hold up nothing any more.
    RejectsOverdue => "fix_authz.rejects_overdue",
    /// Checks sent, watches aside.
    Checks => "fix_authz.checks",
    /// Checks without a usable answer.
    ChecksFailed => "fix_authz.checks_failed",
    /// Checks and watches that were not answered in time.
    CallsTimedOut => "fix_authz.calls_timed_out",
    /// Checks and watches that were not sent, because the decision service answered nothing at the moment.
    CallsHeldBack => "fix_authz.calls_held_back",
    /// Checks and watches whose connection broke.
    CallsReset => "fix_authz.calls_reset",
    /// Checks and watches for which the cluster had no host that took a connection.
    CallsUnreachable => "fix_authz.calls_unreachable",
    /// Checks and watches that a circuit breaker of the cluster refused.
    CallsBreakerFull => "fix_authz.calls_breaker_full",
    /// Checks and watches for which Envoy had no cluster.
    CallsNoCluster => "fix_authz.calls_no_cluster",
    /// Checks and watches that Envoy refused for another reason.
    CallsNotSent => "fix_authz.calls_not_sent",
    /// Checks and watches that were answered with an HTTP error.
    CallsHttpError => "fix_authz.calls_http_error",
    /// Checks and watches that were answered with a gRPC error.
    CallsGrpcError => "fix_authz.calls_grpc_error",
    /// Checks and watches whose answer could not be used.
    CallsUnusable => "fix_authz.calls_unusable",
    /// Risk-reducing messages let through without an answer.
    RiskReducingForwarded => "fix_authz.risk_reducing_forwarded",
    /// Connections ended for a departure from the strict profile.
    Violations => "fix_authz.violations",
    /// Of them, bytes that are no message and were ignored.
    Garbled => "fix_authz.garbled",
    /// Times that reading from a client stopped because its queue was full.
    ReadsPaused => "fix_authz.reads_paused",
    /// Times that bytes from a venue were left waiting because the queue was full.
    OutboundPaused => "fix_authz.outbound_paused",
    /// Sessions ended by a Logout of the gateway's, or for want of a message that could become one.
    SessionsEnded => "fix_authz.sessions_ended",
    /// Sessions among them that ended because the gateway drains or stops.
    SessionsDrained => "fix_authz.sessions_drained",
    /// Sessions disconnected between two messages because the gateway drains or stops.
    SessionsCut => "fix_authz.sessions_cut",
    /// Sessions ended because messages of their venues could not be decided in time.
    EndedUndecided => "fix_authz.ended_undecided",
    /// Connections without a Logon, closed because the gateway drains or stops.
    ConnectionsTurnedAway => "fix_authz.connections_turned_away",
    /// Sessions ended because their client was silent for too long.
    SessionsSilent => "fix_authz.sessions_silent",
    /// Connections closed at once on the decision service's order.
    SessionsDisconnected => "fix_authz.sessions_disconnected",
    /// Messages denied for `limits.messages_per_s`.
    DeniedPerSecond => "fix_authz.denied_per_s",
    /// Messages denied for `limits.messages_per_day`.
    DeniedPerDay => "fix_authz.denied_per_day",
    /// Sessions ended for `limits.denials_per_minute`.
    EndedByDenials => "fix_authz.ended_by_denials",
    /// How often a session was held back because too many of its client's messages were denied or replayed.
    ClientsHeld => "fix_authz.clients_held",
    /// Connections refused for `limits.pending_connections_per_address`.
    ConnectionsRefused => "fix_authz.connections_refused",
    /// Watches sent.
    Watches => "fix_authz.watches",
    /// Watches that told of a change.
    WatchChanges => "fix_authz.watch_changes",
    /// Watches without a usable answer.
    WatchesFailed => "fix_authz.watches_failed",
    /// Renewals that put a fresh credential in force.
    Renewals => "fix_authz.renewals",
    /// Renewals that were refused, or that could not be decided.
    RenewalsRefused => "fix_authz.renewals_refused",
    /// Messages answered by a decision at hand.
    CacheHits => "fix_authz.cache_hits",
    /// Messages that could have been, but none was at hand.
    CacheMisses => "fix_authz.cache_misses",
    /// Messages let through by a decision that was too old, as their Check had no usable answer.
    CacheStale => "fix_authz.cache_stale",
    /// Checks that ask ahead of a decision's end.
    CacheRefreshes => "fix_authz.cache_refreshes",
    /// Decisions dropped to make room.
    CacheEvictions => "fix_authz.cache_evictions",
    /// Times that all decisions of a session were dropped.
    CacheDrops => "fix_authz.cache_drops",
    /// Panics caught at the boundary to Envoy; each closed its connection.
    Panics => "fix_authz.panics",
}

metrics! {
    /// A gauge of Envoy's stats: the sum of all connections' levels.
    Gauge:
    /// Connections that are open.
    ConnectionsActive => "fix_authz.connections_active",
    /// Those without an authorized Logon yet.
    LogonsPending => "fix_authz.logons_pending",
    /// Sessions past their Logon.
    SessionsActive => "fix_authz.sessions_active",
    /// Those that are to end because the gateway drains or stops.
    SessionsDraining => "fix_authz.sessions_draining",
    /// Bytes of both directions that wait in the filter for an answer, or behind one that does.
    QueuedBytes => "fix_authz.queued_bytes",
}

metrics! {
    /// A counter of Envoy's stats about the process's reports.
    ReportCounter:
    /// Reports that the decision service has accepted.
    Accepted => "fix_authz.reports_accepted",
    /// Times that a report was sent and not accepted, so that it is sent again.
    Failed => "fix_authz.reports_failed",
    /// Reports that were given up: there were too many, they were too old, or Envoy ended.
    Dropped => "fix_authz.reports_dropped",
}

/// The gauge of the reports that wait to be accepted.
pub const REPORTS_WAITING: &str = "fix_authz.reports_waiting";

/// What a connection adds to each gauge, in the order of [`Gauge::ALL`].
pub type Levels = [u64; Gauge::ALL.len()];

const COUNT: usize = Counter::ALL.len();

/// Increments of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters([u32; COUNT]);

impl Default for Counters {
    fn default() -> Self {
        Self([0; COUNT])
    }
}

impl Counters {
    pub(crate) fn add(&mut self, counter: Counter, n: u32) {
        if let Some(slot) = self.0.get_mut(counter as usize) {
            *slot += n;
        }
    }

    /// The increment of `counter`.
    pub fn get(&self, counter: Counter) -> u32 {
        self.0.get(counter as usize).copied().unwrap_or_default()
    }

    /// No increment.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|n| *n == 0)
    }

    /// The counters that moved.
    pub fn moved(&self) -> impl Iterator<Item = (Counter, u32)> {
        Counter::ALL.iter().zip(self.0).filter(|(_, n)| *n > 0).map(|(counter, n)| (*counter, n))
    }
}
