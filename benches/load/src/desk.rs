//! The venue's end of a session: answers the Logon, then counts messages or answers each, as the Logon's TargetSubID
//! (57) says.
//!
//! MsgSeqNum (34) must count up from the Logon's, whatever the purpose, so that nothing can be lost or doubled unseen.

use crate::fix::{self, Message, Purpose, VENUE, invalid};
use std::io;

/// A session as the venue sees it.
pub struct Desk {
    client: String,
    purpose: Purpose,
    expected: u32,
    orders: u32,
    seq: u32,
    /// What is to be sent.
    pub out: Vec<u8>,
    /// The Logout is answered.
    pub over: bool,
}

impl Desk {
    /// The desk of the session that begins with this message.
    pub fn open(logon: Message<'_>) -> io::Result<Self> {
        if logon.msg_type != b"A" {
            return Err(invalid("the first message is no Logon"));
        }
        let mut desk = Self {
            client: logon.get("49=").unwrap_or_default().to_owned(),
            purpose: Purpose::named(logon.get("57=").unwrap_or_default())?,
            expected: logon.seq + 1,
            orders: 0,
            seq: 0,
            out: Vec::new(),
            over: false,
        };
        desk.say("A", "98=0|108=30|");
        Ok(desk)
    }

    /// Takes the next message.
    pub fn take(&mut self, message: Message<'_>) -> io::Result<()> {
        if message.seq != self.expected {
            return Err(invalid(&format!("MsgSeqNum is {} instead of {}", message.seq, self.expected)));
        }
        self.expected += 1;
        match (message.msg_type, self.purpose) {
            (b"0", _) => {}
            (b"1", _) => self.tell_count(message, "0"),
            (b"UC", _) => self.tell_count(message, "UD"),
            (b"5", _) => {
                self.say("5", "");
                self.over = true;
            }
            (_, Purpose::Throughput | Purpose::Bridged) => self.orders += 1,
            (_, Purpose::Latency) => {
                self.orders += 1;
                self.report(message);
            }
        }
        Ok(())
    }

    /// The answer to a TestRequest (or its stand-in) also says, in Text (58), how many orders came since the last one.
    fn tell_count(&mut self, request: Message<'_>, answer: &str) {
        let orders = std::mem::take(&mut self.orders);
        self.say(answer, &format!("112={}|58={orders}|", request.get("112=").unwrap_or_default()));
    }

    /// An ExecutionReport, which no mapping of the benches names: it passes unasked.
    fn report(&mut self, order: Message<'_>) {
        let id = order.get("11=").unwrap_or_default();
        self.say("8", &format!("37=1|11={id}|17=1|150=0|39=0|55=ACME.N|54=1|151=100|14=0|6=0|"));
    }

    fn say(&mut self, msg_type: &str, body: &str) {
        self.seq += 1;
        fix::write(&mut self.out, msg_type, self.seq, VENUE, &self.client, body);
    }
}
