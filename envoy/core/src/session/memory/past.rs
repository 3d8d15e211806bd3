//! What is remembered of one FIX session: its rejects, those that were sent at their numbers, and those that have none yet.
//!
//! Whatever was sent is told: a denied message that comes again is not answered again.
//!
//! A reject that was delivered stands at the number of the Heartbeat that it replaced, and is kept as it was sent. One that
//! was still on its way when its connection ended has no number yet: it may take one that the venue counted after all that
//! came through that connection, and before the next one began, for nobody has seen those. If it finds no such number, it takes
//! that of a later Heartbeat. Whatever was given a number keeps it.
//!
//! A reject whose connection still lives is remembered too, for the case that the process is killed ([`super::journal`]).

use super::OVERHEAD;
use super::journal::Change;
use super::numbers::Numbers;
use crate::rewrite::Rejected;
use std::collections::{BTreeMap, VecDeque};
use std::ops::RangeInclusive;
use std::time::Duration;

/// Which of the venue's numbers have come through is not known.
const UNKNOWN: u64 = u64::MAX;

/// What goes where the venue's GapFill covers a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum Put {
    /// A message that stood there, whole.
    Kept(Vec<u8>),
    /// A reject that never had a number.
    Lost(Rejected),
}

/// A message of ours as it was sent.
#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    since: Duration,
}

/// A reject whose connection ended before its Heartbeat came.
#[derive(Debug)]
struct Lost {
    rejected: Rejected,
    /// It may stand at a number above this one, and below that one, which the next connection begins with.
    above: u64,
    below: Option<u64>,
    since: Duration,
    /// The venue has asked for its message on this connection, which is to be decided anew.
    asked_again: bool,
    /// Its process has ended, and a journal told of it.
    is_inherited: bool,
}

/// A reject that waits for its Heartbeat on a connection that lives.
#[derive(Debug)]
struct Awaited {
    rejected: Rejected,
    since: Duration,
}

/// The rejects of one session.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The connection that the venue spoke on last.
    owner: u64,
    /// By their numbers.
    kept: BTreeMap<u64, Kept>,
    /// In the order in which they were lost.
    lost: VecDeque<Lost>,
    /// By the numbers of the client's messages.
    awaited: BTreeMap<u64, Awaited>,
    /// The client's messages whose rejects have been sent. What was forgotten counts as sent: a client may miss a reject of an
    /// old message, but never gets two.
    told: Numbers,
    /// The client's messages that were denied when they were new, so that the venue never got them.
    denied: Numbers,
}

impl Past {
    /// The venue's first message on a connection has the number `first`: what was at or above it counted otherwise.
    pub fn begin(&mut self, owner: u64, first: u64) {
        self.owner = owner;
        self.kept.split_off(&first);
        for lost in &mut self.lost {
            // Where the venue lacks a message, it asks for it on each connection.
            (lost.below, lost.asked_again) = (lost.below.or(Some(first)), false);
        }
    }

    /// A message of ours went out at this number.
    pub fn keep(&mut self, seq: u64, bytes: &[u8], now: Duration) {
        self.kept.insert(seq, Kept { bytes: bytes.to_vec(), since: now });
    }

    /// A connection ended with these rejects on their way. `above` is the highest number of the venue's that came through it,
    /// or `None` if there was none: then the rejects have no place below the next connection's numbers.
    pub fn lose(&mut self, owner: u64, above: Option<u64>, rejects: Vec<Rejected>, now: Duration) {
        // If another connection of the session's is ahead, it is not known which numbers nobody has seen.
        let is_last = self.owner == owner;
        let above = above.filter(|_| is_last).unwrap_or(UNKNOWN);
        for rejected in rejects {
            self.awaited.remove(&rejected.seq);
            if !self.is_told(rejected.seq) {
                self.lost.retain(|lost| lost.rejected.seq != rejected.seq);
                self.lost.push_back(Lost {
                    rejected,
                    above,
                    below: None,
                    since: now,
                    asked_again: false,
                    is_inherited: false,
                });
            }
        }
    }

