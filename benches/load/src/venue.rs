//! The venue for a few sessions at once, each as fast as it can be.

use crate::connection::Connection;
use crate::desk::Desk;
use crate::fix::invalid;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;

/// Listens on a free port of loopback, says which, and serves until it is ended.
pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    admit(&listener)
}

/// Serves all that come, each in a thread, which sleeps while nothing comes: where sessions take turns, none is in
/// another's way.
pub fn admit(listener: &TcpListener) -> io::Result<()> {
    for stream in listener.incoming() {
        let stream = stream?;
        thread::Builder::new().spawn(|| {
            // What goes wrong in one session is its client's to notice.
            if let Err(error) = session(stream) {
                eprintln!("bench_load: venue: {error}");
            }
        })?;
    }
    Ok(())
}

fn session(stream: TcpStream) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    let mut desk = Desk::open(connection.next()?)?;
    connection.send(&desk.out)?;
    while !desk.over {
        desk.out.clear();
        if !connection.drain(|message| desk.take(message))? {
            return Err(invalid("the client left without a Logout"));
        }
        if !desk.out.is_empty() {
            connection.send(&desk.out)?;
        }
    }
    Ok(())
}
