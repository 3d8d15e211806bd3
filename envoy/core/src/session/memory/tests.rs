//! The memory of all sessions: its bounds, and what its journal brings back after a kill.

use super::key::tests::named;
use super::past::tests::rejected;
use super::*;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

fn memory(limits: Limits) -> Memory {
    Memory::new(&limits, None)
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lines in memory, which fail to be written while `fails` is set.
#[derive(Debug, Default, Clone)]
struct Lines {
    own: Arc<Mutex<Vec<u8>>>,
    left_behind: Arc<Mutex<Vec<Vec<u8>>>>,
    fails: Arc<AtomicBool>,
}

impl Lines {
    fn text(&self) -> Vec<u8> {
        self.own.lock().unwrap().clone()
    }
}

impl Journal for Lines {
    fn append(&self, line: &[u8]) -> bool {
        let works = !self.fails.load(Relaxed);
        // What cannot be written whole is written in part.
        let end = if works { line.len() } else { line.len() / 2 };
        self.own.lock().unwrap().extend_from_slice(&line[..end]);
        works
    }

    fn replace(&self, lines: &[u8]) -> bool {
        let works = !self.fails.load(Relaxed);
        if works {
            *self.own.lock().unwrap() = lines.to_vec();
        }
        works
    }

    fn left_behind(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.left_behind.lock().unwrap())
    }

    fn discard_left_behind(&self) {}
}

/// A memory with a journal, and the one that takes over from it after a kill.
fn journaled(limits: &Limits) -> (Memory, Lines) {
    let lines = Lines::default();
    (Memory::new(limits, Some(Box::new(lines.clone()))), lines)
}

fn heir(lines: &[u8], now: Duration) -> Memory {
    let next = Lines::default();
    next.left_behind.lock().unwrap().push(lines.to_vec());
    let memory = Memory::new(&Limits::default(), Some(Box::new(next)));
    memory.inherit(now);
    memory
}

/// All that matters of it, sorted.
fn told(memory: &Memory) -> Vec<String> {
    let table = memory.lock();
    let changes = |(key, entry): (&Key, &Entry)| {
        entry.past.changes(Duration::ZERO).map(|change| format!("{key:?} {change:?}")).collect::<Vec<_>>()
    };
    let mut told: Vec<String> = table.sessions.iter().flat_map(changes).collect();
    told.sort_unstable();
    told.dedup();
    told
}

/// What a session may do to the memory.
#[derive(Debug, Clone)]
enum Act {
    Deny(u64),
    Await(u64),
    Tell(u64),
    Keep(u64),
    Lose(Vec<u64>),
    Begin(u64),
    BeginClient(u64),
    Lacks(u64, u64),
    Replay(u64),
    TakeLost,
    Fill(u64, u64),
    Clear,
    ClearClient,
    Unseen(u64),
    Fails(bool),
}

fn act(memory: &Memory, lines: &Lines, key: &Key, act: Act, now: Duration) {
    match act {
        Act::Deny(seq) => memory.deny(key, seq, now),
        Act::Await(seq) => memory.await_reject(key, &rejected(seq), now),
        Act::Tell(seq) => memory.tell(key, seq, now),
        Act::Keep(seq) => memory.keep(key, seq, b"sent", now),
        // A connection loses what was awaited on it.
        Act::Lose(seqs) => {
            seqs.iter().for_each(|seq| memory.await_reject(key, &rejected(*seq), now));
            memory.lose(key, 0, None, seqs.into_iter().map(rejected).collect(), now);
        }
        Act::Begin(first) => memory.begin(key, 0, first, now),
        Act::BeginClient(seq) => memory.begin_client(key, seq, now),
        Act::Lacks(from, to) => drop(memory.lacks(key, &(from..=to), now)),
        Act::Replay(seq) => memory.replay(key, seq, now),
        Act::TakeLost => drop(memory.take_lost(key, now)),
        Act::Fill(from, to) => {
            for (seq, put) in memory.covered(key, from, to, now) {
                if let Put::Lost(rejected) = put {
                    memory.keep(key, seq, b"late", now);
                    memory.tell(key, rejected.seq, now);
                }
            }
        }
        Act::Clear => memory.clear(key, now),
        Act::ClearClient => memory.clear_client(key, now),
        Act::Unseen(seq) => memory.unseen_from(key, seq, now),
        Act::Fails(fails) => lines.fails.store(fails, Relaxed),
    }
}

