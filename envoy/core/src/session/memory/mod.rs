//! Rejects that a lost connection may have taken with it, by FIX session and across connections; with a [`Journal`], across
//! processes too.
//!
//! All is bounded: rejects of a session, sessions, bytes, and age. Beyond it the oldest go, and the client then sees what
//! the venue sends, a GapFill.

mod journal;
mod key;
mod numbers;
mod past;

pub use journal::Journal;
pub(super) use key::Key;
pub(super) use past::Put;

use crate::rewrite::Rejected;
use crate::settings::Limits;
use journal::Change;
use past::Past;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest name of a session, and the longest reject, that are kept.
const MAX_BYTES: usize = 2_048;

/// What a session or a reject takes beside its own bytes, about.
const OVERHEAD: usize = 128;

/// A journal is replaced when it has grown by this many bytes, or to four times what it was when it was replaced last.
const GROWTH: usize = 1 << 20;
const GROWTH_FACTOR: usize = 4;

/// A message of ours that was sent this long ago has reached its client, or that client has been told of a gap.
const IN_FLIGHT: Duration = Duration::from_secs(30);

/// The time between two attempts to replace a journal that could not be written.
const RETRY: Duration = Duration::from_secs(1);

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
    written: Written,
}

/// How far the journal has come.
#[derive(Debug)]
struct Written {
    /// Bytes that were appended since it was replaced.
    appended: usize,
    /// How many more it may hold before it is replaced.
    room: usize,
    /// When it may be replaced, if it lacks a change.
    retry: Option<Duration>,
    line: Vec<u8>,
}

impl Default for Written {
    fn default() -> Self {
        Self { appended: 0, room: GROWTH, retry: None, line: Vec::new() }
    }
}

/// The table of a listener's sessions.
#[derive(Debug)]
pub(super) struct Memory {
    table: Mutex<Table>,
    rejects: usize,
    sessions: usize,
    bytes: usize,
    age: Duration,
    /// `None`: everything ends with the process.
    journal: Option<Box<dyn Journal>>,
}

impl Memory {
    /// An empty one, whose changes the journal keeps.
    pub fn new(limits: &Limits, journal: Option<Box<dyn Journal>>) -> Self {
        Self {
            table: Mutex::default(),
            rejects: limits.remembered_rejects as usize,
            sessions: limits.remembered_sessions as usize,
            bytes: limits.remembered_bytes as usize,
            age: Duration::from_millis(limits.remembered_ms.into()),
            journal,
        }
    }

    /// Something is kept at all.
    pub fn is_on(&self) -> bool {
        self.rejects > 0
    }

    /// Takes over what processes that have ended have left in their journals, of sessions of which nothing is remembered here.
    pub fn inherit(&self, now: Duration) {
        let Some(journal) = self.journal.as_deref().filter(|_| self.is_on()) else { return };
        let left_behind = journal.left_behind();
        if left_behind.is_empty() {
            return;
        }
        let mut table = self.lock();
        for (key, past) in left_behind.iter().flat_map(|lines| journal::read(lines, now)) {
            if !table.sessions.contains_key(&key) {
                self.change_in(&mut table, &key, now, |own| *own = past);
            }
        }
        if self.replace_journal(&mut table, now) {
            journal.discard_left_behind();
        }
    }

    /// See [`Past::begin`].
    pub fn begin(&self, key: &Key, owner: u64, first: u64, now: Duration) {
        self.change(key, now, |past| {
            let matters = !past.is_empty();
            past.begin(owner, first);
            matters.then_some(Change::Begin(first))
        });
    }

    /// See [`Past::keep`]; nothing that is too long.
    pub fn keep(&self, key: &Key, seq: u64, bytes: &[u8], now: Duration) {
        if bytes.len() <= MAX_BYTES {
            self.change(key, now, |past| {
                past.keep(seq, bytes, now);
                self.journal.is_some().then(|| Change::Keep(seq, bytes.to_vec()))
            });
        }
    }

    /// See [`Past::await_reject`]. Without a journal nobody would ask for it.
    pub fn await_reject(&self, key: &Key, rejected: &Rejected, now: Duration) {
        if self.journal.is_none() {
            return;
        }
        self.change(key, now, |past| {
            past.await_reject(rejected.clone(), now);
            Some(Change::Await(rejected.clone()))
        });
    }

    /// See [`Past::lose`].
    pub fn lose(&self, key: &Key, owner: u64, above: Option<u64>, rejects: Vec<Rejected>, now: Duration) {
        // To the journal they wait as before.
        self.change(key, now, |past| {
            past.lose(owner, above, rejects, now);
            None
        });
    }

    /// See [`Past::unseen_from`].
    pub fn unseen_from(&self, key: &Key, seq: u64, now: Duration) {
        self.change_known(key, now, |past| {
            past.unseen_from(seq);
            None
        });
    }

    /// See [`Past::take_lost`].
    pub fn take_lost(&self, key: &Key, now: Duration) -> Option<Rejected> {
        let mut taken = None;
        self.change_known(key, now, |past| {
            taken = past.take_lost();
            taken.as_ref().map(|rejected| Change::Tell(rejected.seq, rejected.seq))
        });
        taken
    }

    /// See [`Past::lacks`].
    pub fn lacks(&self, key: &Key, numbers: &RangeInclusive<u64>, now: Duration) -> bool {
        let mut lacks = false;
        self.change_known(key, now, |past| {
            let (asked_again, forgotten) = past.lacks(numbers);
            lacks = asked_again;
            forgotten.into_iter().map(Change::Forget)
        });
        lacks
    }

