//! Rejects that a lost connection may have taken with it, by FIX session and across connections.
//!
//! A reject that was delivered stands at the number of the Heartbeat that it replaced, and is kept as it was sent. One that
//! was still on its way when its connection ended has no number yet: it may take one that the venue counted after all that
//! came through that connection, and before the next one began, for nobody has seen those. Whatever was given a number
//! keeps it.
//!
//! All is bounded: rejects of a session, sessions, bytes, and age. Beyond it the oldest go, and the client then sees what
//! the venue sends, a GapFill.

use crate::message::Message;
use crate::rewrite::Rejected;
use crate::settings::Limits;
use crate::tags;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The fields that name a FIX session.
const NAMING: [u32; 6] = [
    tags::SENDER_COMP_ID,
    tags::SENDER_SUB_ID,
    tags::SENDER_LOCATION_ID,
    tags::TARGET_COMP_ID,
    tags::TARGET_SUB_ID,
    tags::TARGET_LOCATION_ID,
];

/// The longest name of a session, and the longest reject, that are kept.
const MAX_BYTES: usize = 2_048;

/// What a session or a reject takes beside its own bytes, about.
const OVERHEAD: usize = 128;

/// The name of a FIX session: BeginString, CompIDs, SubIDs and LocationIDs of its Logon.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key(Arc<[u8]>);

impl Key {
    /// The Logon's; `None` if it is too long to be kept.
    pub fn of(logon: &Message<'_>) -> Option<Self> {
        let mut key = vec![logon.version as u8];
        for field in logon.fields.iter().filter(|field| NAMING.contains(&field.tag)) {
            key.extend_from_slice(&field.tag.to_be_bytes());
            key.extend_from_slice(logon.value(field));
            key.push(crate::frame::SOH);
        }
        // However the header is ordered, it is the same session.
        let parts = key.get(1..).unwrap_or_default().split(|byte| *byte == crate::frame::SOH);
        let mut parts: Vec<&[u8]> = parts.collect();
        parts.sort_unstable();
        let head = key.get(..1).unwrap_or_default();
        let key = [head, &parts.join(&crate::frame::SOH)].concat();
        (key.len() <= MAX_BYTES).then(|| Self(key.into()))
    }
}

/// What goes where the venue's GapFill covers a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Put {
    /// A message that stood there, whole.
    Kept(Vec<u8>),
    /// A reject that never had a number.
    Lost(Rejected),
}

#[derive(Debug)]
struct Kept {
    bytes: Vec<u8>,
    since: Duration,
}

#[derive(Debug)]
struct Lost {
    rejected: Rejected,
    /// It may stand at a number above this one, and below that one, which the next connection begins with.
    above: u32,
    below: Option<u32>,
    since: Duration,
}

#[derive(Debug, Default)]
struct Past {
    /// The connection that the venue spoke on last.
    owner: u64,
    /// Its place among the sessions, by the time of its last use.
    turn: u64,
    used: Duration,
    kept: BTreeMap<u32, Kept>,
    lost: VecDeque<Lost>,
}

impl Past {
    fn bytes(&self) -> usize {
        let kept: usize = self.kept.values().map(|kept| kept.bytes.len() + OVERHEAD).sum();
        let lost: usize = self.lost.iter().map(|lost| lost.rejected.bytes() + OVERHEAD).sum();
        kept + lost
    }

    /// Forgets what is too old or too much.
    fn trim(&mut self, most: usize, age: Duration, now: Duration) {
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

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<Key, Past>,
    /// The sessions by their turns: the longest unused is first.
    turns: BTreeMap<u64, Key>,
    turn: u64,
    bytes: usize,
}

/// The table of a listener's sessions.
#[derive(Debug)]
pub(super) struct Memory {
    table: Mutex<Table>,
    rejects: usize,
    sessions: usize,
    bytes: usize,
    age: Duration,
}

impl Memory {
    /// An empty one.
    pub fn new(limits: &Limits) -> Self {
        Self {
            table: Mutex::default(),
            rejects: limits.remembered_rejects as usize,
            sessions: limits.remembered_sessions as usize,
            bytes: limits.remembered_bytes as usize,
            age: Duration::from_millis(limits.remembered_ms.into()),
        }
    }

    /// Something is kept at all.
    pub fn is_on(&self) -> bool {
        self.rejects > 0
    }

    /// The venue's first message on a connection has the number `first`: what was at or above it counted otherwise.
    pub fn begin(&self, key: &Key, owner: u64, first: u32, now: Duration) {
        self.change(key, now, |past| {
            past.owner = owner;
            past.kept.split_off(&first);
            past.lost.retain(|lost| lost.above + 1 < first);
            past.lost.iter_mut().for_each(|lost| lost.below = lost.below.or(Some(first)));
        });
    }

    /// A message of ours went out at this number.
    pub fn keep(&self, key: &Key, seq: u32, bytes: &[u8], now: Duration) {
        if bytes.len() <= MAX_BYTES {
            self.change(key, now, |past| {
                past.kept.insert(seq, Kept { bytes: bytes.to_vec(), since: now });
            });
        }
    }

