//! A FIX session through the gateway: events in, commands out.
//!
//! A session waits for a Logon, holds it until the decision service has answered, and then passes messages in both
//! directions. It reads each message whole and sends a Check about it if the session's terms say so. Several Checks may be
//! out at a time; their answers are applied in the order of the messages. A denied message is replaced in place
//! (`docs/sequence.md`). A message that departs from the strict profile is answered in sequence too; what cannot be is reported
//! and ends the connection.
//!
//! This module has the phases and the events. The others:
//!
//! - `intake` takes bytes in; `lane` is the queue of a direction; `inbound` and `outbound` have the rules of the directions.
//! - `malformed` answers messages that depart from the strict profile, and ignores bytes that are no message.
//! - `naming` compares a message's ids with the Logon's; `secrets` cuts or refuses credentials on their way to the venue.
//! - `asking` sends Checks and `answering` applies their answers; `batching` does both for Checks about several messages.
//!   `deciding_anew` asks again after a change of the state. Where the service gave no answer, `unanswered` decides about the
//!   client's messages, `holding` holds the venue's until they are decided, and `outage` sums the failures up for Envoy's
//!   log.
//! - `reusing` passes messages by cached decisions, `cache` holds these decisions, `passing` is the short way for messages
//!   that are like earlier ones, and `accounts` counts the messages that passed without a Check.
//! - `watching` keeps the service's watch, `renewing` takes a fresh credential, `resetting` a Logon in the running session.
//!   `ending` ends a session that the service ends, `draining` one that ends with the gateway, `half_closed` one that the client or
//!   the venue ends, `silence` one whose client is dead. `limiting` denies or holds up messages beyond a limit.
//! - `echo` holds rejects until the venue has answered what came before them, `redelivering` sends those that a lost
//!   connection took with it, and `memory` is what outlives a connection of them.

mod accounts;
mod answering;
mod asking;
mod batching;
mod cache;
mod deciding_anew;
mod draining;
mod echo;
mod ending;
mod half_closed;
mod holding;
mod inbound;
mod intake;
mod lane;
mod limiting;
mod malformed;
mod memory;
mod naming;
mod outage;
mod outbound;
mod passing;
mod redelivering;
mod renewing;
mod resetting;
mod reusing;
mod secrets;
mod silence;
mod unanswered;
mod watching;

pub use draining::Departure;

use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::contract::identity::Identity;
use crate::contract::request::Peers;
use crate::contract::response;
use crate::credential::Authorization;
use crate::decision::{Denial, State, Terms};
use crate::failure::Failure;
use crate::message::Field;
use crate::profile::Profile;
use crate::renewal::Renewals;
use crate::session_name::SessionName;
use crate::settings::Settings;
use crate::stats::{Counter, Levels};
use crate::violation::Violation;
use accounts::Accounts;
use cache::Cache;
use draining::Drain;
use echo::Echoes;
use ending::Doom;
use half_closed::HalfClosed;
use holding::Holding;
use lane::Lane;
use limiting::{Days, Limiter, Minute, Place, Places, Share, Shares};
pub use memory::Journal;
use memory::Memory;
use outage::Outage;
use passing::Known;
use redelivering::Footing;
use renewing::Renewal;
use resetting::RESETS_PER_MINUTE;
use reusing::Refresh;
use silence::Silence;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use time::OffsetDateTime;
use unanswered::Unanswered;
use watching::Watch;

/// The settings and what is made of them once, for all sessions of a listener.
#[derive(Debug)]
pub struct Listener {
    settings: Settings,
    profile: Profile,
    renewals: Renewals,
    memory: Memory,
    days: Days,
    shares: Shares,
    /// `None`: connections need none.
    places: Option<Arc<Places>>,
    /// How often a session whose watch had failed has found that a service can be reached.
    reached: AtomicU64,
    outage: Outage,
}

impl Listener {
    /// Prepares the settings; what is remembered of sessions ends with the process.
    pub fn new(settings: Settings) -> Self {
        Self::with_journal(settings, None)
    }