    /// The TestRequest of a reject goes to the venue.
    pub fn await_reject(&mut self, rejected: Rejected, now: Duration) {
        if !self.told.contains(rejected.seq) {
            self.lost.retain(|lost| lost.rejected.seq != rejected.seq);
            self.awaited.insert(rejected.seq, Awaited { rejected, since: now });
        }
    }

    /// The process that awaited them has ended: which of the venue's numbers came through its connections is not known.
    pub fn lose_awaited(&mut self, now: Duration) {
        for Awaited { rejected, .. } in std::mem::take(&mut self.awaited).into_values() {
            self.lose(self.owner, None, vec![rejected], now);
        }
        self.lost.iter_mut().for_each(|lost| lost.is_inherited = true);
    }

    /// The client asks the venue for its messages from this number on. Where nothing else is known, because Envoy was killed, the
    /// first such request says that the client has seen none of them: an engine asks for what follows its last number.
    pub fn unseen_from(&mut self, seq: u64) {
        for lost in self.lost.iter_mut().filter(|lost| lost.is_inherited && lost.above == UNKNOWN) {
            lost.above = seq.saturating_sub(1);
        }
    }

    /// Takes the first lost reject, which a message of the venue's is to carry. It is told now.
    pub fn take_lost(&mut self) -> Option<Rejected> {
        let at = self.lost.iter().position(|lost| !lost.asked_again)?;
        let rejected = self.lost.remove(at)?.rejected;
        self.tell(rejected.seq);
        Some(rejected)
    }

    /// The reject of the client's message with this number was sent.
    pub fn tell(&mut self, seq: u64) {
        self.tell_all(seq, seq);
    }

    fn tell_all(&mut self, first: u64, last: u64) {
        self.told.add_range(first, last);
        self.lost.retain(|lost| !(first..=last).contains(&lost.rejected.seq));
        self.awaited.retain(|seq, _| !(first..=last).contains(seq));
    }

    /// The client's message with this number was denied when it was new. So the client has used no higher number.
    pub fn deny(&mut self, seq: u64) {
        self.deny_all(seq, seq);
    }

    fn deny_all(&mut self, first: u64, last: u64) {
        self.told.begin(first);
        self.denied.begin(first);
        self.denied.add_range(first, last);
    }

    /// Whether the client's message with this number was denied when it was new.
    pub fn is_denied(&self, seq: u64) -> bool {
        self.denied.contains(seq)
    }

    /// Whether the reject of the client's message with this number was sent, or waits for its place.
    pub fn is_told(&self, seq: u64) -> bool {
        let waits = |lost: &Lost| lost.rejected.seq == seq && !lost.asked_again;
        self.told.may_contain(seq) || self.lost.iter().any(waits)
    }

    /// Whether the reject of the client's message with this number is known to have been sent.
    pub fn was_told(&self, seq: u64) -> bool {
        self.told.contains(seq)
    }

    /// The client logs on with this number: it has used no higher one.
    pub fn begin_client(&mut self, seq: u64) {
        self.told.begin(seq);
        self.denied.begin(seq);
        self.lost.retain(|lost| lost.rejected.seq < seq);
        self.awaited.retain(|awaited, _| *awaited < seq);
    }

    /// The venue asks for the client's messages with these numbers, so that they are decided anew. Returns whether a reject waits
    /// for that, and the rejects that are awaited no more.
    pub fn lacks(&mut self, numbers: &RangeInclusive<u64>) -> (bool, Vec<u64>) {
        let forgotten: Vec<u64> = self.awaited.keys().copied().filter(|seq| numbers.contains(seq)).collect();
        self.awaited.retain(|seq, _| !numbers.contains(seq));
        for lost in &mut self.lost {
            lost.asked_again |= numbers.contains(&lost.rejected.seq);
        }
        (self.lost.iter().any(|lost| lost.asked_again), forgotten)
    }

    /// The message with this number goes to the venue, which has asked for it.
    /// Returns whether that made a reject needless.
    pub fn replay(&mut self, seq: u64) -> bool {
        let before = self.lost.len();
        self.lost.retain(|lost| !lost.asked_again || lost.rejected.seq != seq);
        self.lost.len() < before
    }