fn acts() -> impl Strategy<Value = Vec<(bool, Act)>> {
    let seq = 1..12u64;
    let act = prop_oneof![
        seq.clone().prop_map(Act::Deny),
        seq.clone().prop_map(Act::Await),
        seq.clone().prop_map(Act::Tell),
        seq.clone().prop_map(Act::Keep),
        proptest::collection::vec(seq.clone(), 1..3).prop_map(Act::Lose),
        seq.clone().prop_map(Act::Begin),
        seq.clone().prop_map(Act::BeginClient),
        (seq.clone(), seq.clone()).prop_map(|(from, to)| Act::Lacks(from, to)),
        seq.clone().prop_map(Act::Replay),
        Just(Act::TakeLost),
        (seq.clone(), seq.clone()).prop_map(|(from, to)| Act::Fill(from, to)),
        Just(Act::Clear),
        Just(Act::ClearClient),
        seq.prop_map(Act::Unseen),
        any::<bool>().prop_map(Act::Fails),
    ];
    proptest::collection::vec((any::<bool>(), act), 1..60)
}

proptest! {
    #[test]
    fn a_killed_process_leaves_all_that_it_remembered(acts in acts()) {
        let (memory, lines) = journaled(&Limits::default());
        let mut now = at(1);
        for (is_first, one) in acts {
            now += RETRY / 4;
            act(&memory, &lines, &named(if is_first { "A" } else { "B" }), one, now);
        }
        // Once it can be written, the next change brings all of it.
        act(&memory, &lines, &named("A"), Act::Fails(false), now);
        act(&memory, &lines, &named("A"), Act::Deny(20), now + RETRY);
        prop_assert_eq!(told(&heir(&lines.text(), now)), told(&memory));
    }

    #[test]
    fn a_line_that_is_not_whole_loses_nothing_before_it(acts in acts(), cut in 0..4_096usize) {
        let (memory, lines) = journaled(&Limits::default());
        acts.into_iter().filter(|(_, act)| !matches!(act, Act::Fails(_))).for_each(|(_, one)| {
            act(&memory, &lines, &named("A"), one, at(1));
        });
        let text = lines.text();
        let cut = &text[..cut.min(text.len())];
        let whole = cut.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        prop_assert_eq!(told(&heir(cut, at(1))), told(&heir(&cut[..whole], at(1))));
    }
}

#[test]
fn a_journal_stays_short() {
    let (memory, lines) = journaled(&Limits { remembered_rejects: 8, ..Limits::default() });
    let mut longest = 0;
    for seq in 1..20_000 {
        let now = at(seq / 100);
        memory.deny(&named("A"), seq, now);
        memory.await_reject(&named("A"), &rejected(seq), now);
        memory.tell(&named("A"), seq, now);
        memory.keep(&named("A"), seq, &[b'x'; 100], now);
        longest = longest.max(lines.own.lock().unwrap().len());
    }
    assert!((GROWTH..GROWTH + 10_000).contains(&longest), "{longest}");
    let heir = heir(&lines.text(), at(200));
    assert!(heir.is_told(&named("A"), 1, at(200)) && heir.is_denied(&named("A"), 19_999, at(200)));
}

#[test]
fn what_is_known_already_is_not_taken_over() {
    let (killed, lines) = journaled(&Limits::default());
    killed.await_reject(&named("A"), &rejected(7), at(1));
    killed.await_reject(&named("B"), &rejected(8), at(1));
    let next = Lines::default();
    next.left_behind.lock().unwrap().push(lines.text());
    let memory = Memory::new(&Limits::default(), Some(Box::new(next)));
    memory.deny(&named("A"), 1, at(1));
    memory.inherit(at(1));
    assert_eq!(memory.take_lost(&named("A"), at(1)), None);
    assert_eq!(memory.take_lost(&named("B"), at(1)), Some(rejected(8)));
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