    /// See [`Past::replay`].
    pub fn replay(&self, key: &Key, seq: u64, now: Duration) {
        self.change_known(key, now, |past| past.replay(seq).then_some(Change::Forget(seq)));
    }

    /// See [`Past::tell`].
    pub fn tell(&self, key: &Key, seq: u64, now: Duration) {
        self.change(key, now, |past| {
            past.tell(seq);
            Some(Change::Tell(seq, seq))
        });
    }

    /// See [`Past::deny`].
    pub fn deny(&self, key: &Key, seq: u64, now: Duration) {
        self.change(key, now, |past| {
            past.deny(seq);
            Some(Change::Deny(seq, seq))
        });
    }

    /// See [`Past::is_denied`].
    pub fn is_denied(&self, key: &Key, seq: u64, now: Duration) -> bool {
        self.ask(key, now, |past| past.is_denied(seq)).unwrap_or(false)
    }

    /// See [`Past::is_told`]. Where nothing is kept, every message counts as answered.
    pub fn is_told(&self, key: &Key, seq: u64, now: Duration) -> bool {
        self.ask(key, now, |past| past.is_told(seq)).unwrap_or(!self.is_on())
    }

    /// See [`Past::was_told`].
    pub fn was_told(&self, key: &Key, seq: u64, now: Duration) -> bool {
        self.ask(key, now, |past| past.was_told(seq)).unwrap_or(false)
    }

    /// See [`Past::begin_client`].
    pub fn begin_client(&self, key: &Key, seq: u64, now: Duration) {
        self.change_known(key, now, |past| {
            past.begin_client(seq);
            Some(Change::BeginClient(seq))
        });
    }

    /// See [`Past::clear`].
    pub fn clear(&self, key: &Key, now: Duration) {
        self.change_known(key, now, |past| {
            past.clear();
            Some(Change::Clear)
        });
    }

    /// See [`Past::clear_client`].
    pub fn clear_client(&self, key: &Key, now: Duration) {
        self.change_known(key, now, |past| {
            past.clear_client();
            Some(Change::ClearClient)
        });
    }

    /// See [`Past::covered`].
    pub fn covered(&self, key: &Key, from: u64, to: u64, now: Duration) -> Vec<(u64, Put)> {
        // The journal learns what was put where from `keep` and `tell`.
        self.ask(key, now, |past| past.covered(from, to)).unwrap_or_default()
    }

    /// As `change`, with a question: `None` if nothing is remembered of the session.
    fn ask<T>(&self, key: &Key, now: Duration, ask: impl FnOnce(&mut Past) -> T) -> Option<T> {
        let mut answer = None;
        self.change_known(key, now, |past| {
            answer = Some(ask(past));
            None
        });
        answer
    }

    /// As `change`, of a session that something is remembered of.
    fn change_known<C: IntoIterator<Item = Change>>(
        &self,
        key: &Key,
        now: Duration,
        change: impl FnOnce(&mut Past) -> C,
    ) {
        if self.is_on() && self.lock().sessions.contains_key(key) {
            self.change(key, now, change);
        }
    }

    /// Changes what is remembered of a session, within the bounds, and adds what `change` returns to the journal.
    fn change<C: IntoIterator<Item = Change>>(
        &self,
        key: &Key,
        now: Duration,
        change: impl FnOnce(&mut Past) -> C,
    ) {
        if !self.is_on() {
            return;
        }
        let mut table = self.lock();
        let changes = self.change_in(&mut table, key, now, change);
        if self.journal.is_some() {
            changes.into_iter().for_each(|change| self.write(&mut table, key, &change, now));
        }
    }

    fn change_in<T>(
        &self,
        table: &mut Table,
        key: &Key,
        now: Duration,
        change: impl FnOnce(&mut Past) -> T,
    ) -> T {
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
        let changed = change(past);
        past.trim(self.rejects, self.age, now);
        table.bytes = (table.bytes + past.bytes()).saturating_sub(before);
        self.evict(table, now);
        changed
    }

    /// Adds a change to the journal; replaces the journal if it has grown too long, or lacks a change.
    fn write(&self, table: &mut Table, key: &Key, change: &Change, now: Duration) {
        let Some(journal) = &self.journal else { return };
        let written = &mut table.written;
        if written.retry.is_none() && written.appended < written.room {
            written.line.clear();
            journal::write(key, change, &mut written.line);
            written.appended += written.line.len();
            if journal.append(&written.line) {
                return;
            }
            written.retry = Some(now);
        }
        if written.retry.is_none_or(|retry| now >= retry) {
            self.replace_journal(table, now);
        }
    }

    /// Replaces the journal by what leads to the present state. Returns whether that succeeded.
    fn replace_journal(&self, table: &mut Table, now: Duration) -> bool {
        let Some(journal) = &self.journal else { return false };
        let (since, mut lines) = (now.saturating_sub(IN_FLIGHT), Vec::new());
        for (key, entry) in &table.sessions {
            entry.past.changes(since).for_each(|change| journal::write(key, &change, &mut lines));
        }
        let replaced = journal.replace(&lines);
        table.written = Written {
            appended: 0,
            room: GROWTH.max(lines.len() * (GROWTH_FACTOR - 1)),
            retry: (!replaced).then_some(now + RETRY),
            line: std::mem::take(&mut table.written.line),
        };
        replaced
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
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests;
