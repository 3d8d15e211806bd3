//! Any sequence of operations on a session; [`super::law`] says what must hold whatever they are.

use super::driver::{Driver, Effect, listener};
use super::law::read_all;
use super::service::{Asked, Verdict};
use super::stream::said;
use fix_authz_core::command::Direction;
use fix_authz_core::contract::wire::HttpRequest;
use fix_authz_core::frame::check_sum;
use fix_authz_core::session::Listener;
use fix_authz_core::testing::show;
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::Arc;

/// Limits small enough to be met.
const SETTINGS: &str = r#""limits":{"max_checks_in_flight":4,"max_queued_bytes":1024,"max_pending_rejects":3,
    "max_message_bytes":1024,"max_fields":48,"violations_per_minute":10000}"#;
const MAX_CHECKS: usize = 4;
/// The default of `limits.reject_timeout_ms`.
const REJECT_TIMEOUT_MS: u32 = 300_000;
/// That of a reject which answers a replay.
const LATE_MS: u32 = 10_000;
/// One, and those of before renewals.
const MAX_WATCHES: usize = 6;
pub const MAX_MESSAGE: usize = 1024;
pub const MAX_FIELDS: usize = 48;

pub const GUARDED: [&str; 2] = ["8", "AE"];
pub const EXEMPT: &str = "B";
pub const RISK_REDUCING: [&str; 2] = ["F", "q"];

/// The terms of every allowed Logon. Watches keep to them, as the law does not know others.
const TERMS: &str =
    "allow guard-outbound=8,AE exempt=B risk-reducing=F,q want-tags=11,167 etag=\"0\" watch=2";

/// One thing that happens.
#[derive(Clone, PartialEq, Eq)]
pub enum Op {
    Bytes(Direction, Vec<u8>),
    End(Direction),
    /// The n-th Check that is out and no watch, modulo their number, is answered.
    Answer(usize, Verdict),
    /// The n-th watch that is out, modulo their number, is answered.
    Watched(usize, Verdict),
    /// The venue answers the n-th TestRequest it got, with this MsgSeqNum.
    Heartbeat(usize, u64),
    After(u64),
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(from, bytes) => write!(f, "{} {}", from.as_str(), show(bytes)),
            Self::End(from) => write!(f, "end of {}", from.as_str()),
            Self::Answer(nth, verdict) => write!(f, "answer {nth} {verdict:?}"),
            Self::Watched(nth, verdict) => write!(f, "watched {nth} {verdict:?}"),
            Self::Heartbeat(nth, seq) => write!(f, "heartbeat {nth} {seq}"),
            Self::After(millis) => write!(f, "after {millis} ms"),
        }
    }
}

/// What came of one operation.
#[derive(Clone, PartialEq)]
pub struct Outcome {
    effects: Vec<Effect>,
    /// The client's bytes are wanted; of no account once the session is over.
    reading: bool,
    /// A violation that nothing can answer ends the connections.
    broken: bool,
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "reading: {}", self.reading)?;
        self.effects.iter().try_for_each(|effect| match effect {
            Effect::Sent(direction, bytes) => writeln!(f, "  {} {}", direction.as_str(), show(bytes)),
            Effect::Asked(asked) | Effect::Reported(asked) => {
                writeln!(f, "  {} {:?}", asked.id, asked.http.headers)
            }
            other => writeln!(f, "  {other:?}"),
        })
    }
}

/// The bytes of one operation, in pieces, and whether the side ends behind them.
struct Held {
    pieces: VecDeque<Vec<u8>>,
    end: bool,
}

/// What is outside of the session because it does not take it yet, and all that it took and sent.
#[derive(Default)]
pub struct Side {
    held: VecDeque<Held>,
    pub taken: Vec<u8>,
    pub sent: Vec<u8>,
    /// It has said its end, so nothing follows.
    ended: bool,
    /// How often its end was passed on.
    pub ends: usize,
}

/// A session, what it was told and what it did.
pub struct Run {
    driver: Driver,
    pub inbound: Side,
    pub outbound: Side,
    pub asked: Vec<(Asked, Option<Verdict>)>,
    reading: bool,
    /// A watch was answered with an order to end.
    pub killed: bool,
    terms: Verdict,
    /// Pieces of an operation wait outside while the session takes none. Otherwise an operation that has begun is handed in to its end.
    waits_outside: bool,
}

