//! The journal of the memory: what must outlive the process, as one line of JSON for each change of a session.
//!
//! After a kill of the process nobody else knows which rejects had not reached their clients: the venue has counted the
//! TestRequests that stood for the denied messages. So a change is in the journal before the bytes that depend on it leave.
//! A journal only grows, and is then replaced by the lines that lead to the present state. The host reads and writes files;
//! this module makes and reads lines.
//!
//! Invariant: lines that cannot be read, such as the last line of a process that was killed while it wrote, lead at worst to
//! a reject that is not told, or told twice; never to one of another message.

use super::Key;
use super::past::Past;
use crate::rewrite::Rejected;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

/// Where the lines are kept. The host implements it with files.
pub trait Journal: Debug + Send + Sync {
    /// Adds a line at the end. Returns `false` if that failed: the journal must then be replaced.
    fn append(&self, line: &[u8]) -> bool;

    /// Replaces all lines. Returns `false` if that failed: the old ones are still there.
    fn replace(&self, lines: &[u8]) -> bool;

    /// Returns the journals of processes that have ended, the newest first. Each is returned once.
    fn left_behind(&self) -> Vec<Vec<u8>>;

    /// Removes the journals that [`Journal::left_behind`] returned.
    fn discard_left_behind(&self);
}

/// One change of what is remembered of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Change {
    /// See [`Past::await_reject`].
    Await(Rejected),
    /// The reject of the client's message with this number will not be sent.
    Forget(u64),
    /// The client's messages with the numbers from the first to the second were denied when they were new.
    Deny(u64, u64),
    /// The rejects of these messages were sent.
    Tell(u64, u64),
    /// See [`Past::keep`].
    Keep(u64, Vec<u8>),
    /// See [`Past::begin`].
    Begin(u64),
    /// See [`Past::begin_client`].
    BeginClient(u64),
    /// See [`Past::clear`].
    Clear,
    /// See [`Past::clear_client`].
    ClearClient,
}

#[derive(Serialize)]
struct Written<'line> {
    session: &'line Key,
    change: &'line Change,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    session: Key,
    change: Change,
}

/// Writes a line.
pub(super) fn write(session: &Key, change: &Change, to: &mut Vec<u8>) {
    let start = to.len();
    match serde_json::to_writer(&mut *to, &Written { session, change }) {
        Ok(()) => to.push(b'\n'),
        // All of these types can be written; if not, the journal lacks a change.
        Err(_) => to.truncate(start),
    }
}

/// Reads the lines of a process that has ended, up to the first that is not whole. Rejects that were on their way are lost then.
pub(super) fn read(lines: &[u8], now: Duration) -> HashMap<Key, Past> {
    let mut sessions: HashMap<Key, Past> = HashMap::new();
    let whole = lines.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n"));
    for line in whole {
        let Ok(Read { session, change }) = serde_json::from_slice(line) else { break };
        sessions.entry(session).or_default().apply(change, now);
    }
    sessions.values_mut().for_each(|past| past.lose_awaited(now));
    sessions
}
