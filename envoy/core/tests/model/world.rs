//! The client, the core, the venue and the decision service, with queues between them that a broken connection loses.

use crate::engine::{Content, Engine};
use crate::mishap::{Bad, Garbled};
use crate::support::driver::{Driver, Effect, listener};
use crate::support::service::{Asked, AskedMessage, Verdict};
use crate::support::stream::said;
use crate::support::transcript::messages;
use fix_authz_core::command::Direction;
use fix_authz_core::profile::Profile;
use fix_authz_core::session::{Departure, Listener};
use fix_authz_core::stats::{Counter, Gauge};
use fix_authz_core::tags;
use fix_authz_core::testing::{read, show};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// A side sends an application message, of a type that is asked about or not.
    Trade {
        from: Direction,
        asked: bool,
        denied: bool,
    },
    Test(Direction),
    /// A side sends a message with a bad field.
    Misspeak {
        from: Direction,
        msg_type: usize,
        body: usize,
    },
    /// A side sends an application message, and other bytes arrive.
    Garble {
        from: Direction,
        asked: bool,
        denied: bool,
        garbled: Garbled,
    },
    /// A side begins the numbers anew with a Logon in the running session, if all that was sent before has arrived.
    BeginAnew {
        from: Direction,
        with_token: bool,
    },
    /// A Heartbeat that answers nothing.
    Beat(Direction),
    /// The client brings a fresh token.
    Renew,
    /// The watch is answered.
    Watched(Watched),
    AskAgain {
        from: Direction,
        back: u64,
        count: u64,
    },
    /// Bytes of a side's reach the core.
    Carry {
        from: Direction,
        bytes: usize,
    },
    /// Messages of the core's reach a side.
    Deliver {
        to: Direction,
        messages: usize,
    },
    /// The n-th Check that is out is answered, as the policy has it.
    Answer(usize),
    /// It is not answered.
    Fail(usize),
    /// It ends the session.
    Expire(usize),
    /// Time passes, so that decisions that are kept grow old.
    Wait(u64),
    /// It passes, and a timer fires.
    Tick(u64),
    /// The gateway goes down, as this connection sees it; the next one is through another.
    Drain(Departure),
    Break,
    /// A side ends its bytes (FIN). The other side, once it is told, ends too, or stays until the core has closed it.
    Finish {
        from: Direction,
        stays: bool,
    },
    /// The client logs on, and is let in or not.
    Connect(bool),
}

/// The limits of a session; 0: none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    pub messages_per_s: u32,
    pub messages_per_day: u32,
    pub denials_per_minute: u32,
    /// Of the client in all its sessions; messages in flight, and denied or replayed ones a second.
    pub in_flight: u32,
    pub denied_per_s: u32,
}

/// What follows for reports that were held for so many milliseconds: the end of the session, or a GapFill.
#[derive(Debug, Clone, Copy)]
pub enum Undecided {
    End(u32),
    GapFill(u32),
}

impl Undecided {
    fn settings(self) -> (&'static str, u32) {
        match self {
            Self::End(hold_ms) => ("end", hold_ms),
            Self::GapFill(hold_ms) => ("gap_fill", hold_ms),
        }
    }
}

/// What a watch is answered.
#[derive(Debug, Clone, Copy)]
pub enum Watched {
    Change,
    Kill,
    Disconnect,
}

/// What the policy says of the message of this name, once it has been asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Policy {
    Undecided {
        denied: bool,
    },
    Allowed,
    Denied,
    /// There was no answer: denied, unless one about another message like it stands in. A report has only become a GapFill
    /// for that where the settings say so.
    Failed,
}

/// The most Logons with 141=Y of one connection: more end the session.
const MOST_RESETS: u32 = 8;

/// What one side of a connection has said.
#[derive(Default)]
struct Side {
    /// What of it has reached the core.
    came: Vec<u8>,
    /// How many messages the core has sent on.
    went: usize,
    /// It has ended its bytes.
    finished: bool,
    /// It was the first to do so. What the second says is waited for only as long as the second may take to end.
    first: bool,
    /// The core has told the other side.
    told: bool,
}

