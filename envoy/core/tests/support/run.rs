//! Any sequence of operations on a session, and the law that must hold whatever they are.
//!
//! The oracle reads both streams by itself: the n-th message that leaves a direction stands for the n-th that came in, with
//! the same MsgSeqNum (34), and is either the same bytes, allowed, or a substitute, denied.

use super::driver::{Driver, Effect};
use super::service::{Asked, Verdict};
use fix_authz_core::command::Direction;
use fix_authz_core::frame::{Frame, SOH, check_sum, next_frame};
use fix_authz_core::message::{Message, parse};
use fix_authz_core::profile::Profile;
use fix_authz_core::testing::show;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;

/// Limits small enough to be met.
const SETTINGS: &str = r#""limits":{"max_checks_in_flight":4,"max_queued_bytes":1024,"max_pending_rejects":3,
    "max_message_bytes":1024,"max_fields":48}"#;
const MAX_CHECKS: usize = 4;
const MAX_MESSAGE: usize = 1024;
const MAX_FIELDS: usize = 48;

const GUARDED: [&str; 2] = ["8", "AE"];
const EXEMPT: &str = "B";
const RISK_REDUCING: [&str; 2] = ["F", "q"];

/// The terms of every allowed Logon.
fn terms() -> Verdict {
    Verdict::parse("allow guard-outbound=8,AE exempt=B risk-reducing=F,q want-tags=11,167")
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    Bytes(Direction, Vec<u8>),
    End(Direction),
    /// The n-th Check that is out, modulo their number, is answered.
    Answer(usize, Verdict),
    /// The venue answers the n-th TestRequest it got, with this MsgSeqNum.
    Heartbeat(usize, u32),
    After(u64),
}

/// What came of one operation.
#[derive(Clone, PartialEq)]
pub struct Outcome {
    effects: Vec<Effect>,
    /// The client's bytes are wanted; of no account once the session is over.
    reading: bool,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "reading: {}", self.reading)?;
        self.effects.iter().try_for_each(|effect| match effect {
            Effect::Sent(direction, bytes) => writeln!(f, "  {} {}", direction.as_str(), show(bytes)),
            Effect::Asked(asked) => writeln!(f, "  {} {:?}", asked.id, asked.http.headers),
            other => writeln!(f, "  {other:?}"),
        })
    }
}

/// Bytes outside the session that it does not take yet, and all that it took and sent.
#[derive(Default)]
struct Side {
    held: VecDeque<(Vec<u8>, bool)>,
    taken: Vec<u8>,
    sent: Vec<u8>,
    /// It has said its end, so nothing follows.
    ended: bool,
    /// How often its end was passed on.
    ends: usize,
}

/// A session, what it was told and what it did.
pub struct Run {
    driver: Driver,
    inbound: Side,
    outbound: Side,
    asked: Vec<(Asked, Option<Verdict>)>,
    reading: bool,
}

impl Default for Run {
    fn default() -> Self {
        let mut driver = Driver::new(SETTINGS);
        driver.take();
        Self { driver, inbound: Side::default(), outbound: Side::default(), asked: Vec::new(), reading: true }
    }
}

impl Run {
    /// Plays all of `ops`; `cut` says how many of the bytes at hand come next.
    pub fn play(ops: &[Op], mut cut: impl FnMut(usize) -> usize) -> (Self, Vec<Outcome>) {
        let mut run = Self::default();
        let outcomes = ops.iter().map(|op| run.step(op, &mut cut)).collect();
        (run, outcomes)
    }

    /// A violation was reported, or the connection is closed.
    fn is_over(&self) -> bool {
        let violation = |asked: &Asked| asked.header("x-fix-report") == Some("violation");
        self.driver.is_closed() || self.asked.iter().any(|(asked, _)| violation(asked))
    }

