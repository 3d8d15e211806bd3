//! A FIX engine that is strict about numbers, and nothing else.
//!
//! It takes the next number or panics, unless a resend that it asked for is on its way. It answers TestRequest with
//! Heartbeat, and ResendRequest with its application messages as replays (43=Y) and GapFills over the rest. Text (58) is the
//! name of an application message; one that ends in `x` is of the kind that is denied.

use crate::support::transcript::long;
use fix_authz_core::command::Direction;
use fix_authz_core::message::Message;
use fix_authz_core::profile::Profile;
use fix_authz_core::tags;
use fix_authz_core::testing::{read, show};
use std::collections::{BTreeMap, BTreeSet};

/// What stands at a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Heartbeat and the like, or a GapFill over it.
    Session,
    /// A reject of the gateway's: RefSeqNum (45).
    Reject(u64),
    /// An application message: its type and name.
    Trade { msg_type: String, name: String },
}

/// One side.
pub struct Engine {
    from: Direction,
    /// Bytes on their way out.
    pub pipe: Vec<u8>,
    /// Next number out.
    pub next: u64,
    /// Next number in.
    pub expected: u64,
    /// What was sent, by number.
    pub sent: BTreeMap<u64, Content>,
    /// What was taken, by number.
    pub taken: BTreeMap<u64, Content>,
    pub logged_on: bool,
    /// Up to here a resend was asked for.
    gap_to: Option<u64>,
    /// The rejects that were received: RefSeqNum (45).
    pub rejects: Vec<u64>,
    /// The answers to renewals that were received: UserRequestID (923).
    pub answers: Vec<String>,
    /// Numbers that the end of a session took from what was sent, for good.
    pub lost: BTreeSet<u64>,
}

impl Engine {
    pub fn new(from: Direction) -> Self {
        Self {
            from,
            pipe: Vec::new(),
            next: 1,
            expected: 1,
            sent: BTreeMap::new(),
            taken: BTreeMap::new(),
            logged_on: false,
            gap_to: None,
            rejects: Vec::new(),
            answers: Vec::new(),
            lost: BTreeSet::new(),
        }
    }

    pub fn is_client(&self) -> bool {
        self.from == Direction::Inbound
    }

    pub fn is_settled(&self) -> bool {
        self.logged_on && self.gap_to.is_none() && self.pipe.is_empty()
    }

    pub fn hang_up(&mut self) {
        self.pipe.clear();
        self.logged_on = false;
        self.gap_to = None;
    }

    pub fn log_on(&mut self) {
        self.say("A", "98=0|108=30|554=s3cret|", Content::Session);
    }

    pub fn trade(&mut self, msg_type: &str, name: &str) {
        let content = Content::Trade { msg_type: msg_type.to_owned(), name: name.to_owned() };
        self.say(msg_type, &body(msg_type, name), content);
    }

    pub fn test(&mut self) {
        self.say("1", "112=hello|", Content::Session);
    }

    /// Says that it is there.
    pub fn beat(&mut self) {
        self.say("0", "", Content::Session);
    }

    /// Asks again for numbers that it has had.
    pub fn ask_again(&mut self, back: u64, count: u64) {
        let begin = self.expected.saturating_sub(back).max(1);
        let end = if count == 0 { 0 } else { (begin + count - 1).min(self.expected.saturating_sub(1)) };
        if self.expected > 1 {
            self.say("2", &format!("7={begin}|16={end}|"), Content::Session);
        }
    }

    fn say(&mut self, msg_type: &str, body: &str, content: Content) {
        let seq = self.next;
        self.next += 1;
        self.sent.insert(seq, content);
        self.pipe.extend(long(self.from, "FIX.4.4", &format!("{msg_type} {seq} {body}")));
    }

