//! What is remembered of one FIX session: its rejects, those that were sent at their numbers, and those that have none yet.
//!
//! A reject that was delivered stands at the number of the Heartbeat that it replaced, and is kept as it was sent. One that
//! was still on its way when its connection ended has no number yet: it may take one that the venue counted after all that
//! came through that connection, and before the next one began, for nobody has seen those. Whatever was given a number
//! keeps it.

use super::OVERHEAD;
use crate::rewrite::Rejected;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

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
}

impl Past {
    /// The venue's first message on a connection has the number `first`: what was at or above it counted otherwise.
    pub fn begin(&mut self, owner: u64, first: u64) {
        self.owner = owner;
        self.kept.split_off(&first);
        self.lost.retain(|lost| lost.above + 1 < first);
        self.lost.iter_mut().for_each(|lost| lost.below = lost.below.or(Some(first)));
    }

    /// A message of ours went out at this number.
    pub fn keep(&mut self, seq: u64, bytes: &[u8], now: Duration) {
        self.kept.insert(seq, Kept { bytes: bytes.to_vec(), since: now });
    }

    /// A connection ended with these rejects on their way; `above` is the highest number of the venue's that came through it.
    pub fn lose(&mut self, owner: u64, above: u64, rejects: Vec<Rejected>, now: Duration) {
        // Another connection of the session's is ahead: which numbers nobody has seen is not known any more.
        if self.owner == owner {
            let lost = rejects.into_iter().map(|rejected| Lost { rejected, above, below: None, since: now });
            self.lost.extend(lost);
        }
    }

    /// The venue lacks the client's messages from this number on: what became of them is decided anew.
    pub fn lacks(&mut self, from: u64) {
        self.lost.retain(|lost| lost.rejected.seq < from);
    }

    /// The venue's numbers begin anew.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.lost.clear();
    }

    /// The client's numbers begin anew.
    pub fn clear_lost(&mut self) {
        self.lost.clear();
    }

    /// What stands at the numbers from `from` to before `to`, in order, now that the venue fills them. Who takes a lost
    /// reject keeps it.
    pub fn covered(&mut self, from: u64, to: u64) -> Vec<(u64, Put)> {
        let kept = self.kept.range(from..to).map(|(seq, kept)| (*seq, Put::Kept(kept.bytes.clone())));
        let mut covered: BTreeMap<u64, Put> = kept.collect();
        for lost in std::mem::take(&mut self.lost) {
            let Some(below) = lost.below else {
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
        kept + lost
    }

    /// Forgets what is too old or too much.
    pub fn trim(&mut self, most: usize, age: Duration, now: Duration) {
        let fresh = |since: Duration| now.saturating_sub(since) < age;
        self.kept.retain(|_, kept| fresh(kept.since));
        self.lost.retain(|lost| fresh(lost.since));
        while self.kept.len() > most {
            self.kept.pop_first();
        }
        while self.lost.len() > most {
            self.lost.pop_front();
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
        past.lose(1, 4, vec![rejected(7), rejected(8), rejected(9)], NOW);
        // Which numbers are free is known when the next connection begins.
        assert_eq!(numbers(&mut past), [0; 0]);
        past.begin(2, 7);
        assert_eq!(past.covered(1, 5), []);
        let put = past.covered(1, 9);
        assert_eq!(put, [(5, Put::Lost(rejected(7))), (6, Put::Lost(rejected(8)))]);
        assert_eq!(past.covered(1, 9), []);
    }

    #[test]
    fn what_the_venue_lacks_is_decided_anew() {
        let mut past = Past::default();
        past.begin(1, 1);
        past.lose(1, 4, vec![rejected(7), rejected(8)], NOW);
        past.begin(2, 9);
        past.lacks(8);
        assert_eq!(past.covered(1, 9), [(5, Put::Lost(rejected(7)))]);
        // One that ends behind the next one's begin does not know what that one used.
        past.lose(1, 10, vec![rejected(11)], NOW);
        past.begin(3, 20);
        assert_eq!(past.covered(1, 20), []);
    }
}