    pub fn counts(&self) -> HashMap<&'static str, u32> {
        self.driver.counts()
    }

    fn side(&mut self, direction: Direction) -> &mut Side {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }

    fn step(&mut self, op: &Op, cut: &mut impl FnMut(usize) -> usize) -> Outcome {
        let mut effects = Vec::new();
        match op {
            Op::Bytes(direction, bytes) => self.hold(*direction, bytes, cut),
            Op::End(direction) => {
                let side = self.side(*direction);
                if !std::mem::replace(&mut side.ended, true) {
                    side.held.push_back((Vec::new(), true));
                }
            }
            Op::Heartbeat(nth, seq) => {
                if let Some(message) = self.heartbeat(*nth, *seq) {
                    self.hold(Direction::Outbound, &message, cut);
                }
            }
            Op::Answer(nth, verdict) => self.answer(*nth, verdict),
            Op::After(millis) => self.driver.after(*millis),
        }
        self.note(&mut effects);
        self.pump(&mut effects);
        Outcome { effects: merge(effects), reading: self.reading || self.is_over() }
    }

    fn hold(&mut self, direction: Direction, mut bytes: &[u8], cut: &mut impl FnMut(usize) -> usize) {
        while !bytes.is_empty() && !self.side(direction).ended {
            let (piece, rest) = bytes.split_at(cut(bytes.len()).clamp(1, bytes.len()));
            self.side(direction).held.push_back((piece.to_vec(), false));
            bytes = rest;
        }
    }

    /// Hands in what the session takes. The client's bytes go first, as the session's own unread ones do.
    fn pump(&mut self, effects: &mut Vec<Effect>) {
        loop {
            let direction = if self.reading && !self.inbound.held.is_empty() {
                Direction::Inbound
            } else if self.driver.takes_outbound() && !self.outbound.held.is_empty() {
                Direction::Outbound
            } else {
                return;
            };
            let side = self.side(direction);
            let (bytes, end) = side.held.pop_front().unwrap();
            side.taken.extend_from_slice(&bytes);
            self.driver.receive(direction, &bytes, end);
            self.note(effects);
        }
    }

    fn answer(&mut self, nth: usize, verdict: &Verdict) {
        let out: Vec<usize> = (0..self.asked.len()).filter(|index| self.asked[*index].1.is_none()).collect();
        if out.is_empty() {
            return;
        }
        let (asked, answered) = &mut self.asked[out[nth % out.len()]];
        let logon = asked.event() == "logon";
        let verdict = if logon && matches!(verdict, Verdict::Allow(_)) { terms() } else { verdict.clone() };
        *answered = Some(verdict.clone());
        let id = asked.id;
        self.driver.answer(id, &verdict);
    }

    fn heartbeat(&self, nth: usize, seq: u32) -> Option<Vec<u8>> {
        let requests: Vec<Vec<u8>> = read_all(&self.inbound.sent)
            .into_iter()
            .filter(|read| read.msg_type == "1")
            .filter_map(|read| read.value(112))
            .collect();
        let id = requests.get(nth % requests.len().max(1))?;
        Some(framed(format!("35=0\x0134={seq}\x0149=VENUE\x0156=ALGO\x01112={}\x01", show(id)).as_bytes()))
    }

    fn note(&mut self, effects: &mut Vec<Effect>) {
        for effect in self.driver.take() {
            match &effect {
                Effect::Sent(direction, bytes) => self.side(*direction).sent.extend_from_slice(bytes),
                Effect::Ended(direction) => self.side(*direction).ends += 1,
                Effect::Asked(asked) => self.asked.push((asked.clone(), None)),
                Effect::ReadsPaused => self.reading = false,
                Effect::ReadsResumed => self.reading = true,
                Effect::TickIn(_) | Effect::Closed(_) | Effect::Logged(_) => {}
            }
            if !matches!(effect, Effect::ReadsPaused | Effect::ReadsResumed) {
                effects.push(effect);
            }
        }
        self.assert_bounded();
    }

    fn assert_bounded(&self) {
        for inbound in [true, false] {
            let out = self.asked.iter().filter(|(asked, verdict)| {
                verdict.is_none() && asked.event() == "message" && asked.is_inbound() == inbound
            });
            // After a violation the Checks that are out are forgotten, and count no more.
            assert!(out.count() <= MAX_CHECKS, "more Checks are out than the limit");
        }
    }

    /// Holds all that went out against all that came in.
    pub fn assert_lawful(&self) {
        assert!(self.inbound.ends <= 1 && self.outbound.ends <= 1, "an end was passed on twice");
        let echoes = self.assert_upstream();
        self.assert_downstream(&echoes);
    }

    /// The decisions on this direction's messages, in order.
    fn verdicts(&self, inbound: bool) -> VecDeque<(&Asked, Option<&Verdict>)> {
        let asked = self.asked.iter().filter(|(asked, _)| asked.event() != "report");
        asked
            .filter(|(asked, _)| asked.is_inbound() == inbound)
            .map(|(asked, verdict)| (asked, verdict.as_ref()))
            .collect()
    }

    /// The TestReqIDs of the substituted TestRequests.
    fn assert_upstream(&self) -> HashSet<Vec<u8>> {
        let (came, sent) = (read_all(&self.inbound.taken), whole(&self.inbound.sent));
        let mut verdicts = self.verdicts(true);
        let mut echoes = HashSet::new();
        let mut ended = false;
        assert!(sent.len() <= came.len(), "more messages at the venue than the client sent");
        for (nth, (sent, came)) in sent.iter().zip(&came).enumerate() {
            assert!(!ended, "a message behind the Logout");
            assert_eq!((sent.seq, &sent.sender, &sent.target), (came.seq, &came.sender, &came.target));
            let asked = nth == 0 || !(is_session_level(&came.msg_type) || came.msg_type == EXEMPT);
            if !asked {
                assert_eq!(show(&sent.bytes), show(&came.bytes), "altered, unasked");
                continue;
            }
            let (asked, verdict) = verdicts.pop_front().unwrap();
            assert_eq!((asked.seq(), asked.msg_type()), (came.seq, came.msg_type.as_str()));
            let softened = nth > 0 && RISK_REDUCING.contains(&came.msg_type.as_str());
            match verdict {
                None => panic!("at the venue without an answer: {}", show(&sent.bytes)),
                Some(Verdict::Allow(_)) if nth == 0 => {
                    assert_eq!(show(&sent.bytes), show(&without_token(came)))
                }
                Some(Verdict::Allow(_)) => assert_eq!(show(&sent.bytes), show(&came.bytes), "altered"),
                Some(Verdict::Failure(_) | Verdict::Garbage) if softened => {
                    assert_eq!(show(&sent.bytes), show(&came.bytes), "altered")
                }
                Some(_) if nth == 0 => panic!("a refused Logon went upstream"),
                Some(_) if came.poss_dup => assert_eq!(sent.msg_type, "4"),
                Some(Verdict::Logout(_)) => {
                    assert_eq!(sent.msg_type, "5");
                    ended = true;
                }
                Some(_) => {
                    assert_eq!(sent.msg_type, "1");
                    assert!(echoes.insert(sent.value(112).unwrap()), "a TestReqID twice");
                }
            }
        }
        echoes
    }

    fn assert_downstream(&self, echoes: &HashSet<Vec<u8>>) {
        let (came, sent) = (read_all(&self.outbound.taken), whole(&self.outbound.sent));
        if self.inbound.sent.is_empty() {
            // At most a refused Logon's answer, which is no message of the venue's.
            assert!(sent.len() <= 1 && sent.iter().all(|sent| sent.msg_type == "5" && sent.seq == 1));
            return;
        }
        let mut verdicts = self.verdicts(false);
        let mut echoes = echoes.clone();
        assert!(sent.len() <= came.len(), "more messages at the client than the venue sent");
        for (sent, came) in sent.iter().zip(&came) {
            assert_eq!((sent.seq, &sent.sender, &sent.target), (came.seq, &came.sender, &came.target));
            if GUARDED.contains(&came.msg_type.as_str()) {
                let (asked, verdict) = verdicts.pop_front().unwrap();
                assert_eq!((asked.seq(), asked.msg_type()), (came.seq, came.msg_type.as_str()));
                match verdict {
                    None => panic!("at the client without an answer: {}", show(&sent.bytes)),
                    Some(Verdict::Allow(_)) => assert_eq!(show(&sent.bytes), show(&came.bytes), "altered"),
                    Some(_) => {
                        assert_eq!(sent.msg_type, "4");
                        assert_eq!(sent.value(36), Some((came.seq + 1).to_string().into_bytes()));
                    }
                }
            } else if sent.bytes != came.bytes {
                match sent.msg_type.as_str() {
                    "j" => {
                        assert_eq!(came.msg_type, "0");
                        assert!(echoes.remove(&came.value(112).unwrap()), "a reject out of nothing");
                    }
                    "5" => assert_eq!(came.msg_type, "5"),
                    other => panic!("a substitute of type {other}"),
                }
            }
        }
    }
}

