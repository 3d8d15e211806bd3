//! The venue: answers the Logon, then counts messages or answers each, as the Logon's TargetSubID (57) says.
//!
//! MsgSeqNum (34) must count up from the Logon's, whatever the purpose, so that nothing can be lost or doubled unseen.

use crate::connection::Connection;
use crate::fix::{self, CLIENT, Message, Purpose, VENUE, invalid};
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// Listens on a free port of loopback, says which, and serves until it is ended.
pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    io::stdout().flush()?;
    for stream in listener.incoming() {
        // What goes wrong in one session is its client's to notice.
        if let Err(error) = session(stream?) {
            eprintln!("bench_load: venue: {error}");
        }
    }
    Ok(())
}

fn session(stream: TcpStream) -> io::Result<()> {
    let mut connection = Connection::new(stream)?;
    let logon = connection.next()?;
    if logon.msg_type != b"A" {
        return Err(invalid("the first message is no Logon"));
    }
    let purpose = Purpose::named(logon.get("57=").unwrap_or_default())?;
    let mut desk = Desk { purpose, expected: logon.seq + 1, orders: 0, seq: 0, out: Vec::new(), over: false };
    desk.say("A", "98=0|108=30|");
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

/// A session as the venue sees it.
struct Desk {
    purpose: Purpose,
    expected: u32,
    orders: u32,
    seq: u32,
    out: Vec<u8>,
    over: bool,
}

impl Desk {
    fn take(&mut self, message: Message<'_>) -> io::Result<()> {
        if message.seq != self.expected {
            return Err(invalid(&format!("MsgSeqNum is {} instead of {}", message.seq, self.expected)));
        }
        self.expected += 1;
        match (message.msg_type, self.purpose) {
            (b"1", _) => self.tell_count(message),
            (b"5", _) => {
                self.say("5", "");
                self.over = true;
            }
            (_, Purpose::Throughput) => self.orders += 1,
            (_, Purpose::Latency) => {
                self.orders += 1;
                self.report(message);
            }
        }
        Ok(())
    }

    /// The Heartbeat that answers a TestRequest also says, in Text (58), how many orders came since the last one.
    fn tell_count(&mut self, request: Message<'_>) {
        let orders = std::mem::take(&mut self.orders);
        self.say("0", &format!("112={}|58={orders}|", request.get("112=").unwrap_or_default()));
    }

    /// An ExecutionReport, which no mapping of the benches names: it passes unasked.
    fn report(&mut self, order: Message<'_>) {
        let id = order.get("11=").unwrap_or_default();
        self.say("8", &format!("37=1|11={id}|17=1|150=0|39=0|55=ACME.N|54=1|151=100|14=0|6=0|"));
    }

    fn say(&mut self, msg_type: &str, body: &str) {
        self.seq += 1;
        fix::write(&mut self.out, msg_type, self.seq, VENUE, CLIENT, body);
    }
}
