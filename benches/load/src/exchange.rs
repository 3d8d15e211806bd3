//! The venue for thousands of sessions at once, in one thread.

use crate::desk::Desk;
use crate::fix::invalid;
use crate::wire::{ROOM, Wire};
use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use std::collections::HashMap;
use std::io::{self, Write};
use std::net::Ipv4Addr;

const LISTENER: Token = Token(0);
const EVENTS: usize = 1024;

/// Listens on a free port of loopback, says which, and serves until it is ended.
pub fn serve() -> io::Result<()> {
    let poll = Poll::new()?;
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0).into())?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    let mut floor = Floor { poll, seats: HashMap::new(), last: LISTENER, room: vec![0; ROOM] };
    let mut events = Events::with_capacity(EVENTS);
    loop {
        match floor.poll.poll(&mut events, None) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            polled => polled?,
        }
        for event in &events {
            match event.token() {
                LISTENER => floor.admit(&listener)?,
                token => floor.serve(token, event.is_writable()),
            }
        }
    }
}

/// All that are connected.
struct Floor {
    poll: Poll,
    seats: HashMap<Token, Seat>,
    last: Token,
    room: Vec<u8>,
}

impl Floor {
    fn admit(&mut self, listener: &TcpListener) -> io::Result<()> {
        loop {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            self.last = Token(self.last.0 + 1);
            let wire = Wire::new(stream, self.poll.registry(), self.last)?;
            self.seats.insert(self.last, Seat { wire, desk: None });
        }
    }

    /// What goes wrong in one session is its client's to notice.
    fn serve(&mut self, token: Token, writable: bool) {
        let Some(seat) = self.seats.get_mut(&token) else { return };
        let stays = seat.serve(writable, &mut self.room).unwrap_or_else(|error| {
            eprintln!("bench_load: exchange: {error}");
            false
        });
        if !stays {
            self.seats.remove(&token);
        }
    }
}

/// One connection; the desk is there from the Logon on.
struct Seat {
    wire: Wire,
    desk: Option<Desk>,
}

impl Seat {
    /// Answers what has come; `false` when the session is over.
    fn serve(&mut self, writable: bool, room: &mut [u8]) -> io::Result<bool> {
        if writable {
            self.wire.writable()?;
        }
        let desk = &mut self.desk;
        let open = self.wire.drain(room, |message| match desk {
            Some(desk) => desk.take(message),
            None => Desk::open(message).map(|opened| *desk = Some(opened)),
        })?;
        let Some(desk) = desk else { return Ok(open) };
        if !desk.out.is_empty() {
            self.wire.send(&desk.out)?;
            desk.out.clear();
        }
        match (open, desk.over) {
            (false, false) => Err(invalid("a client left without a Logout")),
            (open, _) => Ok(open),
        }
    }
}