fn merge(effects: Vec<Effect>) -> Vec<Effect> {
    let mut merged: Vec<Effect> = Vec::new();
    for effect in effects {
        match (merged.last_mut(), effect) {
            (Some(Effect::Sent(last, sent)), Effect::Sent(direction, bytes)) if *last == direction => {
                sent.extend_from_slice(&bytes)
            }
            (_, effect) => merged.push(effect),
        }
    }
    merged
}

/// A message as the oracle reads it.
struct Read {
    bytes: Vec<u8>,
    msg_type: String,
    seq: u32,
    sender: Vec<u8>,
    target: Vec<u8>,
    poss_dup: bool,
    fields: Vec<(u32, Vec<u8>)>,
}

impl Read {
    fn new(message: &Message<'_>) -> Self {
        Self {
            bytes: message.bytes.to_vec(),
            msg_type: message.msg_type.to_string(),
            seq: message.seq,
            sender: message.sender.to_vec(),
            target: message.target.to_vec(),
            poss_dup: message.poss_dup,
            fields: message.fields.iter().map(|field| (field.tag, message.value(field).to_vec())).collect(),
        }
    }

    fn value(&self, tag: u32) -> Option<Vec<u8>> {
        self.fields.iter().find(|field| field.0 == tag).map(|field| field.1.clone())
    }
}