    /// Prepares the settings; the journal keeps what must outlive the process.
    pub fn with_journal(settings: Settings, journal: Option<Box<dyn Journal>>) -> Self {
        let (profile, renewals) = (settings.profile(), Renewals::new(&settings));
        let (memory, days) =
            (Memory::new(&settings.limits, journal), Days::new(settings.limits.remembered_sessions));
        let places = Places::new(settings.limits.pending_connections_per_address);
        let shares = Shares::new(&settings.limits);
        Self {
            settings,
            profile,
            renewals,
            memory,
            days,
            shares,
            places,
            reached: AtomicU64::new(0),
            outage: Outage::default(),
        }
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
    /// The Logon is held; its Check is out. `token_tag` is the tag of its credential.
    Authorizing { check: CheckId, since: Duration, logon: Vec<u8>, token_tag: Option<u32> },
    /// The Logon went upstream.
    Active,
    /// A Logout of ours went upstream in the place of a message; the venue's answer ends the session.
    Ending { denial: Denial, why: &'static str, deadline: Duration, answered: bool },
    /// The last word to the client is said; it may close first.
    Leaving { deadline: Duration, why: &'static str },
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
    /// What lost connections' rejects are found by; from the Logon on, where any are kept.
    footing: Option<Footing>,
    identity: Option<Identity>,
    authorization: Option<Authorization>,
    /// The service has allowed the Logon.
    is_authorized: bool,
    terms: Terms,
    /// Held until the Logon is authorized, where connections need one.
    place: Option<Place>,
    /// `None`: nothing is limited.
    limiter: Option<Box<Limiter>>,
    /// Set at the Logon; `None` if the settings bound nothing for each client.
    share: Option<Share>,
    /// Violations that did not end the session.
    violations: Minute,
    /// Logons of the client's with which the numbers began anew.
    resets: Minute,
    /// The client's numbers began anew, and the venue has not answered.
    awaits_reset: bool,
    /// The venue's numbers began anew, and the client has not answered.
    venue_began_anew: bool,
    /// The service has said that the Username (553) is the identity's.
    username_passes: bool,
    /// The connections end for this once what came before is decided.
    breaking: Option<(Direction, Violation)>,
    /// The order to end.
    doom: Option<Doom>,
    /// The gateway's own end.
    drain: Option<Drain>,
    /// The end that the client or the venue has said.
    half_closed: Option<HalfClosed>,
    /// `None`: the client owes no Heartbeats.
    silence: Option<Silence>,
    renewal: Option<Renewal>,
    watch: Option<Watch>,
    /// The newest state of the service that a watch or a Check has reported.
    state: State,
    /// Whether a mapping is in force that is newer than the one that the terms are of.
    terms_outdated: bool,
    /// Since when the terms are unconfirmed, because a watch failed; `None` while they are confirmed.
    unconfirmed_since: Option<Duration>,
    /// Watches of before a renewal.
    forgotten: Vec<CheckId>,
    opened: Duration,
    name: SessionName,
    checks: CheckId,
    /// What was decided without an answer and is not reported yet.
    unanswered: Unanswered,
    /// It has set the timer for the listener's next warning.
    times_warning: bool,
    /// The venue's messages that the service could not decide.
    holding: Holding,
    cache: Cache,
    layouts: Known,
    refreshes: Vec<Refresh>,
    accounts: Accounts,
    reads_paused: bool,
    /// They are paused until rejects that are on their way arrive, or are overdue.
    awaits_rejects: bool,
    /// Room for a message's fields, reused.
    fields: Vec<Field>,
}

impl Session {
    /// A session on a new connection. `seed` must be unguessable.
    pub fn open(listener: Arc<Listener>, seed: [u8; 32], now: Now, out: &mut Commands) -> Self {
        let mut echoes = Echoes::new(seed, listener.settings.limits.max_pending_rejects as usize);
        out.count(Counter::Connections);
        out.push(Command::Tick(listener.settings.limits.logon_timeout_ms));
        Self {
            name: SessionName::new(echoes.fresh_secret()),
            peers: Peers::default(),
            phase: Phase::AwaitingLogon,
            inbound: Lane::new(&listener.settings.limits),
            outbound: Lane::new(&listener.settings.limits),
            footing: None,
            identity: None,
            authorization: None,
            is_authorized: false,
            terms: Terms::default(),
            place: None,
            limiter: None,
            share: None,
            violations: Minute::new(listener.settings.limits.violations_per_minute),
            resets: Minute::new(RESETS_PER_MINUTE),
            awaits_reset: false,
            venue_began_anew: false,
            username_passes: false,
            breaking: None,
            doom: None,
            drain: None,
            half_closed: None,
            silence: None,
            renewal: None,
            watch: None,
            state: State::default(),
            terms_outdated: false,
            unconfirmed_since: None,
            forgotten: Vec::new(),
            opened: now.monotonic,
            checks: 0,
            unanswered: Unanswered::default(),
            times_warning: false,
            holding: Holding::default(),
            cache: Cache::new(&listener.settings.cache, echoes.fresh()),
            layouts: Known::new(echoes.fresh()),
            refreshes: Vec::new(),
            accounts: Accounts::new(&listener.settings.accounting),
            echoes,
            reads_paused: false,
            awaits_rejects: false,
            listener,
            fields: Vec::new(),
        }
    }

    /// Who is at the two ends; with TLS this is known once the first byte has arrived.
    pub fn introduce(&mut self, peers: Peers) {
        self.peers = peers;
    }

    /// The Check `id` was answered with this body, or failed.
    pub fn answer(&mut self, id: CheckId, answer: Result<&[u8], Failure>, now: Now, out: &mut Commands) {
        match &self.phase {
            Phase::Authorizing { check, since, .. } if *check == id => {
                let since = *since;
                let decision = self.read_answer(answer, response::decision, since, now, out);
                self.logon_decided(decision, now, out);
            }
            Phase::Active | Phase::Ending { .. } => self.answered(id, answer, now, out),
            _ => {}
        }
        self.report_unanswered_if_due(now, out);
        self.warn_if_due(now, out);
        self.send_open(now, out);
        self.break_off_if_clear(now, out);
        self.cut_if_quiet(now, out);
        self.follow_ends(now, out);
    }

    /// Time has passed.
    pub fn tick(&mut self, now: Now, out: &mut Commands) {
        self.tell_accounts_if_due(now, out);
        self.note_if_over(now);
        match &self.phase {
            Phase::AwaitingLogon | Phase::Authorizing { .. } => {
                let waited = now.monotonic.saturating_sub(self.opened);
                if waited >= self.listener.settings.limits.logon_timeout() {
                    self.violate(Direction::Inbound, Violation::LogonTimeout, now, out);
                }
            }
            Phase::Active if self.doom.is_some() => self.close_if_overdue(now, out),
            Phase::Active => {
                self.tell_limited_if_due(now, out);
                self.release_if_due(now, out);
                self.waive_overdue(now, out);
                self.watch_if_due(now, out);
            }
            Phase::Ending { deadline, .. } if now.monotonic >= *deadline => {
                self.close("session ended, the venue did not answer the Logout", out);
            }
            Phase::Leaving { deadline, why } if now.monotonic >= *deadline => self.close(why, out),
            _ => {}
        }
        if matches!(self.phase, Phase::Active | Phase::Ending { .. }) {
            self.hold_if_due(now, out);
        }
        self.report_unanswered_if_due(now, out);
        self.end_if_silent(now, out);
        self.warn_if_due(now, out);
        self.send_open(now, out);
        self.cut_if_overdue(now, out);
        self.follow_ends(now, out);
    }

    /// What this connection adds to the gauges.
    pub fn levels(&self) -> Levels {
        let (connection, pending, session) = match self.phase {
            Phase::AwaitingLogon | Phase::Authorizing { .. } => (1, 1, 0),
            Phase::Active | Phase::Ending { .. } => (1, 0, 1),
            Phase::Leaving { .. } => (1, 0, 0),
            Phase::Closed => return Levels::default(),
        };
        let draining = if self.drain.is_some() { session } else { 0 };
        let queued = self.inbound.waiting_bytes(self.reads_paused) + self.outbound.waiting_bytes(false);
        [connection, pending, session, draining, queued as u64]
    }

    /// The connection is gone; nothing can be sent any more.
    pub fn gone(&mut self, now: Now, out: &mut Commands) {
        if !matches!(self.phase, Phase::Closed) && !self.inbound.unread.is_empty() {
            out.log(
                Level::Warn,
                format!("session {}: the client is gone in the middle of a message", self.name),
            );
        }
        self.tell_limited(now, out);
        self.report_unanswered(now, out);
        self.warn_at_the_end(now, out);
        (self.place, self.share) = (None, None);
        self.tell_accounts(out);
        self.keep_pending(now);
        self.phase = Phase::Closed;
    }

    /// Reads the next messages whole, however like they are to earlier ones. For tests: it must make no difference.
    #[doc(hidden)]
    pub fn forget_layouts(&mut self) {
        self.layouts.clear();
    }

    /// The connections end for a violation that nothing can answer. For tests.
    #[doc(hidden)]
    pub fn is_breaking_off(&self) -> bool {
        self.breaking.is_some()
    }

    fn lane(&mut self, direction: Direction) -> &mut Lane {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    fn lane_of(&self, direction: Direction) -> &Lane {
        match direction {
            Direction::Inbound => &self.inbound,
            Direction::Outbound => &self.outbound,
        }
    }

    fn close(&mut self, why: &'static str, out: &mut Commands) {
        self.tell_accounts(out);
        self.phase = Phase::Closed;
        out.push(Command::Close(why));
    }
}
