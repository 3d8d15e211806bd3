//! A connection that never blocks: one thread serves thousands of them.

use crate::fix::Message;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io::{self, Read, Write};

/// Room for one reading of all that has come, shared by all connections of a thread.
pub const ROOM: usize = 64 * 1024;

/// The connection, the part of a message that has come, and what could not be sent yet.
pub struct Wire {
    stream: TcpStream,
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    connected: bool,
}

impl Wire {
    /// Takes the stream over, to be told of by `token`. One that is still being connected sends once it is.
    pub fn new(mut stream: TcpStream, registry: &Registry, token: Token) -> io::Result<Self> {
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, inbox: Vec::new(), outbox: Vec::new(), connected: false })
    }

    /// Sends bytes: what the kernel does not take goes when there is room.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.outbox.extend_from_slice(bytes);
        self.flush()
    }

    /// The kernel says that there is room.
    pub fn writable(&mut self) -> io::Result<()> {
        if !self.connected {
            if let Some(error) = self.stream.take_error()? {
                return Err(error);
            }
            self.stream.set_nodelay(true)?;
            self.connected = true;
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while self.connected && sent < self.outbox.len() {
            match self.stream.write(self.outbox.get(sent..).unwrap_or_default()) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(length) => sent += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.outbox.drain(..sent);
        Ok(())
    }

    /// Hands all messages that have come to `take`; `false` at the end of the stream.
    pub fn drain(
        &mut self,
        room: &mut [u8],
        mut take: impl FnMut(Message<'_>) -> io::Result<()>,
    ) -> io::Result<bool> {
        let open = self.fill(room)?;
        let mut rest = self.inbox.as_slice();
        while let Some(message) = Message::first(rest)? {
            rest = rest.get(message.bytes.len()..).unwrap_or_default();
            take(message)?;
        }
        let read = self.inbox.len() - rest.len();
        self.inbox.drain(..read);
        Ok(open)
    }

    /// Reads until nothing is left: the kernel tells of what comes only once.
    fn fill(&mut self, room: &mut [u8]) -> io::Result<bool> {
        loop {
            match self.stream.read(room) {
                Ok(0) => return Ok(false),
                Ok(length) => self.inbox.extend_from_slice(room.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::NotConnected && !self.connected => {
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
