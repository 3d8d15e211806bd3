//! In the steady state a forwarded message costs no memory, under limits neither: counted by the allocator itself.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/mod.rs"]
mod support;

use fix_authz_core::command::{Command, Commands, Direction};
use fix_authz_core::session::{Listener, Now, Session};
use fix_authz_core::settings::Settings;
use fix_authz_core::stats::Counter;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;
use support::service::Verdict;
use support::transcript::long;
use time::OffsetDateTime;

/// Messages that go through in the steady state.
const MESSAGES: usize = 10_000;
/// What a read of Envoy's hands over at once.
const READ: usize = 16_384;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came; beside it only a number of the thread's own changes.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|allocations| allocations.set(allocations.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

struct Shell {
    session: Session,
    commands: Commands,
    now: Now,
}

impl Shell {
    fn new() -> Self {
        let settings = Settings::from_json(
            br#"{"check":{"cluster":"authz"},"limits":{"messages_per_s":1000000,"messages_per_day":1000000}}"#,
        )
        .unwrap();
        let now = Now { monotonic: Duration::from_secs(1), utc: OffsetDateTime::UNIX_EPOCH };
        let mut commands = Commands::default();
        let session = Session::open(Arc::new(Listener::new(settings)), [7; 32], now, &mut commands);
        commands.clear();
        Self { session, commands, now }
    }

    /// Hands bytes in and answers all that is asked.
    fn learn(&mut self, direction: Direction, bytes: &[u8]) {
        self.session.receive(direction, bytes, false, self.now, &mut self.commands);
        let list = std::mem::take(&mut self.commands);
        for command in list.list() {
            if let Command::Check { id, .. } = command {
                let verdict = Verdict::parse(
                    "allow cache-control=max-age=600 vary=167,55 scope=order:create guard-outbound=8 exempt=B",
                );
                self.session.answer(
                    *id,
                    verdict.body().as_deref().map_err(|f| *f),
                    self.now,
                    &mut self.commands,
                );
            }
        }
        self.commands.clear();
    }

    /// Hands bytes in, read by read; the number of messages that went on.
    fn pass(&mut self, direction: Direction, bytes: &[u8]) -> u32 {
        let mut forwarded = 0;
        for read in bytes.chunks(READ) {
            self.session.receive(direction, read, false, self.now, &mut self.commands);
            forwarded += self.commands.counters().get(Counter::InboundForwarded);
            forwarded += self.commands.counters().get(Counter::OutboundForwarded);
            self.commands.clear();
        }
        forwarded
    }
}

/// A mixed stream of a direction, its numbers from `seq` on.
fn stream(direction: Direction, seq: usize) -> Vec<u8> {
    let bodies: &[&str] = match direction {
        Direction::Inbound => &[
            "D {} 11=o{}|55=X|167=CS|38=100|44=1.5|",
            "G {} 11=o{}|41=p|55=Y|167=OPT|",
            "B {} 58=n{}|",
            "0 {} ",
        ],
        Direction::Outbound => &["8 {} 37=e{}|55=X|167=CS|39=2|", "9 {} 37=e{}|", "W {} 55=X|"],
    };
    let written = |n: usize| bodies[n % bodies.len()].replace("{}", &(seq + n).to_string());
    (0..MESSAGES).flat_map(|n| long(direction, "FIX.4.4", &written(n))).collect()
}

#[test]
fn a_message_that_a_kept_decision_holds_for_allocates_nothing() {
    let (client, venue) = (stream(Direction::Inbound, 2), stream(Direction::Outbound, 1));
    let mut shell = Shell::new();
    shell.learn(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", "A 1 554=s3cret|"));
    // One round teaches the decisions, another lets every buffer reach its size.
    for (direction, bytes) in [(Direction::Inbound, &client), (Direction::Outbound, &venue)] {
        for read in bytes.chunks(READ) {
            shell.learn(direction, read);
        }
    }
    shell.pass(Direction::Inbound, &client);
    shell.pass(Direction::Outbound, &venue);
    let before = allocations();
    let forwarded = shell.pass(Direction::Inbound, &client) + shell.pass(Direction::Outbound, &venue);
    let after = allocations();
    assert_eq!(usize::try_from(forwarded), Ok(2 * MESSAGES));
    assert_eq!(after - before, 0, "allocations for {forwarded} messages");
}
