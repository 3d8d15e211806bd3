//! Answers of ours on their way, by the id that the venue's Heartbeat will carry back.
//!
//! The ids are unguessable, so a venue or a client cannot make a Heartbeat into an answer; each converts once. How many
//! are waited for is bounded, and so is for how long: a TestRequest that the venue threw away, because it lacked a message
//! before it, is never answered. Such a one is waived, and holds up nothing.

use crate::renewal::UserResponse;
use crate::rewrite::Rejected;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Write;
use std::ops::RangeInclusive;
use std::time::Duration;

/// TestReqID (112) of a substituted TestRequest: 16 hexadecimal digits, within the 20 characters that all engines take.
pub(super) type EchoId = String;

/// What a Heartbeat becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Echo {
    /// The reject of a denied message.
    Reject(Rejected),
    /// The answer to a request for renewal.
    UserResponse(UserResponse),
}

#[derive(Debug)]
struct Pending {
    echo: Echo,
    /// MsgSeqNum (34) of the TestRequest.
    seq: u64,
    since: Duration,
    /// Its place among those that are waited for; of no meaning once it is waived.
    turn: u64,
    waived: bool,
}

/// The answers that wait for a Heartbeat.
#[derive(Debug)]
pub(super) struct Echoes {
    pending: HashMap<EchoId, Pending>,
    /// Those that are waited for, in the order in which their TestRequests went up.
    awaited: BTreeMap<u64, EchoId>,
    /// Those that are not, the oldest first.
    waived: VecDeque<EchoId>,
    most_waived: usize,
    turn: u64,
    generator: ChaCha12Rng,
}

impl Echoes {
    /// An empty table whose ids come from `seed`. It keeps `most_waived` answers that nobody waits for.
    pub fn new(seed: [u8; 32], most_waived: usize) -> Self {
        Self {
            pending: HashMap::new(),
            awaited: BTreeMap::new(),
            waived: VecDeque::new(),
            most_waived,
            turn: 0,
            generator: ChaCha12Rng::from_seed(seed),
        }
    }

    /// Remembers an answer and names it; its TestRequest goes up at `seq`.
    pub fn add(&mut self, echo: Echo, seq: u64, now: Duration) -> EchoId {
        let id = self.fresh_id();
        self.turn += 1;
        let pending = Pending { echo, seq, since: now, turn: self.turn, waived: false };
        self.pending.insert(id.clone(), pending);
        self.awaited.insert(self.turn, id.clone());
        id
    }

    /// 64 fresh unguessable bits in hexadecimal.
    pub fn fresh_id(&mut self) -> String {
        let mut id = String::with_capacity(16);
        // Writing to a String cannot fail.
        let _ = write!(id, "{:016x}", self.fresh());
        id
    }

    /// 128 fresh unguessable bits in hexadecimal.
    pub fn fresh_secret(&mut self) -> String {
        self.fresh_id() + &self.fresh_id()
    }

