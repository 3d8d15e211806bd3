//! The reports that wait to be sent to the decision service, and when each is to be sent.
//!
//! A report tells the service's audit what the filter did alone. It must arrive although its connection has closed and
//! although the service is stalled or restarts, so it belongs to the process and not to a connection. Each report is sent
//! again until the service accepts it. A [`Target`] whose last report failed gets one report at a time, with growing pauses
//! between them; otherwise several are out at once.
//!
//! The outbox is bounded: a report is dropped when there is no room for it, or when it is too old. A stranger can cause
//! reports, so those of connections without an authorized Logon have only a part of the room.
//!
//! Invariant: every report that was put in is accepted by the service, still in here, or counted in [`Outbox::dropped`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How many reports may wait, and how many bytes they may have together.
const MOST: usize = 20_000;
const MOST_BYTES: usize = 64 * 1_024 * 1_024;
/// The part of either that reports of connections without an authorized Logon may take: one in this number.
const PART_OF_STRANGERS: usize = 4;
/// A report that was not accepted within this time is dropped.
const MOST_AGE: Duration = Duration::from_secs(3_600);
/// How many reports to one target may be out at once.
const MOST_OUT: usize = 16;
/// The pause after a failed report: this after the first one, then twice as long after each, up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The decision service of a listener, as its settings name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Envoy's cluster.
    pub cluster: String,
    /// The `:authority` of the calls.
    pub authority: String,
}

/// A name for one sending of a report.
pub type Ticket = u64;

/// A report that is to be sent now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// To be handed back with the outcome.
    pub ticket: Ticket,
    /// Where it goes.
    pub target: Arc<Target>,
    /// The length-prefixed CheckRequest.
    pub frame: Arc<[u8]>,
}

#[derive(Debug)]
struct Report {
    frame: Arc<[u8]>,
    /// Whether its connection has or had an authorized Logon.
    authorized: bool,
    since: Duration,
}

/// How many reports there are, and their bytes.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Size {
    reports: usize,
    bytes: usize,
}

impl Size {
    fn has_room(self, length: usize, part: usize) -> bool {
        self.reports < MOST / part && self.bytes + length <= MOST_BYTES / part
    }

    fn add(&mut self, length: usize) {
        self.reports += 1;
        self.bytes += length;
    }

    fn remove(&mut self, length: usize) {
        self.reports -= 1;
        self.bytes -= length;
    }
}

/// The reports to one target.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Report>,
    out: BTreeMap<Ticket, Report>,
    failures: u32,
    /// Nothing is sent before this time.
    paused_until: Duration,
}

impl Line {
    fn may_send(&self, now: Duration) -> bool {
        let most = if self.failures == 0 { MOST_OUT } else { 1 };
        self.out.len() < most && self.paused_until <= now
    }

    /// When the next report is to be sent, or `None` if none waits or an answer must come first.
    fn due(&self) -> Option<Duration> {
        (!self.waiting.is_empty() && self.may_send(self.paused_until)).then_some(self.paused_until)
    }
}

/// The reports that wait to be sent.
#[derive(Debug)]
pub struct Outbox {
    lines: BTreeMap<Arc<Target>, Line>,
    all: Size,
    of_strangers: Size,
    tickets: Ticket,
    dropped: u64,
    /// No report is too old before this time.
    old_from: Duration,
    random: u64,
}

impl Outbox {
    /// An empty outbox. The `seed` spreads the pauses of several gateways.
    pub fn new(seed: u64) -> Self {
        let (lines, all, of_strangers) = (BTreeMap::new(), Size::default(), Size::default());
        Self { lines, all, of_strangers, tickets: 0, dropped: 0, old_from: Duration::ZERO, random: seed }
    }

    /// Takes a report in. Returns `false` if there is no room, and the report is dropped.
    pub fn put(&mut self, target: &Arc<Target>, frame: Vec<u8>, authorized: bool, now: Duration) -> bool {
        let length = frame.len();
        if !self.all.has_room(length, 1)
            || !authorized && !self.of_strangers.has_room(length, PART_OF_STRANGERS)
        {
            self.dropped += 1;
            return false;
        }
        self.all.add(length);
        if !authorized {
            self.of_strangers.add(length);
        }
        let report = Report { frame: frame.into(), authorized, since: now };
        self.lines.entry(Arc::clone(target)).or_default().waiting.push_back(report);
        true
    }