/// All of it.
pub struct World {
    client: Engine,
    venue: Engine,
    listener: Arc<Listener>,
    core: Option<Driver>,
    /// Messages are limited.
    limited: bool,
    undecided: Undecided,
    /// The rejects that the core sent, by number.
    rejects: BTreeMap<u64, u64>,
    let_in: bool,
    connections: u8,
    /// Messages behind the core.
    to_client: VecDeque<Vec<u8>>,
    to_venue: VecDeque<Vec<u8>>,
    out: Vec<Asked>,
    watch: Option<Asked>,
    /// This connection's session was ordered to end.
    killed: bool,
    /// The client's side of this connection, and the venue's.
    sides: [Side; 2],
    /// Who is told of an end stays.
    stays: bool,
    /// The core may end this session by itself, whatever waits: it has sent a Logout, it drains, or it has reports that it
    /// cannot hold for ever.
    may_give_up: bool,
    /// Messages of the client's that ended their session, or were to end it.
    ended: HashSet<String>,
    /// Numbers of the client's whose TestRequest went up on some connection for a new message.
    denied: HashSet<u64>,
    /// Numbers of the client's whose TestRequest went up on this connection for a replay of what was never denied before. The
    /// end of the connection may take their answer along.
    replayed: HashSet<u64>,
    policy: HashMap<String, Policy>,
    /// The connection holds to the end, so each message of the client's that is denied or bad is answered.
    answers_all: bool,
    /// Numbers of the client's of which the venue takes a replay only, because the message was lost or came behind a gap. The replay
    /// of a bad message, or of a renewal, becomes a GapFill, to which no venue answers; that of a denied message becomes a TestRequest.
    unanswerable: BTreeSet<u64>,
    /// Some message was bad or garbled.
    misspoke: bool,
    /// How often the numbers began anew in this connection.
    resets: u32,
    /// Types that an answer of this connection's holds for, where they are not of the kind that is denied.
    kept: HashSet<String>,
    /// What an allowed Logon is told.
    terms: &'static str,
}

