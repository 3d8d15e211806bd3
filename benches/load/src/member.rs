//! One session of a crowd: what it has said, what it has heard, and when.

use crate::fix::{self, FIRST_SEQ, Message, Purpose, VENUE};
use crate::wire::Wire;
use std::io;
use std::time::{Duration, Instant};

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not begun.
    Waiting,
    /// The Logon is sent.
    LoggingOn,
    /// The first order is sent.
    Ordering,
    /// Logged on.
    Live,
    /// The Logout is sent.
    Leaving,
    /// Logged out, refused or cut off.
    Over,
}

/// What a session does once it is logged on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Nothing.
    Nothing,
    /// It sends an order, and counts as busy until that is answered.
    Order,
}

/// The end of a session.
#[derive(Debug)]
pub struct End {
    /// When it was heard.
    pub at: Instant,
    /// Text (58) of the Logout; none where the connection was cut instead.
    pub text: Option<String>,
}

/// A session.
pub struct Member {
    comp_id: String,
    token: String,
    seq: u32,
    asked: Instant,
    /// Where it stands.
    pub state: State,
    /// Its connection, from beginning to end.
    pub wire: Option<Wire>,
    /// From the beginning of the connection to the answer to its Logon.
    pub logon: Option<Duration>,
    /// From its first order to the report on it.
    pub first: Option<Duration>,
    /// Its end.
    pub end: Option<End>,
}

impl Member {
    /// A session that has not begun.
    pub fn new(comp_id: &str, token: &str) -> Self {
        Self {
            comp_id: comp_id.to_owned(),
            token: token.to_owned(),
            seq: FIRST_SEQ,
            asked: Instant::now(),
            state: State::Waiting,
            wire: None,
            logon: None,
            first: None,
            end: None,
        }
    }

    /// Logs on, over a connection that was begun at `asked`.
    pub fn log_on(&mut self, wire: Wire, asked: Instant) {
        self.wire = Some(wire);
        self.asked = asked;
        self.state = State::LoggingOn;
        let body = format!("57={}|98=0|108=30|554={}|", Purpose::Latency.name(), self.token);
        self.say("A", &body);
    }

    /// Sends an order.
    pub fn order(&mut self) {
        let mut bytes = Vec::with_capacity(fix::ORDER_LENGTH);
        fix::write_order(&mut bytes, "D", self.seq, &self.comp_id);
        self.send(&bytes);
    }

    /// Sends a Heartbeat.
    pub fn heartbeat(&mut self) {
        self.say("0", "");
    }

    /// Sends a Logout.
    pub fn leave(&mut self) {
        self.state = State::Leaving;
        self.say("5", "");
    }

    /// Takes what the kernel tells of its connection.
    pub fn event(&mut self, writable: bool, first: First, room: &mut [u8]) {
        let Some(mut wire) = self.wire.take() else { return };
        let sent = if writable { wire.writable() } else { Ok(()) };
        let mut heard = Vec::new();
        let open = sent.and_then(|()| {
            wire.drain(room, |message| {
                heard.push(Heard::from(&message));
                Ok(())
            })
        });
        self.wire = Some(wire);
        for word in heard {
            self.hear(word, first);
        }
        if self.state != State::Over && !matches!(open, Ok(true)) {
            self.over(None);
        }
    }

    fn hear(&mut self, heard: Heard, first: First) {
        match (heard, self.state) {
            (Heard::Logon, State::LoggingOn) => {
                self.logon = Some(self.asked.elapsed());
                self.state = State::Live;
                if first == First::Order {
                    self.state = State::Ordering;
                    self.asked = Instant::now();
                    self.order();
                }
            }
            (Heard::Report, State::Ordering) => {
                self.first = Some(self.asked.elapsed());
                self.state = State::Live;
            }
            (Heard::Logout(text), _) => self.over(Some(text)),
            _ => {}
        }
    }

    fn over(&mut self, text: Option<String>) {
        self.state = State::Over;
        self.wire = None;
        self.end = Some(End { at: Instant::now(), text });
    }

    fn say(&mut self, msg_type: &str, body: &str) {
        let mut bytes = Vec::new();
        fix::write(&mut bytes, msg_type, self.seq, &self.comp_id, VENUE, body);
        self.send(&bytes);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.seq += 1;
        let sent: io::Result<()> = self.wire.as_mut().map_or(Ok(()), |wire| wire.send(bytes));
        // A Logout may still be there to be read: only the end of what comes is the end.
        let _ = sent;
    }
}

/// A message, as far as a session cares.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Logon,
    Report,
    Logout(String),
    Other,
}

impl Heard {
    fn from(message: &Message<'_>) -> Self {
        match message.msg_type {
            b"A" => Self::Logon,
            b"8" => Self::Report,
            b"5" => Self::Logout(message.get("58=").unwrap_or_default().to_owned()),
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_timed_from_its_logon_through_its_first_order_to_its_end() {
        let mut member = Member::new("A", "t");
        member.state = State::LoggingOn;
        member.hear(Heard::Report, First::Order);
        assert_eq!((member.state, member.first), (State::LoggingOn, None));
        member.hear(Heard::Logon, First::Order);
        assert_eq!(member.state, State::Ordering);
        assert!(member.logon.is_some());
        member.hear(Heard::Report, First::Order);
        assert_eq!(member.state, State::Live);
        assert!(member.first.is_some());
        member.hear(Heard::Logout("stop".to_owned()), First::Order);
        assert_eq!(member.state, State::Over);
        assert_eq!(member.end.unwrap().text.as_deref(), Some("stop"));
    }

    #[test]
    fn a_refused_logon_is_an_end_and_no_logon() {
        let mut member = Member::new("A", "t");
        member.state = State::LoggingOn;
        member.hear(Heard::Logout("no".to_owned()), First::Nothing);
        assert_eq!((member.state, member.logon), (State::Over, None));
    }

    #[test]
    fn the_words_of_a_logout_are_read() {
        let mut bytes = Vec::new();
        fix::write(&mut bytes, "5", 2, VENUE, "A", "58=halted|");
        assert_eq!(
            Heard::from(&Message::first(&bytes).unwrap().unwrap()),
            Heard::Logout("halted".to_owned())
        );
    }
}