impl Default for Run {
    fn default() -> Self {
        // A listener of its own: sessions of one listener share what their clients may use.
        Self::on(&listener(SETTINGS), Verdict::parse(TERMS))
    }
}

impl Run {
    /// A session whose decisions are not kept, and whose Checks may be about three messages.
    fn batching() -> Self {
        let listener = listener(&format!(r#"{SETTINGS},"cache":{{"enabled":false}}"#));
        Self::on(&listener, Verdict::parse(&format!("{TERMS} batch=3")))
    }

    fn on(listener: &Arc<Listener>, terms: Verdict) -> Self {
        let mut driver = Driver::on(Arc::clone(listener), [7; 32]);
        driver.take();
        Self {
            driver,
            inbound: Side::default(),
            outbound: Side::default(),
            asked: Vec::new(),
            reading: true,
            killed: false,
            terms,
            waits_outside: false,
        }
    }

    /// Plays all of `ops`; `cut` says how many of the bytes at hand come next. The bytes of an operation are handed in to their end,
    /// even if the session stops reading in their midst, so that what waits in the session does not depend on the cut.
    pub fn play(ops: &[Op], mut cut: impl FnMut(usize) -> usize) -> (Self, Vec<Outcome>) {
        let mut run = Self::default();
        let outcomes = ops.iter().map(|op| run.step(op, &mut cut)).collect();
        (run, outcomes)
    }

    /// The same, byte by byte, and every message is read whole, however like it is to earlier ones.
    pub fn play_forgetful(ops: &[Op]) -> (Self, Vec<Outcome>) {
        let mut run = Self::default();
        run.driver.forgetful = true;
        let outcomes = ops.iter().map(|op| run.step(op, &mut |_| 1)).collect();
        (run, outcomes)
    }

    /// The same as [`Self::play`], but as soon as the session stops reading, the rest waits outside. What is outside cannot be
    /// decided with what the venue makes room for, so the outcomes depend on the cut; the law holds all the same.
    pub fn play_paused(ops: &[Op], mut cut: impl FnMut(usize) -> usize) -> Self {
        let mut run = Self { waits_outside: true, ..Self::default() };
        ops.iter().for_each(|op| drop(run.step(op, &mut cut)));
        run
    }

    /// Plays all of `ops` where several messages are asked about at once.
    pub fn play_batching(ops: &[Op], mut cut: impl FnMut(usize) -> usize) -> Self {
        let mut run = Self::batching();
        ops.iter().for_each(|op| drop(run.step(op, &mut cut)));
        run
    }

    /// A violation was reported, or the connection is closed.
    fn is_over(&self) -> bool {
        self.driver.is_closed() || self.is_violated()
    }

    /// A violation that nothing can answer ends the connections.
    pub fn is_violated(&self) -> bool {
        self.driver.is_breaking_off()
    }

    /// No two messages of a direction have the same number.
    pub fn has_distinct_numbers(&self) -> bool {
        [&self.inbound, &self.outbound].iter().all(|side| {
            let numbers: Vec<u64> = said(&side.taken).iter().map(|read| read.seq).collect();
            let distinct: HashSet<&u64> = numbers.iter().collect();
            distinct.len() == numbers.len()
        })
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
                    side.held.push_back(Held { pieces: VecDeque::from([Vec::new()]), end: true });
                }
            }
            Op::Heartbeat(nth, seq) => {
                if let Some(message) = self.heartbeat(*nth, *seq) {
                    self.hold(Direction::Outbound, &message, cut);
                }
            }
            Op::Answer(nth, verdict) => self.answer(*nth, verdict, false),
            Op::Watched(nth, verdict) => self.answer(*nth, verdict, true),
            Op::After(millis) => self.driver.after(*millis),
        }
        self.note(&mut effects);
        self.pump(&mut effects);
        Outcome {
            effects: merge(effects),
            reading: self.reading || self.is_over(),
            broken: self.is_violated(),
        }
    }

    fn hold(&mut self, direction: Direction, mut bytes: &[u8], cut: &mut impl FnMut(usize) -> usize) {
        let mut pieces = VecDeque::new();
        while !bytes.is_empty() && !self.side(direction).ended {
            let (piece, rest) = bytes.split_at(cut(bytes.len()).clamp(1, bytes.len()));
            pieces.push_back(piece.to_vec());
            bytes = rest;
        }
        self.side(direction).held.push_back(Held { pieces, end: false });
    }

    /// Hands in what the session takes.
    fn pump(&mut self, effects: &mut Vec<Effect>) {
        while let Some(direction) = self.next_taken() {
            let Some(Held { mut pieces, end }) = self.side(direction).held.pop_front() else { return };
            while let Some(bytes) = pieces.pop_front() {
                self.hand_in(direction, &bytes, end, effects);
                if self.waits_outside && !self.takes(direction) && !pieces.is_empty() {
                    self.side(direction).held.push_front(Held { pieces, end });
                    break;
                }
            }
        }
    }

    /// The side whose bytes come next. The venue's come first: what they make room for must not fall between two pieces of them.
    fn next_taken(&mut self) -> Option<Direction> {
        let may_come =
            |run: &mut Self, direction| run.takes(direction) && !run.side(direction).held.is_empty();
        [Direction::Outbound, Direction::Inbound].into_iter().find(|direction| may_come(self, *direction))
    }

    fn takes(&self, direction: Direction) -> bool {
        match direction {
            Direction::Inbound => self.reading,
            Direction::Outbound => self.driver.takes_outbound(),
        }
    }

    fn hand_in(&mut self, direction: Direction, bytes: &[u8], end: bool, effects: &mut Vec<Effect>) {
        self.side(direction).taken.extend_from_slice(bytes);
        self.driver.receive(direction, bytes, end);
        self.note(effects);
    }

    fn answer(&mut self, nth: usize, verdict: &Verdict, watch: bool) {
        let is_out = |(asked, verdict): &(Asked, Option<Verdict>)| {
            verdict.is_none() && (asked.event() == "watch") == watch
        };
        let out: Vec<usize> = (0..self.asked.len()).filter(|index| is_out(&self.asked[*index])).collect();
        if out.is_empty() {
            return;
        }
        let (asked, answered) = &mut self.asked[out[nth % out.len()]];
        let logon = asked.event() == "logon";
        // What no message waits for is an order of its own.
        let unasked = watch || asked.is_refresh();
        let verdict = match verdict {
            Verdict::Allow(_) if logon => self.terms.clone(),
            Verdict::Logout(_) if unasked => Verdict::kill(),
            verdict => of_several(verdict, asked.messages().len(), nth),
        };
        *answered = Some(verdict.clone());
        self.killed |= unasked && matches!(verdict, Verdict::Logout(_));
        let id = asked.id;
        self.driver.answer(id, &verdict);
    }

    fn heartbeat(&self, nth: usize, seq: u64) -> Option<Vec<u8>> {
        let requests: Vec<Vec<u8>> = read_all(&self.inbound.sent)
            .into_iter()
            .filter(|read| read.msg_type == "1")
            .filter_map(|read| read.value(112))
            .collect();
        let id = requests.get(nth % requests.len().max(1))?;
        Some(framed(format!("35=0\x0134={seq}\x0149=VENUE\x0156=ALGO\x01112={}\x01", show(id)).as_bytes()))
    }

    fn note(&mut self, effects: &mut Vec<Effect>) {
        let asked = self.asked.len();
        for effect in self.driver.take() {
            match &effect {
                Effect::Sent(direction, bytes) => self.side(*direction).sent.extend_from_slice(bytes),
                Effect::Ended(direction) => self.side(*direction).ends += 1,
                Effect::Asked(asked) => self.asked.push((asked.clone(), None)),
                Effect::Reported(asked) => self.asked.push((asked.clone(), Some(Verdict::allow()))),
                Effect::ReadsPaused => self.reading = false,
                Effect::ReadsResumed => self.reading = true,
                Effect::TickIn(_) | Effect::Closed(_) | Effect::Logged(_) | Effect::Accounted(_) => {}
            }
            // Within an operation reads may pause and go on; an outcome has what holds at its end.
            if !matches!(effect, Effect::ReadsPaused | Effect::ReadsResumed) {
                effects.push(effect);
            }
        }
        if self.asked.len() > asked {
            self.assert_bounded();
        }
    }

    fn assert_bounded(&self) {
        for inbound in [true, false] {
            let out = self.asked.iter().filter(|(asked, verdict)| {
                verdict.is_none() && asked.event() == "message" && asked.is_inbound() == inbound
            });
            // After a violation the Checks that are out are forgotten, and count no more.
            let messages: usize = out.map(|(asked, _)| asked.messages().len()).sum();
            assert!(messages <= MAX_CHECKS, "more messages are asked about than the limit");
        }
        let out = |event: &str| {
            self.asked.iter().filter(|(asked, verdict)| verdict.is_none() && asked.event() == event).count()
        };
        assert!(out("renewal") <= 1 && out("watch") <= MAX_WATCHES, "{} {}", out("renewal"), out("watch"));
    }
}