    /// A connection ended with these rejects on their way; `above` is the highest number of the venue's that came through it.
    pub fn lose(&self, key: &Key, owner: u64, above: u32, rejects: Vec<Rejected>, now: Duration) {
        self.change(key, now, |past| {
            // Another connection of the session's is ahead: which numbers nobody has seen is not known any more.
            if past.owner == owner {
                past.lost.extend(rejects.into_iter().map(|rejected| Lost {
                    rejected,
                    above,
                    below: None,
                    since: now,
                }));
            }
        });
    }

    /// The venue lacks the client's messages from this number on: what became of them is decided anew.
    pub fn lacks(&self, key: &Key, from: u32, now: Duration) {
        self.change_known(key, now, |past| past.lost.retain(|lost| lost.rejected.seq < from));
    }

    /// The venue's numbers begin anew.
    pub fn clear(&self, key: &Key, now: Duration) {
        self.change_known(key, now, |past| {
            past.kept.clear();
            past.lost.clear();
        });
    }

    /// The client's numbers begin anew.
    pub fn clear_lost(&self, key: &Key, now: Duration) {
        self.change_known(key, now, |past| past.lost.clear());
    }

    /// What stands at the numbers of `range`, in order, now that the venue fills them. Who takes a lost reject keeps it.
    pub fn covered(&self, key: &Key, from: u32, to: u32, now: Duration) -> Vec<(u32, Put)> {
        let mut covered: BTreeMap<u32, Put> = BTreeMap::new();
        self.change_known(key, now, |past| {
            covered =
                past.kept.range(from..to).map(|(seq, kept)| (*seq, Put::Kept(kept.bytes.clone()))).collect();
            let waiting = std::mem::take(&mut past.lost);
            for lost in waiting {
                let Some(below) = lost.below else {
                    past.lost.push_back(lost);
                    continue;
                };
                let mut room = lost.above.saturating_add(1).max(from)..below.min(to);
                match room.find(|seq| !covered.contains_key(seq)) {
                    Some(seq) => {
                        covered.insert(seq, Put::Lost(lost.rejected));
                    }
                    // The numbers up to here have been used.
                    None => past.lost.push_back(Lost { above: lost.above.max(to.saturating_sub(1)), ..lost }),
                }
            }
        });
        covered.into_iter().collect()
    }

    fn change_known(&self, key: &Key, now: Duration, change: impl FnOnce(&mut Past)) {
        if self.is_on() && self.lock().sessions.contains_key(key) {
            self.change(key, now, change);
        }
    }

    fn change(&self, key: &Key, now: Duration, change: impl FnOnce(&mut Past)) {
        if !self.is_on() {
            return;
        }
        let mut table = self.lock();
        let table = &mut *table;
        table.turn += 1;
        let turn = table.turn;
        let past = table.sessions.entry(key.clone()).or_insert_with(|| {
            table.bytes += key.0.len() + OVERHEAD;
            Past::default()
        });
        table.turns.remove(&past.turn);
        table.turns.insert(turn, key.clone());
        let before = past.bytes();
        past.turn = turn;
        past.used = now;
        past.trim(self.rejects, self.age, now);
        change(past);
        past.trim(self.rejects, self.age, now);
        table.bytes = (table.bytes + past.bytes()).saturating_sub(before);
        self.evict(table, now);
    }

    /// Forgets the sessions that are too old or too many; never the one that was just used.
    fn evict(&self, table: &mut Table, now: Duration) {
        while table.sessions.len() > 1 {
            let Some((turn, key)) = table.turns.first_key_value() else { return };
            let (turn, key) = (*turn, key.clone());
            let old = table.sessions.get(&key).is_none_or(|past| now.saturating_sub(past.used) >= self.age);
            if !old && table.sessions.len() <= self.sessions && table.bytes <= self.bytes {
                return;
            }
            table.turns.remove(&turn);
            if let Some(past) = table.sessions.remove(&key) {
                table.bytes = table.bytes.saturating_sub(past.bytes() + key.0.len() + OVERHEAD);
            }
        }
    }

    /// A panic of another thread leaves at worst a reject that is not kept.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::decision::Denial;
    use crate::msg_type::MsgType;
    use crate::profile::Profile;
    use crate::testing::{fix, read};

    fn key(text: &str) -> Key {
        let bytes = fix("FIX.4.4", &format!("35=A|34=1|{text}98=0|"));
        let mut fields = Vec::new();
        Key::of(&read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap()).unwrap()
    }

    fn named(name: &str) -> Key {
        key(&format!("49={name}|56=V|"))
    }

    fn memory(limits: Limits) -> Memory {
        Memory::new(&limits)
    }