    /// Returns the next report that is to be sent now, or `None` if there is none.
    pub fn next(&mut self, now: Duration) -> Option<Sending> {
        self.drop_old(now);
        let may_send = |line: &Line| line.may_send(now) && !line.waiting.is_empty();
        let (target, line) = self.lines.iter_mut().find(|(_, line)| may_send(line))?;
        let report = line.waiting.pop_front()?;
        self.tickets += 1;
        let sending =
            Sending { ticket: self.tickets, target: Arc::clone(target), frame: Arc::clone(&report.frame) };
        line.out.insert(self.tickets, report);
        Some(sending)
    }

    /// The service has accepted the report.
    pub fn accepted(&mut self, ticket: Ticket) {
        let Some((target, report)) = self.take(ticket) else { return };
        self.forget(&report);
        if let Some(line) = self.lines.get_mut(&target) {
            (line.failures, line.paused_until) = (0, Duration::ZERO);
        }
        self.lines.retain(|_, line| !(line.waiting.is_empty() && line.out.is_empty()));
    }

    /// The report was not accepted: it waits behind the others, and its target gets none for a while.
    pub fn failed(&mut self, ticket: Ticket, now: Duration) {
        let Some((target, report)) = self.take(ticket) else { return };
        let half = self.random();
        let Some(line) = self.lines.get_mut(&target) else { return };
        line.waiting.push_back(report);
        // Reports that were out together fail together, and count once.
        if line.paused_until <= now {
            let pause = FIRST_PAUSE.saturating_mul(1 << line.failures.min(16)).min(LONGEST_PAUSE);
            line.failures += 1;
            line.paused_until = now + pause.mul_f64(half);
        }
    }

    /// The service has answered something: the target's reports are not held back any longer.
    pub fn reached(&mut self, target: &Target) {
        if let Some(line) = self.lines.get_mut(target) {
            (line.failures, line.paused_until) = (0, Duration::ZERO);
        }
    }

    /// When [`Self::next`] is to be asked again without an outcome before, or `None` if it need not be.
    pub fn due(&self) -> Option<Duration> {
        self.lines.values().filter_map(Line::due).min()
    }

    /// How many reports are in here.
    pub fn len(&self) -> usize {
        self.all.reports
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.all.reports == 0
    }