impl World {
    /// Everybody before the first connection. With `batching` no decision is kept, and a Check may be about five messages.
    /// The session begins with the number `first` on both sides.
    pub fn new(limits: Limits, batching: bool, undecided: Undecided, first: u64) -> Self {
        let Limits { messages_per_s, messages_per_day, denials_per_minute, in_flight, denied_per_s } = limits;
        let (then, hold_ms) = undecided.settings();
        Self {
            client: Engine::new(Direction::Inbound, first),
            venue: Engine::new(Direction::Outbound, first),
            // A place that is not given back refuses the next connection.
            listener: listener(&format!(
                r#""outbound":{{"undecided":"{then}"}},"limits":{{"outbound_hold_ms":{hold_ms},"remembered_rejects":4096,"end_timeout_ms":600000,"logon_timeout_ms":600000,"pending_connections_per_address":1,"violations_per_minute":10000,
                "messages_per_s":{messages_per_s},"messages_per_day":{messages_per_day},
                "denials_per_minute":{denials_per_minute},"max_checks_in_flight_per_client":{in_flight},
                "denied_or_replayed_per_s":{denied_per_s},"denied_or_replayed_at_once":3}},"drain":{{"spread_ms":500,"wait_ms":2000,"stop_ms":200}},
                "cache":{{"enabled":{}}}"#,
                !batching
            )),
            core: None,
            limited: messages_per_s > 0 || messages_per_day > 0,
            undecided,
            rejects: BTreeMap::new(),
            let_in: true,
            connections: 0,
            to_client: VecDeque::new(),
            to_venue: VecDeque::new(),
            out: Vec::new(),
            watch: None,
            killed: false,
            sides: Default::default(),
            stays: false,
            may_give_up: false,
            ended: HashSet::new(),
            denied: HashSet::new(),
            replayed: HashSet::new(),
            policy: HashMap::new(),
            answers_all: false,
            unanswerable: BTreeSet::new(),
            misspoke: false,
            resets: 0,
            kept: HashSet::new(),
            terms: if batching {
                "allow guard-outbound=8 exempt=B etag=\"0\" watch=50 batch=5"
            } else {
                "allow guard-outbound=8 exempt=B etag=\"0\" watch=50"
            },
        }
    }

    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Trade { from, asked, denied } => self.trade(*from, *asked, *denied),
            Step::Renew => self.renew(),
            Step::Watched(watched) => self.watched(*watched),
            Step::Misspeak { from, msg_type, body } => {
                self.misspoke = true;
                let bad = Bad::new(*from, *msg_type, *body);
                self.if_connected(*from, |engine| engine.misspeak(bad));
            }
            Step::Garble { from, asked, denied, garbled } => self.garble(*from, *asked, *denied, *garbled),
            Step::BeginAnew { from, with_token } => self.begin_anew(*from, *with_token),
            Step::Test(from) => self.if_connected(*from, Engine::test),
            Step::Beat(from) => self.if_connected(*from, Engine::beat),
            Step::AskAgain { from, back, count } => {
                self.if_connected(*from, |engine| engine.ask_again(*back, *count));
            }
            Step::Carry { from, bytes } => self.carry(*from, *bytes),
            Step::Deliver { to, messages } => (0..*messages).for_each(|_| self.deliver(*to)),
            Step::Answer(nth) => self.answer(*nth, Policy::ruling),
            Step::Fail(nth) => self.fail(*nth),
            Step::Expire(nth) => self.expire(*nth),
            Step::Wait(millis) => self.core.iter_mut().for_each(|core| core.wait(*millis)),
            Step::Tick(millis) => self.if_up(|core| core.after(*millis)),
            Step::Drain(departure) => {
                self.may_give_up = true;
                self.if_up(|core| core.drain(*departure));
            }
            Step::Break => self.hang_up(),
            Step::Finish { from, stays } => {
                self.stays = *stays;
                self.finish(*from);
            }
            Step::Connect(let_in) => self.connect(*let_in),
        }
        self.answer_end();
    }

    /// Who is told of an end ends too.
    fn answer_end(&mut self) {
        let [client, venue] = &self.sides;
        let venue_answers = client.told && !venue.finished && self.to_venue.is_empty();
        if self.core.is_none() || self.stays {
            return;
        }
        if venue_answers {
            self.finish(Direction::Outbound);
        } else if venue.told && !client.finished {
            self.finish(Direction::Inbound);
        }
    }

    /// The rest of what a side has said reaches the core, and its end.
    fn finish(&mut self, from: Direction) {
        let may_finish = from == Direction::Inbound || self.venue.logged_on;
        if may_finish && !self.sides[from as usize].finished {
            self.carry(from, usize::MAX);
            if let Some(core) = &mut self.core {
                let first = self.sides.iter().all(|side| !side.finished);
                let side = &mut self.sides[from as usize];
                (side.finished, side.first) = (true, first);
                core.receive(from, b"", true);
                self.note();
            }
        }
    }

    /// What came before the first end has gone on before the other side is told of that end.
    fn assert_nothing_lost(&self, from: Direction) {
        let side = &self.sides[from as usize];
        if side.first && !self.may_give_up {
            let count = said(&side.came).len();
            // A GapFill of the venue's may have been split around rejects.
            let lost = if from == Direction::Inbound { side.went != count } else { side.went < count };
            assert!(
                !lost,
                "{from:?}: of {count} messages before the end {} went on: {}",
                side.went,
                show(&side.came)
            );
        }
    }

    /// All that is under way arrives, on a new connection if need be; then both sides agree on everything.
    pub fn settle(&mut self) {
        for round in 0..400 {
            self.connect(true);
            self.let_in = true;
            self.step(&Step::Carry { from: Direction::Inbound, bytes: usize::MAX });
            if !self.untold().is_empty() {
                self.step(&Step::Beat(Direction::Outbound));
            }
            self.step(&Step::Carry { from: Direction::Outbound, bytes: usize::MAX });
            while !self.out.is_empty() {
                self.step(&Step::Answer(0));
            }
            self.step(&Step::Deliver { to: Direction::Inbound, messages: 1_000 });
            self.step(&Step::Deliver { to: Direction::Outbound, messages: 1_000 });
            // A session that closes, and waits for a venue that waits for it, is let go.
            self.step(&Step::Tick(1_000));
            self.show_gaps();
            let holds = self.core.as_ref().is_some_and(|core| core.level(Gauge::QueuedBytes) > 0);
            let ends = self.sides.iter().any(|side| side.finished);
            let on_the_way = !self.to_client.is_empty() || !self.to_venue.is_empty() || holds || ends;
            // The venue's Heartbeats go on.
            let on_the_way = on_the_way || round < 300 && !self.untold().is_empty();
            if self.client.is_settled() && self.venue.is_settled() && !on_the_way && self.is_even() {
                return self.assert_agreement();
            }
        }
        panic!("it never settles");
    }

    /// The connection holds from here on, and each denied or bad message of the client's is answered.
    pub fn answers_all(mut self) -> Self {
        self.answers_all = true;
        self
    }

    /// Each side has taken all that the other one has sent.
    fn is_even(&self) -> bool {
        self.client.expected == self.venue.next && self.venue.expected == self.client.next
    }

    /// What was lost last shows by the next message.
    fn show_gaps(&mut self) {
        if self.client.is_settled() && self.venue.is_settled() && !self.is_even() {
            self.if_connected(Direction::Inbound, Engine::test);
            self.if_connected(Direction::Outbound, Engine::test);
        }
    }

    /// Nothing is under way, and both sides agree.
    fn is_quiet(&self) -> bool {
        let holds = self.core.as_ref().is_none_or(|core| core.level(Gauge::QueuedBytes) > 0);
        let on_the_way = !(self.to_client.is_empty() && self.to_venue.is_empty() && self.out.is_empty());
        let ends =
            self.killed || self.may_give_up || self.sides.iter().any(|side| side.finished || side.told);
        let settled = self.client.is_settled() && self.venue.is_settled() && self.is_even();
        settled
            && self.untold().is_empty()
            && !(holds || on_the_way || ends || self.client.begins_anew || self.venue.begins_anew)
    }

    fn begin_anew(&mut self, from: Direction, with_token: bool) {
        if !self.is_quiet() || self.resets == MOST_RESETS {
            return;
        }
        self.assert_agreement();
        if self.answers_all {
            self.assert_all_rejected();
        }
        self.resets += 1;
        self.forget_numbers();
        // The client brings the token, with its own Logon or with its answer to the venue's.
        self.client.answers_with_token = with_token;
        self.engine(from).begin_anew(with_token && from == Direction::Inbound);
    }

    /// Forgets what counts by the old numbers.
    fn forget_numbers(&mut self) {
        self.rejects.clear();
        self.unanswerable.clear();
        self.denied.clear();
        self.replayed.clear();
        self.client.missing.clear();
        self.venue.missing.clear();
    }

    fn garble(&mut self, from: Direction, asked: bool, denied: bool, garbled: Garbled) {
        let (msg_type, name) = self.named(from, asked, denied);
        let mut lost = Vec::new();
        self.if_connected(from, |engine| lost = engine.garble(msg_type, &name, garbled));
        self.misspoke = true;
        if from == Direction::Inbound {
            self.unanswerable.extend(&lost);
            self.venue.missing.extend(lost);
        } else {
            self.client.missing.extend(lost);
        }
    }

    fn assert_agreement(&self) {
        for (sender, receiver) in [(&self.client, &self.venue), (&self.venue, &self.client)] {
            assert_eq!(receiver.expected, sender.next);
            for (seq, sent) in &sender.sent {
                match sent {
                    // Unless it came too early to be taken, and was asked for again.
                    _ if receiver.lost.contains(seq) => {
                        assert!([sent, &Content::Session].contains(&&receiver.taken[seq]), "{seq}");
                    }
                    Content::Trade { name, .. } if self.policy[name] == Policy::Allowed => {
                        assert_eq!(&receiver.taken[seq], sent);
                    }
                    _ => match (&receiver.taken[seq], self.rejects.get(seq)) {
                        (Content::Session, None) => {}
                        // Whatever reject was sent has arrived, at its number.
                        (Content::Reject(of), Some(sent)) if of == sent => {}
                        (Content::Session, Some(_)) if sender.is_client() => {}
                        other => panic!("{seq}: {other:?}"),
                    },
                }
            }
        }
        for rejects in [&self.client.rejects, &self.client.session_rejects] {
            let distinct: BTreeSet<&u64> = rejects.iter().collect();
            assert_eq!(distinct.len(), rejects.len(), "a reject twice");
        }
        assert_eq!(self.untold(), [0; 0], "denials that the client was not told of");
        for seq in &self.client.session_rejects {
            assert!(matches!(self.client.sent[seq], Content::Bad(_)), "a session Reject of a good message");
        }
        for seq in &self.client.rejects {
            let Content::Trade { name, .. } = &self.client.sent[seq] else {
                panic!("a reject of what nobody asked about")
            };
            assert!(self.policy[name].is_denied());
        }
    }

    /// The numbers of the client's denied messages that were not rejected, and did not end a session.
    fn untold(&self) -> Vec<u64> {
        let is_untold = |seq: u64, content: &Content| match content {
            Content::Trade { msg_type, name } => {
                msg_type != "BE"
                    && self.policy[name].is_denied()
                    && !self.ended.contains(name)
                    && !self.venue.lost.contains(&seq)
                    && !self.client.rejects.contains(&seq)
            }
            Content::Session | Content::Reject(_) | Content::Bad(_) => false,
        };
        let sent = self.client.sent.iter();
        sent.filter(|(seq, content)| is_untold(**seq, content)).map(|(seq, _)| *seq).collect()
    }

    /// On a connection that never broke, each denied message of the client's was answered with a reject, each bad one with a
    /// session Reject and each renewal with a response. The last two may lack where the venue took a replay only.
    pub fn assert_all_rejected(&self) {
        let is_denied = |content: &Content| match content {
            Content::Trade { msg_type, name } => msg_type != "BE" && self.policy[name].is_denied(),
            _ => false,
        };
        let sent = || self.client.sent.iter().map(|(seq, content)| (*seq, content));
        let numbers = |numbers: &[u64]| numbers.iter().copied().collect::<BTreeSet<u64>>();
        let denied = sent().filter(|(_, content)| is_denied(content)).map(|(seq, _)| seq);
        assert_eq!(numbers(&self.client.rejects), denied.collect());
        let may_lack = |seq, is_answered: bool| self.unanswerable.contains(&seq) && !is_answered;
        let session_rejects = &self.client.session_rejects;
        let bad = sent().filter(|(seq, content)| {
            matches!(content, Content::Bad(_)) && !may_lack(*seq, session_rejects.contains(seq))
        });
        assert_eq!(numbers(session_rejects), bad.map(|(seq, _)| seq).collect());
        let answers = &self.client.answers;
        let renewals = sent().filter_map(|(seq, content)| match content {
            Content::Trade { msg_type, name } if msg_type == "BE" => {
                (!may_lack(seq, answers.contains(name))).then_some(name)
            }
            _ => None,
        });
        assert_eq!(answers.iter().collect::<Vec<_>>(), renewals.collect::<Vec<_>>());
    }

    fn engine(&mut self, side: Direction) -> &mut Engine {
        match side {
            Direction::Inbound => &mut self.client,
            Direction::Outbound => &mut self.venue,
        }
    }

    /// The client may go on right behind its Logon; the venue must have had it. Neither says anything while the other one begins the
    /// numbers anew: what crosses such a Logon has a number of the old count, which no engine can tell from one of the new.
    fn if_connected(&mut self, side: Direction, act: impl FnOnce(&mut Engine)) {
        let awaited = match side {
            Direction::Inbound => self.venue.begins_anew,
            Direction::Outbound => self.client.begins_anew || !self.venue.logged_on,
        };
        if self.core.is_some() && !awaited {
            act(self.engine(side));
        }
    }

    fn if_up(&mut self, act: impl FnOnce(&mut Driver)) {
        if let Some(core) = &mut self.core {
            act(core);
            self.note();
        }
    }

    fn trade(&mut self, from: Direction, asked: bool, denied: bool) {
        let (msg_type, name) = self.named(from, asked, denied);
        self.if_connected(from, |engine| engine.trade(msg_type, &name));
    }

    /// The type and the name of a new application message.
    fn named(&mut self, from: Direction, asked: bool, denied: bool) -> (&'static str, String) {
        let msg_type = match (from, asked) {
            (Direction::Inbound, true) => "D",
            (Direction::Inbound, false) => "B",
            (Direction::Outbound, true) => "8",
            (Direction::Outbound, false) => "9",
        };
        let kind = if denied { "x" } else { "" };
        let name = format!("{msg_type}{}{kind}", self.policy.len());
        let policy = if asked { Policy::Undecided { denied } } else { Policy::Allowed };
        self.policy.insert(name.clone(), policy);
        (msg_type, name)
    }

    fn renew(&mut self) {
        let name = format!("BE{}", self.policy.len());
        self.if_connected(Direction::Inbound, |engine| engine.trade("BE", &name));
        // No venue ever sees it.
        self.policy.insert(name, Policy::Denied);
    }

    fn watched(&mut self, watched: Watched) {
        let Some(asked) = self.watch.take() else { return };
        let verdict = match watched {
            Watched::Change => Verdict::parse("allow etag=\"1\""),
            Watched::Kill => Verdict::kill(),
            Watched::Disconnect => Verdict::Disconnect,
        };
        self.killed |= matches!(watched, Watched::Kill);
        self.core.as_mut().unwrap().answer(asked.id, &verdict);
        self.note();
    }

    fn carry(&mut self, from: Direction, bytes: usize) {
        if self.sides[from as usize].finished {
            return;
        }
        let pipe = &mut self.engine(from).pipe;
        let carried: Vec<u8> = pipe.drain(..bytes.min(pipe.len())).collect();
        if let Some(core) = &mut self.core {
            self.sides[from as usize].came.extend_from_slice(&carried);
            core.receive(from, &carried, false);
            self.note();
        }
    }

    /// The session ends with a message.
    fn expire(&mut self, nth: usize) {
        if let Some(asked) = self.out.get(nth % self.out.len().max(1)) {
            self.ended.extend(asked.messages().iter().map(name_of));
        }
        self.answer(nth, |policy| policy.unless_allowed(Verdict::logout()));
    }

    /// A Check about several messages only fails where none of them was allowed before.
    fn fail(&mut self, nth: usize) {
        let Some(asked) = self.out.get(nth % self.out.len().max(1)) else { return };
        self.may_give_up |= matches!(self.undecided, Undecided::End(_));
        let messages = asked.messages();
        let of = |message: &AskedMessage| self.policy[&name_of(message)];
        if messages.len() > 1 && messages.iter().any(|message| of(message) == Policy::Allowed) {
            return self.answer(nth, Policy::ruling);
        }
        // A report is held and asked about again. Where it may become a GapFill, it stays denied, as its number must keep
        // its content.
        let is_held = !asked.is_inbound() && matches!(self.undecided, Undecided::End(_));
        self.answer(nth, |policy| if is_held { Verdict::parse("no-answer") } else { policy.failing() });
    }

    /// What `rule` says of messages, up to the first that is not allowed; a failure is of all.
    fn rule_on(&mut self, asked: &Asked, mut rule: impl FnMut(&mut Policy) -> Verdict) -> Verdict {
        let messages = asked.messages();
        let mut failure = None;
        for (allowed, message) in messages.iter().enumerate() {
            match rule(self.policy.get_mut(&name_of(message)).unwrap()) {
                Verdict::Allow(_) => {}
                failed @ Verdict::Failure(_) => failure = Some(failed),
                denied if messages.len() == 1 => return denied,
                denied => return Verdict::Until(allowed, Box::new(denied)),
            }
        }
        match failure {
            Some(failure) => failure,
            None if messages.len() > 1 => Verdict::allow_all(messages.len()),
            None => Verdict::allow(),
        }
    }

    fn answer(&mut self, nth: usize, mut rule: impl FnMut(&mut Policy) -> Verdict) {
        if self.out.is_empty() {
            return;
        }
        let asked = self.out.remove(nth % self.out.len());
        let verdict = match asked.event() {
            "logon" if self.let_in => Verdict::parse(self.terms),
            "logon" => Verdict::logout(),
            "renewal" if self.answers_all && asked.msg_type() == "A" => Verdict::allow(),
            "renewal" => rule(&mut Policy::Undecided { denied: asked.id.is_multiple_of(2) }),
            _ if asked.is_refresh() && asked.id.is_multiple_of(3) => Verdict::reject(),
            _ => match self.rule_on(&asked, rule) {
                Verdict::Allow(_) if !self.is_batching() => {
                    self.kept.insert(asked.msg_type().to_owned());
                    Verdict::parse("allow cache-control=max-age=60 vary=167")
                }
                verdict => verdict,
            },
        };
        let core = self.core.as_mut().unwrap();
        let stood_in = core.count(Counter::CacheStale);
        core.answer(asked.id, &verdict);
        if core.count(Counter::CacheStale) > stood_in {
            self.policy.insert(name_of(&asked.messages()[0]), Policy::Allowed);
        }
        self.note();
    }

    fn is_batching(&self) -> bool {
        self.terms.contains("batch=")
    }

    /// What the core did.
    fn note(&mut self) {
        for effect in self.core.as_mut().unwrap().take() {
            match effect {
                Effect::Sent(Direction::Inbound, bytes) => {
                    self.allow_kept(&bytes);
                    self.deny_limited(&bytes);
                    self.may_give_up |= show(&bytes).contains("|35=5|");
                    for why in ["too many malformed", "is logged on already", "CompID", "BeginString"] {
                        assert!(!show(&bytes).contains(why), "a session ended: {}", show(&bytes));
                    }
                    self.sides[0].went += messages(&bytes).len();
                    self.note_tests(&bytes);
                    self.to_venue.extend(messages(&bytes).into_iter().map(<[u8]>::to_vec));
                }
                Effect::Sent(Direction::Outbound, bytes) => {
                    self.allow_kept(&bytes);
                    self.assert_decided(&bytes);
                    self.note_rejects(&bytes);
                    self.sides[1].went += messages(&bytes).len();
                    self.to_client.extend(messages(&bytes).into_iter().map(<[u8]>::to_vec));
                }
                Effect::Asked(asked) => match asked.event() {
                    "watch" => self.watch = Some(asked),
                    _ => self.out.push(asked),
                },
                Effect::Reported(asked) => {
                    let is_violation = asked.header("x-fix-report") == Some("violation");
                    assert!(self.misspoke || !is_violation, "{asked:?}");
                }
                Effect::Ended(from) => {
                    self.assert_nothing_lost(from);
                    self.sides[from as usize].told = true;
                    // A client that the core ends by itself closes; and Envoy closes what has ended in both directions.
                    let by_itself = from == Direction::Outbound && !self.sides[1].finished;
                    if by_itself || self.sides.iter().all(|side| side.told) {
                        return self.flush();
                    }
                }
                Effect::Closed(why) => {
                    assert!(!why.starts_with("too many"), "a place was lost: {why}");
                    assert_ne!(why, "violation of the strict profile");
                    return self.flush();
                }
                _ => {}
            }
        }
    }

    /// What was sent is delivered before the connection closes.
    fn flush(&mut self) {
        while !self.to_client.is_empty() {
            self.deliver(Direction::Inbound);
        }
        while !self.to_venue.is_empty() {
            self.deliver(Direction::Outbound);
        }
        self.hang_up();
    }

    /// What goes on unasked was decided with a message like it.
    fn allow_kept(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            let text = show(message);
            let Some((_, name)) = text.split_once("|58=") else { continue };
            let name = name.split('|').next().unwrap();
            let kept = self.kept.iter().any(|kind| text.contains(&format!("|35={kind}|")))
                && !text.contains("|43=Y|");
            if let Some(policy) = self.policy.get_mut(name)
                && kept
                && [Policy::Undecided { denied: false }, Policy::Failed].contains(policy)
            {
                *policy = Policy::Allowed;
            }
        }
    }

    /// What became a TestRequest, or the Logout of a limit, and was not decided by an answer, was over a limit.
    fn deny_limited(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            let mut fields = Vec::new();
            let message = read(message, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            let replaced = match message.msg_type.as_bytes() {
                b"1" => true,
                b"5" => message.get(tags::TEXT).is_some_and(|text| text.starts_with(b"Session ended: ")),
                _ => false,
            };
            if let Some(Content::Trade { name, .. }) = self.client.sent.get(&message.seq)
                && message.msg_type.as_bytes() == b"5"
            {
                self.ended.insert(name.clone());
            }
            if let Some(Content::Trade { name, .. }) = self.client.sent.get(&message.seq)
                && let Some(policy @ Policy::Undecided { .. }) = self.policy.get_mut(name)
                && replaced
            {
                assert!(self.limited, "denied by nobody");
                *policy = Policy::Denied;
            }
        }
    }

    fn note_tests(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            let mut fields = Vec::new();
            let message = read(message, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            match (message.msg_type.as_bytes(), message.poss_dup) {
                (b"1", false) => {
                    self.denied.insert(message.seq);
                }
                (b"1", true) if !self.denied.contains(&message.seq) => {
                    self.replayed.insert(message.seq);
                }
                _ => {}
            }
        }
    }

    /// A report only becomes a GapFill because the service denied it, or where the settings say so.
    fn assert_decided(&self, bytes: &[u8]) {
        for message in messages(bytes) {
            let mut fields = Vec::new();
            let message = read(message, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            if let Some(Content::Trade { name, .. }) = self.venue.sent.get(&message.seq)
                && message.msg_type.as_bytes() == b"4"
            {
                let decided = match self.undecided {
                    Undecided::End(_) => self.policy[name] == Policy::Denied,
                    Undecided::GapFill(_) => self.policy[name].is_denied(),
                };
                assert!(decided, "withheld without a decision: {}, {:?}", message.seq, self.policy[name]);
            }
        }
    }

    /// A reject stays at its number.
    fn note_rejects(&mut self, bytes: &[u8]) {
        for message in messages(bytes) {
            let mut fields = Vec::new();
            let message = read(message, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            if matches!(message.msg_type.as_bytes(), b"j" | b"3") {
                let of = show(message.get(tags::REF_SEQ_NUM).unwrap()).parse().unwrap();
                assert_eq!(
                    *self.rejects.entry(message.seq).or_insert(of),
                    of,
                    "a number with another reject"
                );
            }
        }
    }

    fn deliver(&mut self, to: Direction) {
        let queue = if to == Direction::Inbound { &mut self.to_client } else { &mut self.to_venue };
        let Some(message) = queue.pop_front() else { return };
        self.assert_approved(&message);
        if to == Direction::Outbound {
            self.note_loss(&message);
            self.note_gap(&message);
        }
        let stays = self.engine(to).hear(&message);
        if !stays && self.core.is_some() && to == Direction::Inbound {
            self.hang_up();
        }
    }

    /// The venue has a gap and takes no TestRequest behind it.
    fn note_gap(&mut self, message: &[u8]) {
        let mut fields = Vec::new();
        let message = read(message, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
        if message.seq > self.venue.expected && message.msg_type.as_bytes() == b"1" {
            self.unanswerable.insert(message.seq);
        }
    }

    /// The end of a session takes numbers from what the client had sent there: the Logout's, and those of replays that
    /// the venue had not seen before.
    fn note_loss(&mut self, message: &[u8]) {
        let mut fields = Vec::new();
        let message = read(message, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
        let trade = matches!(self.client.sent.get(&message.seq), Some(Content::Trade { .. }));
        let logout = message.msg_type.as_bytes() == b"5";
        let gap = message.msg_type.as_bytes() == b"4" && !self.venue.taken.contains_key(&message.seq);
        if self.killed && trade && (logout || gap) {
            self.venue.lost.insert(message.seq);
        }
    }

    /// Whatever arrives was allowed before.
    fn assert_approved(&self, message: &[u8]) {
        let text = show(message);
        if ["|35=D|", "|35=B|", "|35=8|", "|35=9|"].iter().any(|kind| text.contains(kind)) {
            let (_, name) = text.split_once("|58=").unwrap();
            let name = name.split('|').next().unwrap();
            assert_eq!(self.policy[name], Policy::Allowed, "unapproved: {text}");
        }
        assert!(!text.contains("|11=bad|"), "a bad message went on: {text}");
        assert!(!text.contains("|35=BE|"), "a renewal went on: {text}");
        assert!(!text.contains("s3cret"), "the token went on: {text}");
    }

    fn connect(&mut self, let_in: bool) {
        if self.core.is_none() {
            self.connections = self.connections.wrapping_add(1);
            let mut core = Driver::on(Arc::clone(&self.listener), [self.connections; 32]);
            core.admit("10.0.0.1");
            self.core = Some(core);
            self.let_in = let_in;
            if self.client.begins_anew {
                self.forget_numbers();
            }
            self.client.log_on();
        }
    }

    fn hang_up(&mut self) {
        if let Some(mut core) = self.core.take() {
            core.gone();
        }
        self.to_client.clear();
        self.to_venue.clear();
        self.out.clear();
        self.watch = None;
        self.kept.clear();
        let Self { client, replayed, ended, .. } = self;
        for seq in replayed.drain() {
            if let Some(Content::Trade { name, .. }) = client.sent.get(&seq) {
                ended.insert(name.clone());
            }
        }
        self.killed = false;
        self.may_give_up = false;
        self.sides = Default::default();
        self.resets = 0;
        // Where one side has begun anew and the other one may not, operators have both do so.
        self.client.begins_anew |= std::mem::take(&mut self.venue.begins_anew);
        self.client.hang_up();
        self.venue.hang_up();
    }
}

/// The name of a message that a Check is about.
fn name_of(asked: &AskedMessage) -> String {
    asked.body.trim_start_matches("58=").split('|').next().unwrap().to_owned()
}

impl Policy {
    /// Once decided, a message stays so: a number must not change its content by a change of mind.
    fn ruling(&mut self) -> Verdict {
        if let Self::Undecided { denied } = *self {
            *self = if denied { Self::Denied } else { Self::Allowed };
        }
        if self.is_denied() { Verdict::reject() } else { Verdict::allow() }
    }

    fn is_denied(self) -> bool {
        matches!(self, Self::Denied | Self::Failed)
    }

    fn failing(&mut self) -> Verdict {
        let failed = matches!(self, Self::Undecided { denied: false } | Self::Failed);
        let verdict = self.unless_allowed(Verdict::parse("no-answer"));
        if failed {
            *self = Self::Failed;
        }
        verdict
    }

    fn unless_allowed(&mut self, verdict: Verdict) -> Verdict {
        if *self == Self::Allowed {
            return Verdict::allow();
        }
        *self = Self::Denied;
        verdict
    }
}
