//! What the core asks of its shell, in the order in which it must be done.

use crate::stats::{Counter, Counters};

/// Which side bytes go to or come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Client to venue.
    Inbound,
    /// Venue to client.
    Outbound,
}

impl Direction {
    /// As the contract spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// A name for a Check, unique within its connection.
pub type CheckId = u64;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of interest to who reads along.
    Info,
    /// Of interest to who runs the gateway.
    Warn,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Send the bytes of [`Commands::bytes`] in this range on in this direction.
    Send {
        /// Inbound goes upstream, outbound downstream.
        direction: Direction,
        /// Offset of the first byte.
        start: usize,
        /// Offset behind the last byte.
        end: usize,
    },
    /// Send bytes on in this direction that [`crate::session::Session::receive`] was just handed, as they stand there.
    Forward {
        /// Inbound goes upstream, outbound downstream.
        direction: Direction,
        /// Offset of the first byte in what was handed in.
        start: usize,
        /// Offset behind the last byte.
        end: usize,
    },
    /// No more bytes will go in this direction: pass the half-close on.
    End(Direction),
    /// Ask the decision service: a whole gRPC frame.
    Check {
        /// To be handed back with the answer.
        id: CheckId,
        /// The length-prefixed CheckRequest.
        frame: Vec<u8>,
        /// How long the answer may take, in milliseconds.
        timeout_ms: u32,
    },
    /// Report to the decision service what the filter did alone. The report outlives the connection, and nothing waits for
    /// its answer.
    Report {
        /// The length-prefixed CheckRequest.
        frame: Vec<u8>,
        /// Whether the connection has or had an authorized Logon.
        authorized: bool,
    },
    /// Stop reading from the client.
    PauseReads,
    /// Read from the client again.
    ResumeReads,
    /// Deliver a tick no earlier than this long from now, in milliseconds.
    Tick(u32),
    /// Flush what was sent to the client and close both connections.
    Close(&'static str),
    /// Write a line to Envoy's log.
    Log(Level, String),
    /// A Check took this many microseconds.
    CheckLatency(u64),
    /// Note these facts with the connection, for its access log. One told before keeps its last value.
    Account(Vec<(String, Fact)>),
}

/// A fact of a connection's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fact {
    /// Who it is.
    Name(String),
    /// The session's secret name, which proves the session to the decision service. No access log may print it.
    Proof(String),
    /// How many messages, since the session began.
    Count(u64),
}

/// The commands of one event. Reused from event to event, so that the steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Commands {
    list: Vec<Command>,
    bytes: Vec<u8>,
    counters: Counters,
    lent: Lent,
}

/// Where the bytes at hand stand that the shell handed in: the address of the first, and how many. Only ever compared with,
/// so that what goes on as it came need not be copied.
#[derive(Debug, Default, Clone, Copy)]
struct Lent {
    at: usize,
    length: usize,
}

impl Lent {
    /// The offset of `bytes`, if they are among those lent.
    #[inline]
    fn offset(self, bytes: &[u8]) -> Option<usize> {
        let start = bytes.as_ptr().addr().wrapping_sub(self.at);
        (start < self.length && bytes.len() <= self.length - start).then_some(start)
    }
}

impl Commands {
    /// The commands so far, in order.
    pub fn list(&self) -> &[Command] {
        &self.list
    }

    /// The bytes of a [`Command::Send`].
    pub fn bytes(&self, start: usize, end: usize) -> &[u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }

    /// Whether all there is to do, counting aside, is to send these `length` bytes on that were handed in.
    pub fn is_pass(&self, direction: Direction, length: usize) -> bool {
        matches!(*self.list.as_slice(), [Command::Forward { direction: to, start: 0, end }] if to == direction && end == length)
    }

    /// What the event counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Nothing to do.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.counters.is_empty()
    }

    /// Forgets all, keeping the memory (unless an outlier made it large).
    pub fn clear(&mut self) {
        const KEEP: usize = 256 * 1024;
        self.list.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
        self.counters = Counters::default();
    }

    /// Until [`Self::give_back`], what is sent of `bytes` is only named, not copied.
    pub(crate) fn lend(&mut self, bytes: &[u8]) {
        self.lent = Lent { at: bytes.as_ptr().addr(), length: bytes.len() };
    }

    /// The bytes lent are those of no later event.
    pub(crate) fn give_back(&mut self) {
        self.lent = Lent::default();
    }

    pub(crate) fn push(&mut self, command: Command) {
        self.list.push(command);
    }

    pub(crate) fn count(&mut self, counter: Counter) {
        self.counters.add(counter, 1);
    }

    pub(crate) fn count_many(&mut self, counter: Counter, n: usize) {
        self.counters.add(counter, u32::try_from(n).unwrap_or(u32::MAX));
    }

    pub(crate) fn log(&mut self, level: Level, line: String) {
        self.list.push(Command::Log(level, line));
    }

    /// Sends bytes on; neighbours in the same direction become one write.
    #[inline]
    pub(crate) fn send(&mut self, direction: Direction, bytes: &[u8]) {
        match self.lent.offset(bytes) {
            Some(start) => self.forward(direction, start, start + bytes.len()),
            None => self.send_with(direction, |out| out.extend_from_slice(bytes)),
        }
    }

    #[inline]
    fn forward(&mut self, direction: Direction, from: usize, to: usize) {
        match self.list.last_mut() {
            Some(Command::Forward { direction: last, end, .. }) if *last == direction && *end == from => {
                *end = to;
            }
            _ => self.list.push(Command::Forward { direction, start: from, end: to }),
        }
    }

    /// Sends on what `write` appends.
    pub(crate) fn send_with(&mut self, direction: Direction, write: impl FnOnce(&mut Vec<u8>)) {
        let from = self.bytes.len();
        write(&mut self.bytes);
        let to = self.bytes.len();
        match self.list.last_mut() {
            Some(Command::Send { direction: last, end, .. }) if *last == direction && *end == from => {
                *end = to
            }
            _ => self.list.push(Command::Send { direction, start: from, end: to }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] = b"abcdefgh";

    fn of(range: std::ops::Range<usize>) -> &'static [u8] {
        BYTES.get(range).unwrap_or_default()
    }

    #[test]
    fn what_goes_on_as_it_came_is_named_and_not_copied() {
        let mut commands = Commands::default();
        commands.lend(of(2..8));
        commands.send(Direction::Inbound, of(2..5));
        commands.send(Direction::Inbound, of(5..8));
        assert_eq!(commands.list(), [Command::Forward { direction: Direction::Inbound, start: 0, end: 6 }]);
        assert!(commands.is_pass(Direction::Inbound, 6));
        assert!(!commands.is_pass(Direction::Outbound, 6));
        assert!(!commands.is_pass(Direction::Inbound, 7));
        commands.push(Command::PauseReads);
        assert!(!commands.is_pass(Direction::Inbound, 6));
    }

    #[test]
    fn what_was_not_lent_or_not_whole_is_copied() {
        let mut commands = Commands::default();
        let direction = Direction::Outbound;
        commands.lend(of(2..6));
        for range in [0..2, 1..3, 5..7, 6..8] {
            commands.send(direction, of(range));
        }
        commands.give_back();
        commands.send(direction, of(2..6));
        assert!(commands.list().iter().any(|command| matches!(command, Command::Send { .. })));
        assert_eq!(commands.bytes(0, 12), b"abbcfgghcdef");
    }
}