    /// 64 fresh unguessable bits.
    pub fn fresh(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// At random, from the half of `most` to all of it.
    pub fn jitter(&mut self, most: u32) -> u32 {
        let half = most / 2;
        half + self.generator.next_u32() % (most - half + 1)
    }

    /// A number from 0 to `most`.
    pub fn any(&mut self, most: u32) -> u32 {
        self.generator.next_u32() % most.saturating_add(1)
    }

    /// The answer that a Heartbeat with this TestReqID (112) carries back, once; and how many are not waited for any more:
    /// a venue takes TestRequests in their order, so it will not answer one from before.
    pub fn take(&mut self, test_req_id: &[u8]) -> Option<(Echo, usize)> {
        if self.pending.is_empty() {
            return None;
        }
        let taken = self.pending.remove(std::str::from_utf8(test_req_id).ok()?)?;
        if taken.waived {
            self.waived.retain(|id| id.as_bytes() != test_req_id);
            return Some((taken.echo, 0));
        }
        let later = self.awaited.split_off(&taken.turn);
        let before = std::mem::replace(&mut self.awaited, later);
        self.awaited.remove(&taken.turn);
        let overdue = before.len();
        before.into_values().for_each(|id| self.waive(id));
        Some((taken.echo, overdue))
    }

    /// Waits no more for the answers to TestRequests with these numbers, and says how many those were.
    pub fn waive_range(&mut self, numbers: RangeInclusive<u64>) -> usize {
        self.waive_if(|pending| numbers.contains(&pending.seq))
    }

    /// Waits no more for answers that are so old.
    pub fn waive_older(&mut self, age: Duration, now: Duration) -> usize {
        self.waive_if(|pending| now.saturating_sub(pending.since) >= age)
    }

    fn waive_if(&mut self, overdue: impl Fn(&Pending) -> bool) -> usize {
        let pending = &self.pending;
        let mut ids = Vec::new();
        self.awaited.retain(|_, id| {
            let keep = !pending.get(id).is_some_and(&overdue);
            if !keep {
                ids.push(id.clone());
            }
            keep
        });
        let waived = ids.len();
        ids.into_iter().for_each(|id| self.waive(id));
        waived
    }

    /// It still converts if it comes, but counts no more, and goes for the next ones.
    fn waive(&mut self, id: EchoId) {
        if let Some(pending) = self.pending.get_mut(&id) {
            pending.waived = true;
            self.waived.push_back(id);
        }
        while self.waived.len() > self.most_waived {
            if let Some(oldest) = self.waived.pop_front() {
                self.pending.remove(&oldest);
            }
        }
    }

    /// How many are waited for.
    pub fn len(&self) -> usize {
        self.awaited.len()
    }

    /// None is waited for.
    pub fn is_empty(&self) -> bool {
        self.awaited.is_empty()
    }

    /// Takes all that are waited for, in order, and forgets the others.
    pub fn drain(&mut self) -> Vec<Echo> {
        let awaited = std::mem::take(&mut self.awaited).into_values();
        let drained = awaited.filter_map(|id| self.pending.remove(&id)).map(|pending| pending.echo).collect();
        self.clear();
        drained
    }

    /// The sequence numbers begin anew: what was denied before has no number any more.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.awaited.clear();
        self.waived.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::decision::Denial;
    use crate::msg_type::MsgType;
    use crate::rewrite::Cause;

    fn echo() -> Echo {
        Echo::Reject(Rejected {
            seq: 7,
            route: Vec::new(),
            cause: Cause::Denied {
                msg_type: MsgType::LOGON,
                business_id: None,
                denial: Denial::new(b"no", 6, None),
            },
        })
    }

    fn add(echoes: &mut Echoes, seq: u64) -> EchoId {
        echoes.add(echo(), seq, Duration::from_secs(seq))
    }

    #[test]
    fn converts_once() {
        let mut echoes = Echoes::new([7; 32], 8);
        let (first, second) = (add(&mut echoes, 1), add(&mut echoes, 2));
        assert_ne!(first, second);
        assert_eq!(first.len(), 16);
        assert_eq!(echoes.take(first.as_bytes()), Some((echo(), 0)));
        assert_eq!(echoes.take(first.as_bytes()), None);
        assert_eq!(echoes.take(&[0xff]), None);
        echoes.clear();
        assert_eq!(echoes.take(second.as_bytes()), None);
        assert_eq!(echoes.len(), 0);
    }

    #[test]
    fn an_answer_waives_those_before_it() {
        let mut echoes = Echoes::new([7; 32], 8);
        let ids: Vec<EchoId> = (1..=4).map(|seq| add(&mut echoes, seq)).collect();
        assert_eq!(echoes.take(ids[2].as_bytes()), Some((echo(), 2)));
        assert_eq!(echoes.len(), 1);
        // One that comes nevertheless is still the answer, and nobody is waived twice.
        assert_eq!(echoes.take(ids[0].as_bytes()), Some((echo(), 0)));
        assert_eq!(echoes.drain(), [echo()]);
        assert_eq!(echoes.take(ids[1].as_bytes()), None);
    }

    #[test]
    fn numbers_that_are_asked_for_again_and_old_ones_are_waived() {
        let mut echoes = Echoes::new([7; 32], 8);
        let ids: Vec<EchoId> = (1..=6).map(|seq| add(&mut echoes, seq)).collect();
        assert_eq!(echoes.waive_range(2..=3), 2);
        assert_eq!(echoes.waive_range(2..=3), 0);
        assert_eq!(echoes.waive_older(Duration::from_secs(5), Duration::from_secs(9)), 2);
        assert_eq!(echoes.len(), 2);
        assert_eq!(echoes.take(ids[3].as_bytes()), Some((echo(), 0)));
    }

    #[test]
    fn what_is_waived_is_bounded() {
        let mut echoes = Echoes::new([7; 32], 2);
        let ids: Vec<EchoId> = (1..=9).map(|seq| add(&mut echoes, seq)).collect();
        assert_eq!(echoes.waive_range(1..=9), 9);
        assert_eq!((echoes.pending.len(), echoes.waived.len(), echoes.len()), (2, 2, 0));
        assert_eq!(echoes.take(ids[6].as_bytes()), None);
        assert_eq!(echoes.take(ids[7].as_bytes()), Some((echo(), 0)));
    }

    #[test]
    fn jitter_keeps_to_the_upper_half() {
        let mut echoes = Echoes::new([7; 32], 8);
        for most in [0, 1, 2, 1_000, 30_000] {
            assert!((0..100).all(|_| (most / 2..=most).contains(&echoes.jitter(most))), "{most}");
        }
    }
}
