//! Several messages in one Check, where the service offers to judge them so.
//!
//! Each costs a call less than one by one. Only what came together is asked about together, so nobody waits for company; a
//! lone message is asked about as ever. All messages of a Check are alike in what its headers say, but for MsgType (35),
//! MsgSeqNum (34) and PossDupFlag (43), which stand before the body fields of each. 35 is in no body, so the cut is clear.
//!
//! Invariant: an answer that does not count them allows none.

use super::request::{self, Envelope, Event, IDENTIFIERS};
use super::response;
use super::wire::{CheckRequest, HttpRequest};
use crate::command::Direction;
use crate::decision::{Decision, Terms};
use crate::failure::Failure;
use crate::message::Message;
use crate::msg_type::MsgType;

/// Bytes of body fields beyond which a Check takes no further message: far below what gRPC servers take.
const MAX_BODY: usize = 65_536;

/// Messages of one session and direction, about which one Check asks.
#[derive(Debug)]
pub struct Batch {
    http: HttpRequest,
    first: (MsgType, u32, bool),
    count: usize,
}

impl Batch {
    /// A Check about `message`.
    pub fn begin(envelope: Envelope<'_>, direction: Direction, message: &Message<'_>, terms: &Terms) -> Self {
        let http = request::http(envelope, Event::Message, direction, message, terms);
        Self { http, first: (message.msg_type, message.seq, message.poss_dup), count: 1 }
    }

    /// Whether `message` may be asked about with the others, up to `most` of them.
    pub fn takes(&self, message: &Message<'_>, most: usize) -> bool {
        let alike = |(tag, name): &(u32, &str)| {
            self.http.headers.get(*name).map(String::as_bytes) == message.get(*tag)
        };
        self.count < most
            && self.http.raw_body.len() + message.bytes.len() <= MAX_BODY
            && self.http.protocol == message.version.as_str()
            && IDENTIFIERS.iter().all(alike)
    }

    /// Asks about `message`, too.
    pub fn add(&mut self, envelope: Envelope<'_>, message: &Message<'_>, terms: &Terms) {
        let to = &mut self.http.raw_body;
        if self.count == 1 {
            let body = std::mem::take(to);
            write_head(self.first, to);
            to.extend_from_slice(&body);
        }
        write_head((message.msg_type, message.seq, message.poss_dup), to);
        request::write_body(envelope, message, terms, to);
        self.count += 1;
    }

    /// The Check: about one message, as it has always been; about several, with their number.
    pub fn request(mut self, envelope: Envelope<'_>) -> CheckRequest {
        if self.count > 1 {
            self.http.headers.insert("x-fix-batch".into(), self.count.to_string());
        }
        request::assemble(envelope, self.http)
    }
}

fn write_head((msg_type, seq, poss_dup): (MsgType, u32, bool), to: &mut Vec<u8>) {
    to.extend_from_slice(format!("35={msg_type}\x0134={seq}\x01").as_bytes());
    if poss_dup {
        to.extend_from_slice(b"43=Y\x01");
    }
}

/// What an answer says of the messages that its Check was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdicts {
    /// All are allowed.
    Allowed,
    /// So many are allowed, and the one behind them is not; those behind that are not judged.
    Until(usize, Decision),
    /// None is allowed.
    Denied(Decision),
}

/// Reads the body of an answer about `count` messages.
///
/// # Errors
/// As of an answer about one; and where what it allows is not the number that it must be.
pub fn verdicts(body: &[u8], count: usize) -> Result<Verdicts, Failure> {
    match response::counted(body)? {
        (Decision::Forward(_), Some(allowed)) if allowed == count => Ok(Verdicts::Allowed),
        // From a service that knows nothing of the others, for one.
        (Decision::Forward(_), _) => Err(Failure::Contradictory),
        (denied, None) => Ok(Verdicts::Denied(denied)),
        (denied, Some(allowed)) if allowed < count => Ok(Verdicts::Until(allowed, denied)),
        (_, Some(_)) => Err(Failure::Contradictory),
    }
}
