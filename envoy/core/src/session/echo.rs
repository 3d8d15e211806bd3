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

/// The longest time for which the answer to a replay's TestRequest holds anything up.
const REPLAYED: Duration = Duration::from_secs(10);

/// A timer for answers that are late, in milliseconds: it is set twice a second at most, so it is half a second longer.
pub(super) const LATE_MS: u32 = 10_500;

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
    /// Its place in the order of the TestRequests.
    turn: u64,
    origin: Origin,
    waived: bool,
}

/// What the TestRequest of an answer took the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A message that was new.
    New,
    /// A replay of a message that was denied when it was new, so the venue never got it.
    Denied,
    /// A replay of a message of which nothing is known: the venue may have got it before.
    Unknown,
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
    /// TestRequests have taken the place of replays.
    any_replayed: bool,
    /// When the timer for late answers was set last.
    late_timer: Option<Duration>,
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
            any_replayed: false,
            late_timer: None,
            turn: 0,
            generator: ChaCha12Rng::from_seed(seed),
        }
    }

    /// Remembers an answer and names it; its TestRequest goes up at `seq`.
    pub fn add(&mut self, echo: Echo, seq: u64, origin: Origin, now: Duration) -> EchoId {
        self.any_replayed |= origin != Origin::New;
        let id = self.fresh_id();
        self.turn += 1;
        let pending = Pending { echo, seq, since: now, turn: self.turn, origin, waived: false };
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
        if self.any_replayed {
            self.forget_others(&taken);
        }
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

    /// A message is answered once, however many TestRequests have stood for it.
    fn forget_others(&mut self, taken: &Pending) {
        let Self { pending, awaited, waived, .. } = self;
        pending.retain(|_, other| other.seq != taken.seq);
        awaited.retain(|turn, id| *turn == taken.turn || pending.contains_key(id));
        waived.retain(|id| pending.contains_key(id));
    }

    /// How long an answer is waited for, where `age` is the most.
    pub fn patience(&self, age: Duration) -> Duration {
        if self.any_replayed { age.min(REPLAYED) } else { age }
    }

    /// Waits no more for the answers to TestRequests with these numbers, and says how many those were.
    pub fn waive_range(&mut self, numbers: RangeInclusive<u64>) -> usize {
        self.waive_if(|pending| numbers.contains(&pending.seq))
    }

    /// Waits no more for answers that are so old; where a TestRequest took the place of a replay, for no longer than
    /// [`REPLAYED`].
    pub fn waive_older(&mut self, age: Duration, now: Duration) -> usize {
        self.waive_if(|pending| {
            now.saturating_sub(pending.since)
                >= if pending.origin == Origin::New { age } else { age.min(REPLAYED) }
        })
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

    /// Takes the answers that the client must still get when the connection is over, in order. Where the venue may have got the
    /// message itself before, only its Heartbeat can tell that it did not.
    pub fn drain(&mut self) -> Vec<Echo> {
        let pending = std::mem::take(&mut self.pending).into_values();
        let mut drained: Vec<Pending> = pending.filter(|pending| pending.origin != Origin::Unknown).collect();
        drained.sort_unstable_by_key(|pending| pending.turn);
        self.clear();
        drained.into_iter().map(|pending| pending.echo).collect()
    }

    /// Whether a timer is to be set for an answer that is awaited from now on.
    pub fn begin_late_timer(&mut self, now: Duration) -> bool {
        let is_set = self.late_timer.is_some_and(|set| now.saturating_sub(set) < Duration::from_millis(500));
        if !is_set {
            self.late_timer = Some(now);
        }
        !is_set
    }

    /// The answers to replays of denied messages that have been on their way for longer than [`REPLAYED`]. They may still come.
    pub fn late(&self, now: Duration) -> Vec<Echo> {
        let is_late = |pending: &&Pending| {
            pending.origin == Origin::Denied && now.saturating_sub(pending.since) >= REPLAYED
        };
        if !self.any_replayed {
            return Vec::new();
        }
        self.pending.values().filter(is_late).map(|pending| pending.echo.clone()).collect()
    }

    /// The sequence numbers begin anew: what was denied before has no number any more.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.awaited.clear();
        self.waived.clear();
        self.any_replayed = false;
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
        echoes.add(echo(), seq, Origin::New, Duration::from_secs(seq))
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
        assert_eq!(echoes.drain(), [echo(), echo()]);
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
    fn a_message_is_answered_once_by_whichever_of_its_test_requests() {
        let mut echoes = Echoes::new([7; 32], 8);
        let second = Duration::from_secs(1);
        let first = add(&mut echoes, 1);
        let other = add(&mut echoes, 2);
        let replayed = echoes.add(echo(), 1, Origin::Denied, second);
        let unknown = echoes.add(echo(), 9, Origin::Unknown, second);
        assert_eq!(echoes.len(), 4);
        assert_eq!(echoes.take(replayed.as_bytes()), Some((echo(), 1)));
        assert_eq!(echoes.take(first.as_bytes()), None);
        assert_eq!(echoes.take(other.as_bytes()), Some((echo(), 0)));
        // Nobody else can tell whether the venue got the message that was replayed.
        assert_eq!((echoes.len(), echoes.drain()), (1, vec![]));
        assert_eq!(echoes.take(unknown.as_bytes()), None);
    }

    #[test]
    fn the_answer_to_a_replay_is_not_waited_for_so_long() {
        let mut echoes = Echoes::new([7; 32], 8);
        add(&mut echoes, 1);
        assert_eq!(echoes.patience(REPLAYED * 2), REPLAYED * 2);
        let origins = [Origin::Denied, Origin::Unknown];
        origins.iter().zip(2..).for_each(|(origin, seq)| {
            echoes.add(echo(), seq, *origin, Duration::from_secs(1));
        });
        assert_eq!(echoes.patience(REPLAYED * 2), REPLAYED);
        assert_eq!(echoes.waive_older(REPLAYED * 2, Duration::from_secs(10)), 0);
        assert_eq!(echoes.late(Duration::from_secs(10)), []);
        assert_eq!(echoes.waive_older(REPLAYED * 2, Duration::from_secs(11)), 2);
        assert_eq!((echoes.len(), echoes.late(Duration::from_secs(11))), (1, vec![echo()]));
        assert!(echoes.begin_late_timer(Duration::from_secs(1)));
        assert!(!echoes.begin_late_timer(Duration::from_millis(1_499)));
        assert!(echoes.begin_late_timer(Duration::from_millis(1_500)));
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
