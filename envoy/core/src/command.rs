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
    /// How many messages, since the session began.
    Count(u64),
}

/// The commands of one event. Reused from event to event, so that the steady state allocates nothing.
#[derive(Debug, Default)]
pub struct Commands {
    list: Vec<Command>,
    bytes: Vec<u8>,
    counters: Counters,
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
    pub(crate) fn send(&mut self, direction: Direction, bytes: &[u8]) {
        self.send_with(direction, |out| out.extend_from_slice(bytes));
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