/// An answer about one message as one about `count`: the `nth` of them is the one that is not allowed, or all.
fn of_several(verdict: &Verdict, count: usize, nth: usize) -> Verdict {
    match verdict {
        verdict if count < 2 => verdict.clone(),
        Verdict::Allow(_) => Verdict::allow_all(count),
        Verdict::Reject(_) | Verdict::Logout(_) | Verdict::Disconnect if nth % (count + 1) < count => {
            Verdict::Until(nth % (count + 1), Box::new(verdict.clone()))
        }
        verdict => verdict.clone(),
    }
}

/// Holds two runs of the same operations against each other; `false` where they part ways for good.
///
/// Between the two directions there is no order: bytes of the client's that were held inside the session are released
/// between two messages of the venue's, those held outside behind both. Where only that differs, Checks have other numbers
/// from there on, and answers belong to others. A violation that nothing can answer ends both directions, and how far the other
/// one is by then depends on the cut too: what is read first is decided, and what is read behind the violation is dropped.
pub fn assert_same(left: &[Outcome], right: &[Outcome]) -> bool {
    for (nth, (left, right)) in left.iter().zip(right).enumerate() {
        if left != right {
            if left.broken && right.broken {
                return false;
            }
            let is_same = left.by_direction() == right.by_direction();
            assert!(is_same, "operation {nth}:\n{left:?}\n{right:?}");
            return false;
        }
    }
    assert_eq!(left.len(), right.len());
    true
}

