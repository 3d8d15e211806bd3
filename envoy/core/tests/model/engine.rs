//! A FIX engine that is strict about numbers and ids, and nothing else.
//!
//! It takes the next number or panics, unless a resend that it asked for is on its way. It answers TestRequest with
//! Heartbeat, and ResendRequest with its application messages as replays (43=Y) and GapFills over the rest. Text (58) is the
//! name of an application message; one that ends in `x` is of the kind that is denied.
//!
//! An application makes it send messages with a bad field, which it keeps and sends again like any other. On its way a message
//! may become garbled bytes: the other engine then sees a gap, and asks for the message again. A Logon with 141=Y begins both
//! engines' numbers anew.
//!
//! SubIDs (50, 57) are a part of the session: each message has them, and no message with others is taken. Some messages of the kind that is
//! denied have the id of a third party besides, which no message of the session layer has.

use crate::mishap::{Bad, Garbled};
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
    /// A message with a bad field, which the other side never sees.
    Bad(Bad),
    /// An application message: its type and name.
    Trade { msg_type: String, name: String },
}

impl Content {
    /// It is not sent again: a GapFill takes its place.
    fn is_administrative(&self) -> bool {
        match self {
            Self::Session | Self::Reject(_) => true,
            Self::Bad(bad) => bad.is_administrative(),
            Self::Trade { .. } => false,
        }
    }
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
    /// The number that the session began with.
    first: u64,
    /// Its Logon with 141=Y has not been answered yet.
    pub begins_anew: bool,
    /// Its answer to such a Logon brings a token.
    pub answers_with_token: bool,
    /// Numbers of the other side's that were lost as garbled bytes.
    pub missing: BTreeSet<u64>,
    /// The rejects that were received (35=j): RefSeqNum (45).
    pub rejects: Vec<u64>,
    /// The session Rejects that were received (35=3): RefSeqNum (45).
    pub session_rejects: Vec<u64>,
    /// The answers to renewals that were received: UserRequestID (923).
    pub answers: Vec<String>,
    /// Numbers that the end of a session took from what was sent, for good.
    pub lost: BTreeSet<u64>,
}