    fn rejected(seq: u32) -> Rejected {
        let denial = Denial::new(b"no", 6, None);
        Rejected { seq, msg_type: MsgType::LOGON, business_id: None, denial }
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn numbers(memory: &Memory, key: &Key, now: Duration) -> Vec<u32> {
        memory.covered(key, 1, 1_000_000, now).into_iter().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn a_session_is_named_by_both_sides_whatever_the_order() {
        assert_eq!(key("49=A|50=x|56=B|"), key("56=B|50=x|49=A|"));
        for other in ["49=B|50=x|56=A|", "49=A|57=x|56=B|", "49=A|142=x|56=B|", "49=A|56=B|"] {
            assert_ne!(key("49=A|50=x|56=B|"), key(other), "{other}");
        }
    }

    #[test]
    fn what_was_sent_stays_at_its_number() {
        let (memory, a) = (memory(Limits::default()), named("A"));
        memory.keep(&a, 5, b"five", at(1));
        memory.keep(&a, 7, b"seven", at(1));
        for _ in 0..2 {
            assert_eq!(memory.covered(&a, 5, 7, at(2)), [(5, Put::Kept(b"five".to_vec()))]);
        }
        assert_eq!(numbers(&memory, &named("B"), at(2)), [0; 0]);
        memory.begin(&a, 1, 6, at(2));
        assert_eq!(numbers(&memory, &a, at(2)), [5]);
        memory.clear(&a, at(2));
        assert_eq!(numbers(&memory, &a, at(2)), [0; 0]);
    }

    #[test]
    fn a_lost_one_takes_a_number_that_nobody_has_seen_once() {
        let (memory, a) = (memory(Limits::default()), named("A"));
        memory.begin(&a, 1, 1, at(1));
        memory.lose(&a, 1, 4, vec![rejected(7), rejected(8), rejected(9)], at(1));
        // Which numbers are free is known when the next connection begins.
        assert_eq!(numbers(&memory, &a, at(1)), [0; 0]);
        memory.begin(&a, 2, 7, at(1));
        assert_eq!(memory.covered(&a, 1, 5, at(1)), []);
        let put = memory.covered(&a, 1, 9, at(1));
        assert_eq!(put, [(5, Put::Lost(rejected(7))), (6, Put::Lost(rejected(8)))]);
        assert_eq!(memory.covered(&a, 1, 9, at(1)), []);
    }

    #[test]
    fn what_the_venue_lacks_is_decided_anew() {
        let (memory, a) = (memory(Limits::default()), named("A"));
        memory.begin(&a, 1, 1, at(1));
        memory.lose(&a, 1, 4, vec![rejected(7), rejected(8)], at(1));
        memory.begin(&a, 2, 9, at(1));
        memory.lacks(&a, 8, at(1));
        assert_eq!(memory.covered(&a, 1, 9, at(1)), [(5, Put::Lost(rejected(7)))]);
        // One that ends behind the next one's begin does not know what that one used.
        memory.lose(&a, 1, 10, vec![rejected(11)], at(1));
        memory.begin(&a, 3, 20, at(1));
        assert_eq!(memory.covered(&a, 1, 20, at(1)), []);
    }

    #[test]
    fn rejects_sessions_bytes_and_age_are_bounded() {
        let limits = Limits { remembered_rejects: 2, remembered_sessions: 2, ..Limits::default() };
        let memory = memory(limits);
        for seq in 1..=3 {
            memory.keep(&named("A"), seq, b"x", at(1));
        }
        memory.keep(&named("A"), 4, &[0; MAX_BYTES + 1], at(1));
        assert_eq!(numbers(&memory, &named("A"), at(1)), [2, 3]);
        memory.keep(&named("B"), 1, b"x", at(1));
        assert_eq!(numbers(&memory, &named("A"), at(1)), [2, 3]);
        memory.keep(&named("C"), 1, b"x", at(1));
        assert_eq!(numbers(&memory, &named("B"), at(1)), [0; 0]);
        assert_eq!(numbers(&memory, &named("A"), at(3_600)), [2, 3]);
        assert_eq!(numbers(&memory, &named("A"), at(3_601)), [0; 0]);
        let table = memory.lock();
        assert_eq!((table.sessions.len(), table.turns.len()), (1, 1));
    }

    #[test]
    fn bytes_are_counted_to_the_last() {
        let memory = memory(Limits { remembered_bytes: 4_096, ..Limits::default() });
        for nth in 0..100 {
            memory.keep(&named(&format!("N{nth}")), nth + 1, &[0; 1_000], at(1));
            assert!(memory.lock().bytes <= 4_096);
        }
        let mut table = memory.lock();
        let counted: usize =
            table.sessions.iter().map(|(key, past)| past.bytes() + key.0.len() + OVERHEAD).sum();
        assert_eq!((table.bytes, table.sessions.len()), (counted, 3));
        table.sessions.clear();
    }

    #[test]
    fn off_keeps_nothing() {
        let (memory, a) = (memory(Limits { remembered_rejects: 0, ..Limits::default() }), named("A"));
        memory.keep(&a, 1, b"x", at(1));
        assert_eq!(numbers(&memory, &a, at(1)), [0; 0]);
        assert!(memory.lock().sessions.is_empty());
    }
}
