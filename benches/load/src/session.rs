//! The client's end of a session: logs on, measures, logs out.

use crate::connection::Connection;
use crate::fix::{self, CLIENT, FIRST_SEQ, Purpose, VENUE, invalid};
use crate::orders::Orders;
use std::io;
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

/// A session that is logged on.
pub struct Session {
    connection: Connection,
    /// MsgSeqNum (34) of the next message.
    seq: u32,
}

impl Session {
    /// Connects to that port of loopback, and logs on as this desk (50).
    pub fn log_on(port: u16, purpose: Purpose, desk: &str, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let mut session = Self { connection: Connection::new(stream)?, seq: FIRST_SEQ };
        session.say("A", &format!("50={desk}|57={}|98=0|108=30|554={token}|", purpose.name()))?;
        let answer = session.connection.next()?;
        match answer.msg_type {
            b"A" => Ok(session),
            _ => Err(invalid(&format!("logon refused: {}", answer.get("58=").unwrap_or("no reason given")))),
        }
    }

    /// Sends all, as fast as they are taken, and waits until the venue says that it has them.
    pub fn saturate(&mut self, orders: &Orders, question: (&str, &[u8])) -> io::Result<Duration> {
        let started = Instant::now();
        self.connection.send(orders.all())?;
        self.seq += orders.count();
        self.say(question.0, "112=bench|")?;
        let answer = self.connection.next()?;
        let elapsed = started.elapsed();
        match answer.get("58=").and_then(|text| text.parse::<u32>().ok()) {
            Some(arrived) if answer.msg_type == question.1 && arrived == orders.count() => Ok(elapsed),
            _ => Err(invalid(&format!(
                "the venue did not confirm {} orders: {}",
                orders.count(),
                shown(answer.bytes)
            ))),
        }
    }

    /// Sends one at a time and waits for its answer; each round trip is added to `trips`.
    pub fn ping_pong(&mut self, orders: &Orders, trips: &mut Vec<Duration>) -> io::Result<()> {
        for order in orders.each() {
            let started = Instant::now();
            self.connection.send(order)?;
            let answer = self.connection.next()?;
            trips.push(started.elapsed());
            let id = format!("ORDER-{}", self.seq);
            if answer.msg_type != b"8" || answer.get("11=") != Some(&id) {
                return Err(invalid(&format!("no report on {id}: {}", shown(answer.bytes))));
            }
            self.seq += 1;
        }
        Ok(())
    }

    /// Logs out.
    pub fn log_out(mut self) -> io::Result<()> {
        self.say("5", "")?;
        match self.connection.next()?.msg_type {
            b"5" => Ok(()),
            _ => Err(invalid("the Logout was not answered")),
        }
    }

    fn say(&mut self, msg_type: &str, body: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        fix::write(&mut bytes, msg_type, self.seq, CLIENT, VENUE, body);
        self.seq += 1;
        self.connection.send(&bytes)
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\x01', "|")
}