/// The messages at the head of a stream, up to the first that is not whole or not strict.
fn read_all(mut bytes: &[u8]) -> Vec<Read> {
    let profile = Profile::new(&[], &[]);
    let mut messages = Vec::new();
    while let Ok(Frame::Complete { len, body, version }) = next_frame(bytes, MAX_MESSAGE) {
        let (message, rest) = bytes.split_at(len);
        let mut fields = Vec::new();
        match parse(message, body, version, &profile, MAX_FIELDS, &mut fields) {
            Ok(message) => messages.push(Read::new(&message)),
            Err(_) => return messages,
        }
        bytes = rest;
    }
    messages
}

/// What the filter sent is whole and strict to its last byte.
fn whole(bytes: &[u8]) -> Vec<Read> {
    let messages = read_all(bytes);
    let read: usize = messages.iter().map(|message| message.bytes.len()).sum();
    assert_eq!(read, bytes.len(), "no strict message was sent: {}", show(&bytes[read..]));
    messages
}

fn is_session_level(msg_type: &str) -> bool {
    matches!(msg_type, "0" | "1" | "2" | "3" | "4" | "5")
}

/// The Logon without its 554, or else without its 95 and 96.
fn without_token(logon: &Read) -> Vec<u8> {
    let cut: &[u32] = match (logon.value(554), logon.value(96)) {
        (Some(_), _) => &[554],
        (None, Some(_)) => &[95, 96],
        (None, None) => return logon.bytes.clone(),
    };
    let mut body = Vec::new();
    for (tag, value) in &logon.fields[2..logon.fields.len() - 1] {
        if !cut.contains(tag) {
            body.extend_from_slice(format!("{tag}=").as_bytes());
            body.extend_from_slice(value);
            body.push(SOH);
        }
    }
    let mut version = Vec::new();
    version.extend_from_slice(&logon.fields[0].1);
    framed_as(&version, &body)
}

/// `body` with FIX.4.4, the right length and the right sum around it.
pub fn framed(body: &[u8]) -> Vec<u8> {
    framed_as(b"FIX.4.4", body)
}

pub fn framed_as(version: &[u8], body: &[u8]) -> Vec<u8> {
    let mut message = [b"8=", version, b"\x019=", body.len().to_string().as_bytes(), b"\x01", body].concat();
    let sum = check_sum(&message);
    message.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
    message
}
