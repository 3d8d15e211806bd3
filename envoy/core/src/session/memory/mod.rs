//! Rejects that a lost connection may have taken with it, by FIX session and across connections.
//!
//! All is bounded: rejects of a session, sessions, bytes, and age. Beyond it the oldest go, and the client then sees what
//! the venue sends, a GapFill.

mod key;
mod numbers;
mod past;

pub(super) use key::Key;
pub(super) use past::Put;

use crate::rewrite::Rejected;
use crate::settings::Limits;
use past::Past;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest name of a session, and the longest reject, that are kept.
const MAX_BYTES: usize = 2_048;

/// What a session or a reject takes beside its own bytes, about.
const OVERHEAD: usize = 128;

/// What is remembered of a session, and when that was last of use.
#[derive(Debug, Default)]
struct Entry {
    past: Past,
    used: Duration,
    /// Its place among the sessions, by the time of its last use.
    turn: u64,
}

#[derive(Debug, Default)]
struct Table {
    sessions: HashMap<Key, Entry>,
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

    /// See [`Past::begin`].
    pub fn begin(&self, key: &Key, owner: u64, first: u64, now: Duration) {
        self.change(key, now, |past| past.begin(owner, first));
    }

    /// See [`Past::keep`]; nothing that is too long.
    pub fn keep(&self, key: &Key, seq: u64, bytes: &[u8], now: Duration) {
        if bytes.len() <= MAX_BYTES {
            self.change(key, now, |past| past.keep(seq, bytes, now));
        }
    }

    /// See [`Past::lose`].
    pub fn lose(&self, key: &Key, owner: u64, above: Option<u64>, rejects: Vec<Rejected>, now: Duration) {
        self.change(key, now, |past| past.lose(owner, above, rejects, now));
    }

    /// See [`Past::take_lost`].
    pub fn take_lost(&self, key: &Key, now: Duration) -> Option<Rejected> {
        let mut taken = None;
        self.change_known(key, now, |past| taken = past.take_lost());
        taken
    }

    /// See [`Past::lacks`].
    pub fn lacks(&self, key: &Key, numbers: &RangeInclusive<u64>, now: Duration) -> bool {
        let mut lacks = false;
        self.change_known(key, now, |past| lacks = past.lacks(numbers));
        lacks
    }

    /// See [`Past::replay`].
    pub fn replay(&self, key: &Key, seq: u64, now: Duration) {
        self.change_known(key, now, |past| past.replay(seq));
    }

    /// See [`Past::tell`].
    pub fn tell(&self, key: &Key, seq: u64, now: Duration) {
        self.change(key, now, |past| past.tell(seq));
    }

    /// See [`Past::deny`].
    pub fn deny(&self, key: &Key, seq: u64, now: Duration) {
        self.change(key, now, |past| past.deny(seq));
    }

    /// See [`Past::is_denied`].
    pub fn is_denied(&self, key: &Key, seq: u64, now: Duration) -> bool {
        let mut denied = false;
        self.change_known(key, now, |past| denied = past.is_denied(seq));
        denied
    }

    /// See [`Past::is_told`]. Where nothing is kept, every message counts as answered.
    pub fn is_told(&self, key: &Key, seq: u64, now: Duration) -> bool {
        let mut told = !self.is_on();
        self.change_known(key, now, |past| told = past.is_told(seq));
        told
    }

    /// See [`Past::was_told`].
    pub fn was_told(&self, key: &Key, seq: u64, now: Duration) -> bool {
        let mut told = false;
        self.change_known(key, now, |past| told = past.was_told(seq));
        told
    }

    /// See [`Past::begin_client`].
    pub fn begin_client(&self, key: &Key, seq: u64, now: Duration) {
        self.change_known(key, now, |past| past.begin_client(seq));
    }

    /// See [`Past::clear`].
    pub fn clear(&self, key: &Key, now: Duration) {
        self.change_known(key, now, Past::clear);
    }

    /// See [`Past::clear_client`].
    pub fn clear_client(&self, key: &Key, now: Duration) {
        self.change_known(key, now, Past::clear_client);
    }

    /// See [`Past::covered`].
    pub fn covered(&self, key: &Key, from: u64, to: u64, now: Duration) -> Vec<(u64, Put)> {
        let mut covered = Vec::new();
        self.change_known(key, now, |past| covered = past.covered(from, to));
        covered
    }

    /// As `change`, of a session that something is remembered of.
    fn change_known(&self, key: &Key, now: Duration, change: impl FnOnce(&mut Past)) {
        if self.is_on() && self.lock().sessions.contains_key(key) {
            self.change(key, now, change);
        }
    }

    /// Changes what is remembered of a session, within the bounds.
    fn change(&self, key: &Key, now: Duration, change: impl FnOnce(&mut Past)) {
        if !self.is_on() {
            return;
        }
        let mut table = self.lock();
        let table = &mut *table;
        table.turn += 1;
        let turn = table.turn;
        let entry = table.sessions.entry(key.clone()).or_insert_with(|| {
            table.bytes += key.bytes() + OVERHEAD;
            Entry::default()
        });
        table.turns.remove(&entry.turn);
        table.turns.insert(turn, key.clone());
        entry.turn = turn;
        entry.used = now;
        let past = &mut entry.past;
        let before = past.bytes();
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
            let old = table.sessions.get(&key).is_none_or(|entry| now.saturating_sub(entry.used) >= self.age);
            if !old && table.sessions.len() <= self.sessions && table.bytes <= self.bytes {
                return;
            }
            table.turns.remove(&turn);
            if let Some(entry) = table.sessions.remove(&key) {
                table.bytes = table.bytes.saturating_sub(entry.past.bytes() + key.bytes() + OVERHEAD);
            }
        }
    }

    /// A panic of another thread leaves at worst a reject that is not kept.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::key::tests::named;
    use super::past::tests::rejected;
    use super::*;

    fn memory(limits: Limits) -> Memory {
        Memory::new(&limits)
    }

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn numbers(memory: &Memory, key: &Key, now: Duration) -> Vec<u64> {
        memory.covered(key, 1, 1_000_000, now).into_iter().map(|(seq, _)| seq).collect()
    }

    #[test]
    fn each_session_has_its_own() {
        let (memory, a, b) = (memory(Limits::default()), named("A"), named("B"));
        memory.begin(&a, 1, 1, at(1));
        memory.keep(&a, 5, b"five", at(1));
        memory.lose(&a, 1, Some(7), vec![rejected(7)], at(1));
        memory.begin(&a, 2, 9, at(1));
        memory.clear(&b, at(1));
        assert_eq!(numbers(&memory, &b, at(1)), [0; 0]);
        assert_eq!(
            memory.covered(&a, 1, 9, at(1)),
            [(5, Put::Kept(b"five".to_vec())), (8, Put::Lost(rejected(7)))]
        );
        memory.clear(&a, at(1));
        assert_eq!(numbers(&memory, &a, at(1)), [0; 0]);
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
            table.sessions.iter().map(|(key, entry)| entry.past.bytes() + key.bytes() + OVERHEAD).sum();
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