    /// The venue's numbers begin anew.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.lost.clear();
        self.awaited.clear();
    }

    /// The client's numbers begin anew.
    pub fn clear_client(&mut self) {
        self.lost.clear();
        self.awaited.clear();
        self.told = Numbers::default();
        self.denied = Numbers::default();
    }

    /// What stands at the numbers from `from` to before `to`, in order, now that the venue fills them. Who takes a lost
    /// reject keeps it.
    pub fn covered(&mut self, from: u64, to: u64) -> Vec<(u64, Put)> {
        let kept =
            self.kept.range(from..to.max(from)).map(|(seq, kept)| (*seq, Put::Kept(kept.bytes.clone())));
        let mut covered: BTreeMap<u64, Put> = kept.collect();
        for lost in std::mem::take(&mut self.lost) {
            let Some(below) = lost.below.filter(|_| !lost.asked_again) else {
                self.lost.push_back(lost);
                continue;
            };
            let mut room = lost.above.saturating_add(1).max(from)..below.min(to);
            match room.find(|seq| !covered.contains_key(seq)) {
                Some(seq) => {
                    covered.insert(seq, Put::Lost(lost.rejected));
                }
                // The numbers up to here have been used.
                None => self.lost.push_back(Lost { above: lost.above.max(to.saturating_sub(1)), ..lost }),
            }
        }
        covered.into_iter().collect()
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        let kept: usize = self.kept.values().map(|kept| kept.bytes.len() + OVERHEAD).sum();
        let lost: usize = self.lost.iter().map(|lost| lost.rejected.bytes() + OVERHEAD).sum();
        let awaited: usize = self.awaited.values().map(|awaited| awaited.rejected.bytes() + OVERHEAD).sum();
        kept + lost + awaited + self.told.bytes() + self.denied.bytes()
    }

    /// Forgets what is too old or too much.
    pub fn trim(&mut self, most: usize, age: Duration, now: Duration) {
        let fresh = |since: Duration| now.saturating_sub(since) < age;
        self.kept.retain(|_, kept| fresh(kept.since));
        self.lost.retain(|lost| fresh(lost.since));
        self.awaited.retain(|_, awaited| fresh(awaited.since));
        while self.kept.len() > most {
            self.kept.pop_first();
        }
        while self.lost.len() > most {
            self.lost.pop_front();
        }
        while self.awaited.len() > most {
            self.awaited.pop_first();
        }
    }

    /// Whether no change of it needs to outlive the process.
    pub fn is_empty(&self) -> bool {
        self.changes(Duration::ZERO).next().is_none()
    }

    /// Returns the changes that lead here, but for messages of ours that were sent before `since`: clients have had them.
    pub fn changes(&self, since: Duration) -> impl Iterator<Item = Change> {
        let denied = self.denied.ranges().map(|(first, last)| Change::Deny(first, last));
        let told = self.told.forgotten().into_iter().chain(self.told.ranges());
        let told = told.map(|(first, last)| Change::Tell(first, last));
        let recent = self.kept.iter().filter(move |(_, kept)| kept.since >= since);
        let kept = recent.map(|(seq, kept)| Change::Keep(*seq, kept.bytes.clone()));
        let lost = self.lost.iter().map(|lost| &lost.rejected);
        let waiting = lost.chain(self.awaited.values().map(|awaited| &awaited.rejected));
        denied.chain(told).chain(kept).chain(waiting.cloned().map(Change::Await))
    }

    /// Makes a change that a journal tells of.
    pub fn apply(&mut self, change: Change, now: Duration) {
        match change {
            Change::Await(rejected) => self.await_reject(rejected, now),
            Change::Forget(seq) => {
                self.awaited.remove(&seq);
            }
            Change::Deny(first, last) => self.deny_all(first, last),
            Change::Tell(first, last) => self.tell_all(first, last),
            Change::Keep(seq, bytes) => self.keep(seq, &bytes, now),
            Change::Begin(first) => self.begin(0, first),
            Change::BeginClient(seq) => self.begin_client(seq),
            Change::Clear => self.clear(),
            Change::ClearClient => self.clear_client(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::decision::Denial;
    use crate::msg_type::MsgType;
    use crate::rewrite::Cause;

    const NOW: Duration = Duration::from_secs(1);

    /// A reject of the message of this number.
    pub(in crate::session::memory) fn rejected(seq: u64) -> Rejected {
        let denial = Denial::new(b"no", 6, None);
        let cause = Cause::Denied { msg_type: MsgType::LOGON, business_id: None, denial };
        Rejected { seq, route: Vec::new(), cause }
    }

    fn numbers(past: &mut Past) -> Vec<u64> {
        past.covered(1, 1_000_000).into_iter().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn what_was_sent_stays_at_its_number() {
        let mut past = Past::default();
        past.keep(5, b"five", NOW);
        past.keep(7, b"seven", NOW);
        for _ in 0..2 {
            assert_eq!(past.covered(5, 7), [(5, Put::Kept(b"five".to_vec()))]);
        }
        past.begin(1, 6);
        assert_eq!(numbers(&mut past), [5]);
        past.clear();
        assert_eq!(numbers(&mut past), [0; 0]);
    }

    #[test]
    fn a_lost_one_takes_a_number_that_nobody_has_seen_once() {
        let mut past = Past::default();
        past.begin(1, 1);
        past.lose(1, Some(4), vec![rejected(7), rejected(8), rejected(9)], NOW);
        // Which numbers are free is known when the next connection begins.
        assert_eq!(numbers(&mut past), [0; 0]);
        past.begin(2, 7);
        assert_eq!(past.covered(1, 5), []);
        let put = past.covered(1, 9);
        assert_eq!(put, [(5, Put::Lost(rejected(7))), (6, Put::Lost(rejected(8)))]);
        assert_eq!(past.covered(1, 9), []);
    }

    #[test]
    fn what_the_venue_asks_for_waits_for_the_next_connection_or_its_replay() {
        let mut past = Past::default();
        past.begin(1, 1);
        past.lose(1, Some(4), vec![rejected(7), rejected(8)], NOW);
        past.begin(2, 9);
        assert!(!past.lacks(&(1..=6)).0 && past.lacks(&(8..=9)).0);
        assert!(past.is_told(7) && !past.is_told(8));
        assert_eq!(past.covered(1, 9), [(5, Put::Lost(rejected(7)))]);
        assert_eq!(past.take_lost(), None);
        past.keep(5, b"seven", NOW);
        past.begin(3, 20);
        assert_eq!(past.covered(6, 9), [(6, Put::Lost(rejected(8)))]);
        // Where it is allowed, and goes to the venue, no reject follows.
        past.lose(3, Some(20), vec![rejected(21)], NOW);
        past.lacks(&(21..=21));
        past.replay(21);
        past.begin(4, 30);
        assert_eq!(past.take_lost(), None);
    }

    #[test]
    fn one_without_a_free_number_is_taken_by_a_heartbeat_once() {
        let mut past = Past::default();
        past.begin(1, 1);
        past.lose(1, None, vec![rejected(7), rejected(7)], NOW);
        // Another connection has begun meanwhile.
        past.begin(2, 9);
        past.lose(1, Some(4), vec![rejected(8)], NOW);
        past.begin(3, 20);
        assert_eq!(past.covered(1, 20), []);
        let taken: Vec<u64> = std::iter::from_fn(|| past.take_lost()).map(|rejected| rejected.seq).collect();
        assert_eq!(taken, [7, 8]);
        assert!(past.was_told(7) && past.is_told(8));
        past.lose(3, None, vec![rejected(7)], NOW);
        assert_eq!(past.take_lost(), None);
        // The client's numbers begin anew.
        past.begin_client(8);
        assert!(past.was_told(7) && !past.is_told(8));
        past.deny(7);
        assert!(past.is_denied(7) && !past.is_told(7));
        past.clear_client();
        assert!(!past.is_denied(7));
    }
}