impl Engine {
    /// An engine whose first number is `first`.
    pub fn new(from: Direction, first: u64) -> Self {
        Self {
            from,
            pipe: Vec::new(),
            next: first,
            expected: first,
            sent: BTreeMap::new(),
            taken: BTreeMap::new(),
            logged_on: false,
            gap_to: None,
            first,
            begins_anew: false,
            answers_with_token: false,
            missing: BTreeSet::new(),
            rejects: Vec::new(),
            session_rejects: Vec::new(),
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

    /// Logs on. A Logon with 141=Y that was not answered is sent again.
    pub fn log_on(&mut self) {
        if self.begins_anew {
            return self.begin_anew(true);
        }
        self.say("A", "98=0|108=30|554=s3cret|", Content::Session);
    }

    /// Begins the numbers anew, and says so with a Logon.
    pub fn begin_anew(&mut self, with_token: bool) {
        self.forget();
        self.begins_anew = true;
        self.say_anew(with_token);
    }

    fn say_anew(&mut self, with_token: bool) {
        let token = if with_token { "554=s3cret|" } else { "" };
        self.say("A", &format!("98=0|108=30|141=Y|{token}"), Content::Session);
    }

    /// Forgets all that counts by its numbers.
    fn forget(&mut self) {
        (self.first, self.next, self.expected, self.gap_to) = (1, 1, 1, None);
        (self.sent, self.taken) = (BTreeMap::new(), BTreeMap::new());
        self.lost.clear();
        (self.rejects, self.session_rejects, self.answers) = (Vec::new(), Vec::new(), Vec::new());
    }

    /// Sends a message with a bad field.
    pub fn misspeak(&mut self, bad: Bad) {
        self.say(bad.msg_type(), bad.body(), Content::Bad(bad));
    }

    /// Sends a message that becomes garbled on its way. Returns the numbers that are lost.
    pub fn garble(&mut self, msg_type: &str, name: &str, garbled: Garbled) -> Vec<u64> {
        let whole = self.pipe.len();
        self.trade(msg_type, name);
        let bytes = self.pipe.split_off(whole);
        self.pipe.extend(garbled.of(&bytes));
        let mut lost = vec![self.next - 1];
        if garbled.takes_the_next() {
            self.say("0", "", Content::Session);
            lost.push(self.next - 1);
        }
        lost
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
        let begin = self.expected.saturating_sub(back).max(self.first);
        let end = if count == 0 { 0 } else { (begin + count - 1).min(self.expected.saturating_sub(1)) };
        if self.expected > self.first {
            self.say("2", &format!("7={begin}|16={end}|"), Content::Session);
        }
    }

    fn say(&mut self, msg_type: &str, body: &str, content: Content) {
        let seq = self.next;
        self.next += 1;
        self.sent.insert(seq, content);
        self.write(msg_type, seq, body);
    }

    fn write(&mut self, msg_type: &str, seq: u64, body: &str) {
        let (sender, target) = self.sub_ids();
        let ids = format!("50={sender}|57={target}|");
        self.pipe.extend(long(self.from, "FIX.4.4", &format!("{msg_type} {seq} {ids}{body}")));
    }

    /// The SubIDs of this side and of the other.
    fn sub_ids(&self) -> (&'static str, &'static str) {
        if self.is_client() { ("desk", "X") } else { ("X", "desk") }
    }

    /// A message has the ids of the session. Who sent a message for a third party gets its reject with that one's id.
    fn check_ids(&self, message: &Message<'_>) {
        let (own, other) = self.sub_ids();
        let sub_ids = (message.get(tags::SENDER_SUB_ID), message.get(tags::TARGET_SUB_ID));
        assert_eq!(sub_ids, (Some(other.as_bytes()), Some(own.as_bytes())), "{}", show(message.bytes));
        let third =
            [tags::ON_BEHALF_OF_COMP_ID, tags::DELIVER_TO_COMP_ID].map(|tag| message.get(tag).map(show));
        match content(message) {
            Content::Trade { name, .. } => assert_eq!(third, [third_party(&name).map(str::to_owned), None]),
            Content::Reject(seq) => {
                let party = match self.sent.get(&seq) {
                    Some(Content::Trade { name, .. }) => third_party(name),
                    _ => None,
                };
                assert_eq!(third, [None, party.map(str::to_owned)], "{}", show(message.bytes));
            }
            Content::Session | Content::Bad(_) => assert_eq!(third, [None, None], "{}", show(message.bytes)),
        }
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
        self.check_ids(&message);
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
        let was_logged_on = std::mem::replace(&mut self.logged_on, true);
        if logon.get(tags::RESET_SEQ_NUM_FLAG) == Some(b"Y") {
            return self.hear_anew(logon);
        }
        assert!(!was_logged_on && !self.begins_anew, "a second Logon without 141=Y");
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

    /// The other side begins the numbers anew, or answers a Logon that does.
    fn hear_anew(&mut self, logon: &Message<'_>) {
        assert_eq!(logon.seq, 1, "a Logon with 141=Y has number 1");
        if !std::mem::take(&mut self.begins_anew) {
            self.forget();
            self.say_anew(self.answers_with_token);
        }
        assert_eq!(self.expected, 1);
        self.take(logon);
    }

    fn hear_in_turn(&mut self, message: &Message<'_>) {
        let resend_request = message.msg_type.as_bytes() == b"2";
        if message.seq > self.expected {
            if self.gap_to.is_none() {
                let expected = self.expected;
                let is_known = self.missing.contains(&expected);
                assert!(is_known, "a gap: {expected} was due: {}", show(message.bytes));
                self.say("2", &format!("7={expected}|16=0|"), Content::Session);
            }
            self.gap_to = self.gap_to.max(Some(message.seq));
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
                b"3" => self.session_rejects.push(number(message, tags::REF_SEQ_NUM)),
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
            let (msg_type, at, body) = match self.sent[&seq].clone() {
                Content::Trade { msg_type, name } => {
                    seq += 1;
                    let body = format!("43=Y|122=T|{}", body(&msg_type, &name));
                    (msg_type, seq - 1, body)
                }
                Content::Bad(bad) if !bad.is_administrative() => {
                    seq += 1;
                    (bad.msg_type().to_owned(), seq - 1, format!("43=Y|122=T|{}", bad.body()))
                }
                Content::Session | Content::Reject(_) | Content::Bad(_) => {
                    let start = seq;
                    while seq <= end && self.sent[&seq].is_administrative() {
                        seq += 1;
                    }
                    ("4".to_owned(), start, format!("43=Y|122=T|123=Y|36={seq}|"))
                }
            };
            self.write(&msg_type, at, &body);
        }
    }
}

fn body(msg_type: &str, name: &str) -> String {
    match msg_type {
        "BE" => format!("923={name}|924=1|925=s3cret|"),
        // The policy rests on 167, and the name says which.
        _ => {
            let third = third_party(name).map_or(String::new(), |party| format!("115={party}|"));
            format!("{third}58={name}|167={}|", if name.ends_with('x') { "FUT" } else { "CS" })
        }
    }
}

/// On behalf of whom the message of this name is sent. No message of a type that is not asked about is sent for anybody, for it would be
/// asked about then.
fn third_party(name: &str) -> Option<&'static str> {
    let number: usize = name.bytes().filter(u8::is_ascii_digit).map(usize::from).sum();
    (name.starts_with(['D', '8']) && name.ends_with('x') && number % 2 == 1).then_some("OTHER")
}

fn content(message: &Message<'_>) -> Content {
    match message.msg_type.as_bytes() {
        b"D" | b"B" | b"8" | b"9" => Content::Trade {
            msg_type: message.msg_type.to_string(),
            name: show(message.get(tags::TEXT).unwrap()),
        },
        b"j" | b"3" => Content::Reject(number(message, tags::REF_SEQ_NUM)),
        _ => Content::Session,
    }
}

fn number(message: &Message<'_>, tag: u32) -> u64 {
    show(message.get(tag).unwrap()).parse().unwrap()
}