impl Outcome {
    /// The same, one direction behind the other, and Checks without their numbers.
    fn by_direction(&self) -> (bool, Vec<Effect>) {
        let is_outbound = |effect: &Effect| match effect {
            Effect::Sent(direction, _) | Effect::Ended(direction) => *direction == Direction::Outbound,
            Effect::Asked(asked) | Effect::Reported(asked) => !asked.is_inbound(),
            _ => false,
        };
        let anonymous = |asked: &Asked| {
            let http = HttpRequest { id: String::new(), ..asked.http.clone() };
            Asked { id: 0, http, timeout_ms: asked.timeout_ms }
        };
        let unnumbered = |effect: &Effect| match effect {
            Effect::Asked(asked) => Effect::Asked(anonymous(asked)),
            Effect::Reported(asked) => Effect::Reported(anonymous(asked)),
            other => other.clone(),
        };
        let (outbound, inbound): (Vec<Effect>, Vec<Effect>) =
            self.effects.iter().map(unnumbered).partition(is_outbound);
        // Timers and lines of the log belong to no direction.
        let (mut others, inbound): (Vec<Effect>, Vec<Effect>) =
            inbound.into_iter().partition(|effect| matches!(effect, Effect::TickIn(_) | Effect::Logged(_)));
        others.sort_by_key(|effect| format!("{effect:?}"));
        (self.reading, merge(outbound.into_iter().chain(inbound).chain(others).collect()))
    }
}

fn merge(effects: Vec<Effect>) -> Vec<Effect> {
    let mut merged: Vec<Effect> = Vec::new();
    for effect in effects {
        match (merged.last_mut(), effect) {
            (Some(Effect::Sent(last, sent)), Effect::Sent(direction, bytes)) if *last == direction => {
                sent.extend_from_slice(&bytes)
            }
            // No time passes within an operation, so a timer that is set again is the same.
            (Some(last @ Effect::TickIn(_)), effect) if *last == effect => {}
            (_, effect) => merged.push(effect),
        }
    }
    merged
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