    /// How many reports were dropped so far.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn take(&mut self, ticket: Ticket) -> Option<(Arc<Target>, Report)> {
        self.lines.iter_mut().find_map(|(target, line)| Some((Arc::clone(target), line.out.remove(&ticket)?)))
    }

    fn drop_old(&mut self, now: Duration) {
        if now < self.old_from {
            return;
        }
        let is_old = |report: &Report| now.saturating_sub(report.since) >= MOST_AGE;
        let mut old = VecDeque::new();
        for line in self.lines.values_mut() {
            // Failed reports stand behind younger ones, so the whole line is looked through.
            let (gone, kept) = std::mem::take(&mut line.waiting).into_iter().partition(is_old);
            line.waiting = kept;
            old.extend::<VecDeque<Report>>(gone);
        }
        for report in &old {
            self.forget(report);
            self.dropped += 1;
        }
        let oldest = self.lines.values().flat_map(|line| &line.waiting).map(|report| report.since).min();
        self.old_from = oldest.map_or(now, |since| since + MOST_AGE);
    }

    fn forget(&mut self, report: &Report) {
        self.all.remove(report.frame.len());
        if !report.authorized {
            self.of_strangers.remove(report.frame.len());
        }
    }

    /// A number from a half to one (SplitMix64).
    fn random(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        0.5 + f64::from(u32::try_from(mixed >> 33).unwrap_or_default()) / f64::from(u32::MAX)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn target(cluster: &str) -> Arc<Target> {
        let (cluster, authority) = (cluster.to_owned(), "authz".to_owned());
        Arc::new(Target { cluster, authority })
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// An outbox with reports of one byte each to one target.
    fn with(reports: u8) -> (Outbox, Arc<Target>) {
        let (mut outbox, authz) = (Outbox::new(1), target("authz"));
        assert!((0..reports).all(|report| outbox.put(&authz, vec![report], true, at(0))));
        (outbox, authz)
    }

    fn sent(outbox: &mut Outbox, now: Duration) -> Vec<(Ticket, u8)> {
        std::iter::from_fn(|| outbox.next(now))
            .map(|sending| (sending.ticket, *sending.frame.first().unwrap()))
            .collect()
    }

    #[test]
    fn reports_go_out_in_their_order_some_at_a_time() {
        let (mut outbox, _) = with(20);
        let first = sent(&mut outbox, at(0));
        assert_eq!(first.iter().map(|sent| sent.1).collect::<Vec<u8>>(), (0..16).collect::<Vec<u8>>());
        assert_eq!(outbox.due(), None, "an answer must come first");
        first.iter().for_each(|(ticket, _)| outbox.accepted(*ticket));
        let second = sent(&mut outbox, at(1));
        assert_eq!(second.iter().map(|sent| sent.1).collect::<Vec<u8>>(), [16, 17, 18, 19]);
        second.iter().for_each(|(ticket, _)| outbox.accepted(*ticket));
        outbox.accepted(1);
        assert!(outbox.is_empty() && outbox.lines.is_empty() && outbox.dropped() == 0);
    }

    #[test]
    fn a_service_that_is_away_gets_one_report_at_a_time_ever_more_rarely() {
        let (mut outbox, _) = with(20);
        let mut now = at(0);
        let mut longest = Duration::ZERO;
        for nth in 0..30 {
            let out = sent(&mut outbox, now);
            assert_eq!(out.len(), if nth == 0 { 16 } else { 1 }, "{nth}");
            now += at(500);
            out.iter().for_each(|(ticket, _)| outbox.failed(*ticket, now));
            let pause = outbox.due().unwrap() - now;
            let most = FIRST_PAUSE * (1 << nth.min(6));
            assert!(
                pause >= most.min(LONGEST_PAUSE) / 2 && pause <= most.min(LONGEST_PAUSE),
                "{nth}: {pause:?}"
            );
            assert!(outbox.next(now).is_none());
            longest = longest.max(pause);
            now = outbox.due().unwrap();
        }
        assert!(longest > LONGEST_PAUSE / 2);
        let [(ticket, _)] = sent(&mut outbox, now)[..] else { unreachable!() };
        outbox.accepted(ticket);
        assert_eq!(sent(&mut outbox, now).len(), 16, "the first accepted report ends the pauses");
    }

    #[test]
    fn any_answer_of_the_service_ends_the_pause() {
        let (mut outbox, authz) = with(20);
        sent(&mut outbox, at(0)).iter().for_each(|(ticket, _)| outbox.failed(*ticket, at(500)));
        assert!(outbox.next(at(500)).is_none());
        outbox.reached(&authz);
        assert_eq!(sent(&mut outbox, at(500)).len(), 16);
    }

    #[test]
    fn a_report_that_is_always_refused_holds_up_no_other() {
        let (mut outbox, _) = with(40);
        let (mut accepted, mut now) = (Vec::new(), at(0));
        while accepted.len() < 39 && now < at(60_000) {
            for (ticket, report) in sent(&mut outbox, now) {
                if report == 0 {
                    outbox.failed(ticket, now);
                } else {
                    outbox.accepted(ticket);
                    accepted.push(report);
                }
            }
            now = outbox.due().unwrap_or(now).max(now + at(1));
        }
        assert_eq!((accepted.len(), outbox.len()), (39, 1));
    }

    #[test]
    fn one_target_does_not_wait_for_another() {
        let (mut outbox, _) = with(20);
        sent(&mut outbox, at(0)).iter().for_each(|(ticket, _)| outbox.failed(*ticket, at(500)));
        outbox.put(&target("another"), vec![99], true, at(500));
        assert_eq!(sent(&mut outbox, at(500)).iter().map(|sent| sent.1).collect::<Vec<u8>>(), [99]);
    }

    #[test]
    fn what_has_no_room_is_dropped_and_counted_and_strangers_have_less() {
        let (mut outbox, authz) = with(0);
        let taken = |outbox: &mut Outbox, length: usize, authorized: bool| {
            (0..MOST + 1).filter(|_| outbox.put(&authz, vec![0; length], authorized, at(0))).count()
        };
        assert_eq!(taken(&mut outbox, 1, false), MOST / PART_OF_STRANGERS);
        assert_eq!(taken(&mut outbox, 1, true), MOST - MOST / PART_OF_STRANGERS);
        let dropped = u64::try_from(2 * (MOST + 1) - MOST).unwrap();
        assert_eq!((outbox.len(), outbox.dropped()), (MOST, dropped));
        let (mut outbox, _) = with(0);
        assert_eq!(taken(&mut outbox, MOST_BYTES / 64, false), 64 / PART_OF_STRANGERS);
        assert_eq!(taken(&mut outbox, MOST_BYTES / 64, true), 64 - 64 / PART_OF_STRANGERS);
    }

    #[test]
    fn what_is_too_old_is_dropped_and_counted() {
        let (mut outbox, authz) = with(3);
        outbox.put(&authz, vec![9], true, at(1));
        assert_eq!(outbox.next(MOST_AGE).map(|sending| sending.frame.to_vec()), Some(vec![9]));
        assert_eq!((outbox.len(), outbox.dropped()), (1, 3));
    }
}