    /// Takes a message; `false` when it hangs up on it.
    pub fn hear(&mut self, bytes: &[u8]) -> bool {
        let mut fields = Vec::new();
        let message = read(bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
        match message.msg_type.as_bytes() {
            b"A" => self.hear_logon(&message),
            // A refused Logon is answered outside of the numbers.
            b"5" if !self.logged_on => return false,
            _ => assert!(self.logged_on, "before the Logon: {}", show(bytes)),
        }
        if message.msg_type.as_bytes() != b"A" {
            self.hear_in_turn(&message);
        }
        if message.msg_type.as_bytes() == b"5" {
            if self.from == Direction::Outbound {
                self.say("5", "", Content::Session);
            }
            return self.from == Direction::Outbound;
        }
        true
    }

    fn hear_logon(&mut self, logon: &Message<'_>) {
        self.logged_on = true;
        if self.from == Direction::Outbound {
            self.say("A", "98=0|108=30|", Content::Session);
        }
        assert!(logon.seq >= self.expected, "a Logon with a number that was used");
        if logon.seq == self.expected {
            self.take(logon);
        } else {
            self.say("2", &format!("7={}|16=0|", self.expected), Content::Session);
            self.gap_to = Some(logon.seq);
        }
    }

    fn hear_in_turn(&mut self, message: &Message<'_>) {
        let resend_request = message.msg_type.as_bytes() == b"2";
        if message.seq > self.expected {
            let gap_to = self.gap_to.unwrap_or_else(|| {
                panic!("a gap: {} came, {} was due: {}", message.seq, self.expected, show(message.bytes))
            });
            self.gap_to = Some(gap_to.max(message.seq));
            // What it asks for cannot wait until the gap is closed, for the other side may wait too.
            if resend_request {
                self.resend(message);
            }
        } else if message.seq < self.expected {
            assert!(message.poss_dup, "a number twice: {}", show(message.bytes));
            self.compare(message);
        } else {
            self.take(message);
            match message.msg_type.as_bytes() {
                b"1" => {
                    let id = show(message.get(tags::TEST_REQ_ID).unwrap());
                    self.say("0", &format!("112={id}|"), Content::Session);
                }
                b"2" => self.resend(message),
                b"BF" => self.answers.push(show(message.get(tags::USER_REQUEST_ID).unwrap())),
                b"j" => self.rejects.push(number(message, tags::REF_SEQ_NUM)),
                _ => {}
            }
        }
        if self.gap_to.is_some_and(|gap_to| self.expected > gap_to) {
            self.gap_to = None;
        }
    }

    /// A replay of what was taken before must be the same.
    fn compare(&self, replay: &Message<'_>) {
        match content(replay) {
            Content::Session if replay.msg_type.as_bytes() == b"4" => {
                for seq in replay.seq..number(replay, tags::NEW_SEQ_NO).min(self.expected) {
                    assert!(!matches!(self.taken[&seq], Content::Reject(_)), "a reject filled: {seq}");
                }
            }
            Content::Session => {}
            content if self.lost.contains(&replay.seq) => drop(content),
            content => assert_eq!(self.taken[&replay.seq], content, "a number with other content"),
        }
    }

    /// The next number.
    fn take(&mut self, message: &Message<'_>) {
        let next = match message.msg_type.as_bytes() {
            b"4" => {
                assert_eq!(message.get(tags::GAP_FILL_FLAG), Some(&b"Y"[..]));
                number(message, tags::NEW_SEQ_NO)
            }
            _ => message.seq + 1,
        };
        assert!(next > message.seq);
        for seq in message.seq..next {
            self.taken.insert(seq, content(message));
        }
        self.expected = next;
    }

    fn resend(&mut self, request: &Message<'_>) {
        let (begin, end) = (number(request, 7), number(request, 16));
        let end = if end == 0 { self.next - 1 } else { end.min(self.next - 1) };
        let mut seq = begin;
        while seq <= end {
            let text = match self.sent[&seq].clone() {
                Content::Trade { msg_type, name } => {
                    seq += 1;
                    format!("{msg_type} {} 43=Y|122=T|{}", seq - 1, body(&msg_type, &name))
                }
                Content::Session | Content::Reject(_) => {
                    let start = seq;
                    while seq <= end && self.sent[&seq] == Content::Session {
                        seq += 1;
                    }
                    format!("4 {start} 43=Y|122=T|123=Y|36={seq}|")
                }
            };
            self.pipe.extend(long(self.from, "FIX.4.4", &text));
        }
    }
}

fn body(msg_type: &str, name: &str) -> String {
    match msg_type {
        "BE" => format!("923={name}|924=1|925=s3cret|"),
        // The policy rests on 167, and the name says which.
        _ => format!("58={name}|167={}|", if name.ends_with('x') { "FUT" } else { "CS" }),
    }
}

fn content(message: &Message<'_>) -> Content {
    match message.msg_type.as_bytes() {
        b"D" | b"B" | b"8" | b"9" => Content::Trade {
            msg_type: message.msg_type.to_string(),
            name: show(message.get(tags::TEXT).unwrap()),
        },
        b"j" => Content::Reject(number(message, tags::REF_SEQ_NUM)),
        _ => Content::Session,
    }
}

fn number(message: &Message<'_>, tag: u32) -> u64 {
    show(message.get(tag).unwrap()).parse().unwrap()
}
