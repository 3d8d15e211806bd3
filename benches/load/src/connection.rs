//! A blocking connection that is read message by message.

use crate::fix::{Message, invalid};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// No peer is silent for longer while something is measured.
const PATIENCE: Duration = Duration::from_secs(20);
/// Large reads, so that reading costs little beside what is measured.
const ROOM: usize = 512 * 1024;

/// The connection, and what arrived on it: `buffer[read..filled]` is not yet looked at.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    read: usize,
    filled: usize,
}

impl Connection {
    /// Takes the stream over: no delay, and a deadline for each call.
    pub fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, buffer: vec![0; ROOM], read: 0, filled: 0 })
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next message, waiting for it.
    pub fn next(&mut self) -> io::Result<Message<'_>> {
        let length = loop {
            let bytes = self.buffer.get(self.read..self.filled).unwrap_or_default();
            match Message::first(bytes)? {
                Some(message) => break message.bytes.len(),
                None => self.fill()?,
            }
        };
        let from = self.read;
        self.read += length;
        let bytes = self.buffer.get(from..self.read).unwrap_or_default();
        Message::first(bytes)?.ok_or_else(|| invalid("a message is gone"))
    }

    /// Hands all messages that are there to `take`, waiting for at least one; `false` at the end of the stream.
    pub fn drain(&mut self, mut take: impl FnMut(Message<'_>) -> io::Result<()>) -> io::Result<bool> {
        match self.fill() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            filled => filled?,
        }
        let mut rest = self.buffer.get(self.read..self.filled).unwrap_or_default();
        while let Some(message) = Message::first(rest)? {
            rest = rest.get(message.bytes.len()..).unwrap_or_default();
            take(message)?;
        }
        self.read = self.filled - rest.len();
        Ok(true)
    }

    /// Reads once, behind the part of a message that is there.
    fn fill(&mut self) -> io::Result<()> {
        self.buffer.copy_within(self.read..self.filled, 0);
        self.filled -= self.read;
        self.read = 0;
        let room = self.buffer.get_mut(self.filled..).unwrap_or_default();
        match self.stream.read(room)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.filled += length;
                Ok(())
            }
        }
    }
}
