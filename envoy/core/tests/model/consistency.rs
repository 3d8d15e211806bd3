//! A model of a session whose services change, restart, lag and answer late: which messages may pass, and by which state.

use crate::services::{Answer, Change, Said, Services, State};
use crate::support::driver::{Driver, Effect, listener};
use crate::support::service::Verdict;
use crate::support::transcript::{long, messages};
use fix_authz_core::command::Direction;
use fix_authz_core::testing::show;
use std::collections::HashMap;

/// One thing that happens.
#[derive(Debug, Clone)]
pub enum Step {
    /// A side sends a message.
    Send {
        from: Direction,
        msg_type: usize,
        bad: bool,
        future: bool,
    },
    /// The client brings a fresh credential.
    Renew,
    /// A service evaluates one of its Checks.
    Evaluate(usize),
    /// One of the answers on their way reaches the filter.
    Answer(usize),
    Change(Change),
    /// A service puts the next policy in force, or reads the store.
    Apply {
        service: usize,
        store: bool,
    },
    Stop(usize),
    Start(usize),
    /// Time passes, in milliseconds.
    Wait(u64),
}

/// A message that was sent.
struct Message {
    said: Said,
    /// When it was sent.
    at_ms: u64,
    /// The Check about it that was answered last: whether it was sent after the newest report, and in which state of the
    /// service it was evaluated.
    decided: Option<(usize, State)>,
    passed: bool,
}

/// A session and its services.
pub struct World {
    core: Driver,
    services: Services,
    messages: Vec<Message>,
    numbers: HashMap<(bool, u64), usize>,
    next: [u64; 2],
    /// The newest policy and the newest restriction that services have reported to the filter.
    newest: State,
    /// How many reports of another state there had been when each Check was sent.
    sent_at: HashMap<u64, usize>,
    reports: usize,
    /// A confirming watch is out.
    confirming: Option<u64>,
    /// The latest watch.
    watch: Option<u64>,
    /// Whether the latest watch failed.
    unwatched: bool,
    /// Whether a Check was answered since.
    reachable: bool,
    held: [Vec<u8>; 2],
    /// When the filter was last told that a decision may be cached: by state, type and the values that decide.
    cached: HashMap<String, u64>,
    clock_ms: u64,
}

impl World {
    /// Makes a session that has just logged on, with this number of services. With `batch` nothing is cached. Reports that
    /// were held for so long are gap-filled, so that the session lives on.
    pub fn new(services: usize, batch: bool, hold_ms: u32) -> Self {
        let core = Driver::on(
            listener(&format!(
                r#""accounting":{{"enabled":false}},"cache":{{"enabled":{}}},"outbound":{{"undecided":"gap_fill"}},
                "limits":{{"max_pending_rejects":65536,"outbound_hold_ms":{hold_ms}}}"#,
                !batch
            )),
            [3; 32],
        );
        let services = Services::new(services, batch);
        let mut world = Self {
            core,
            newest: services.state(0, 0),
            services,
            messages: Vec::new(),
            numbers: HashMap::new(),
            next: [1, 1],
            sent_at: HashMap::new(),
            reports: 0,
            confirming: None,
            watch: None,
            unwatched: false,
            reachable: false,
            held: [Vec::new(), Vec::new()],
            cached: HashMap::new(),
            clock_ms: 0,
        };
        world.bytes(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", "A 1 98=0|554=s3cret|"));
        world.services.evaluate(0);
        world.answer(0);
        world.bytes(Direction::Outbound, &long(Direction::Outbound, "FIX.4.4", "A 1 98=0|"));
        world.next = [2, 2];
        world
    }

    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Send { from, msg_type, bad, future } => self.send(*from, *msg_type, *bad, *future),
            Step::Renew => self.renew(),
            Step::Evaluate(pick) => self.services.evaluate(*pick),
            Step::Answer(pick) => self.answer(*pick),
            Step::Change(change) => self.services.change(*change),
            Step::Apply { service, store } => self.services.apply(*service, *store),
            Step::Stop(nth) => self.services.stop(*nth),
            Step::Start(nth) => self.services.start(*nth),
            Step::Wait(millis) => {
                self.clock_ms += millis;
                self.core.after(*millis);
                self.note();
            }
        }
    }

    /// Every service comes back and every answer arrives: then nothing waits, and an allowed message passes.
    pub fn settle(&mut self) {
        for nth in 0..2 {
            self.services.start(nth);
        }
        for _ in 0..200 {
            self.step(&Step::Wait(600));
            self.services.evaluate(0);
            self.answer(0);
        }
        for _ in 0..2_000 {
            self.services.evaluate(0);
            self.answer(0);
        }
        let state = self.services.newest();
        let sent = self.messages.len();
        for msg_type in 0..3 {
            self.send(Direction::Inbound, msg_type, false, false);
        }
        for _ in 0..200 {
            self.services.evaluate(0);
            self.answer(0);
        }
        for message in &self.messages[sent..] {
            assert_eq!(message.passed, state.allows(&message.said), "{:?} in {state:?}", message.said);
        }
    }

    fn send(&mut self, from: Direction, msg_type: usize, bad: bool, future: bool) {
        let types: &[&str] = if from == Direction::Inbound { &["D", "F", "B"] } else { &["8", "9"] };
        let said = Said {
            msg_type: types[msg_type % types.len()],
            symbol: if bad { "BAD" } else { "OK" },
            kind: if future { "FUT" } else { "CS" },
        };
        let side = usize::from(from == Direction::Outbound);
        let seq = self.next[side];
        self.next[side] += 1;
        let name = self.messages.len();
        let text = format!("{} {seq} {}", said.msg_type, said.body(name));
        self.messages.push(Message { said, at_ms: self.clock_ms, decided: None, passed: false });
        self.numbers.insert((from == Direction::Inbound, seq), name);
        self.bytes(from, &long(from, "FIX.4.4", &text));
    }

    fn renew(&mut self) {
        let seq = self.next[0];
        self.next[0] += 1;
        self.bytes(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", &format!("BE {seq} 925=fresh|")));
    }

    fn bytes(&mut self, from: Direction, bytes: &[u8]) {
        self.held[usize::from(from == Direction::Outbound)].extend_from_slice(bytes);
        self.pump();
    }

    fn pump(&mut self) {
        for (side, from) in [Direction::Inbound, Direction::Outbound].into_iter().enumerate() {
            if from == Direction::Outbound && !self.core.takes_outbound() {
                continue;
            }
            let bytes = std::mem::take(&mut self.held[side]);
            if !bytes.is_empty() {
                self.core.receive(from, &bytes, false);
                self.note();
            }
        }
    }

    fn answer(&mut self, pick: usize) {
        if self.services.answers.is_empty() {
            return;
        }
        let answer = self.services.answers.remove(pick % self.services.answers.len());
        let id = answer.asked.id;
        self.note_reach(&answer);
        let before = self.reports;
        self.report(&answer.verdict, answer.told);
        if let Some(state) = answer.state.filter(|_| answer.asked.event() == "message") {
            // The answer was made in the state that it reports itself.
            let sent_at = self.sent_at[&id];
            let sent_at = if sent_at == before { self.reports } else { sent_at };
            // No message waits for the answer to a refresh, not even the one that it is about.
            for asked in answer.asked.messages().iter().filter(|_| !answer.asked.is_refresh()) {
                let name = self.numbers[&(answer.asked.is_inbound(), asked.seq)];
                self.messages[name].decided = Some((sent_at, state));
            }
            if matches!(&answer.verdict, Verdict::Allow(pairs) if pairs.iter().any(|pair| pair.0 == "vary")) {
                let said =
                    &self.messages[self.numbers[&(answer.asked.is_inbound(), answer.asked.seq())]].said;
                self.cached.insert(state.key(said), self.clock_ms);
            }
        }
        self.core.answer(id, &answer.verdict);
        self.note();
        self.pump();
    }

    /// Notes what the filter can conclude about whether a service can be reached.
    fn note_reach(&mut self, answer: &Answer) {
        let failed = matches!(answer.verdict, Verdict::Failure(_));
        if self.confirming == Some(answer.asked.id) {
            self.confirming = None;
        }
        match (answer.asked.event(), failed) {
            // An earlier watch than the latest has been given up.
            ("watch", failed) if self.watch == Some(answer.asked.id) => {
                (self.unwatched, self.reachable) = (failed, false);
            }
            ("watch", _) => {}
            // It brings the terms that hold from here on. A watch goes out with it, or within a second if several earlier
            // ones have not been answered, and the earlier ones are given up.
            ("renewal", false) => (self.watch, self.unwatched, self.reachable) = (None, false, false),
            (_, false) => self.reachable = true,
            (_, true) => {}
        }
    }

    /// Notes that the filter gets a state reported.
    fn report(&mut self, verdict: &Verdict, state: State) {
        let (Verdict::Allow(pairs) | Verdict::OtherTerms(pairs)) = verdict else { return };
        if !pairs.iter().any(|(name, _)| name == "revision") {
            return;
        }
        let mapping = self.newest.mapping.max(state.mapping);
        let newest = self.services.state(mapping, self.newest.restrictions.max(state.restrictions));
        self.reports += usize::from(newest.etag() != self.newest.etag());
        self.newest = newest;
    }

    fn note(&mut self) {
        for effect in self.core.take() {
            match effect {
                Effect::Sent(_, bytes) => {
                    for message in messages(&bytes) {
                        self.passed(&show(message));
                    }
                }
                Effect::Reported(asked) => {
                    assert_ne!(asked.header("x-fix-report"), Some("violation"), "{asked:?}");
                }
                Effect::Asked(asked) => {
                    self.sent_at.insert(asked.id, self.reports);
                    if asked.event() == "watch" {
                        self.watch = Some(asked.id);
                        self.confirming = asked.header("prefer").map(|_| asked.id);
                    }
                    self.services.ask(asked);
                }
                Effect::Closed(why) => panic!("closed: {why}"),
                _ => {}
            }
        }
    }

    /// Checks a message that passed unchanged. Either a service allowed it in a state no older than the one that the filter
    /// knew when it asked, or it passed by the newest state that the filter knew: by its terms or by a cached decision.
    fn passed(&mut self, text: &str) {
        let Some(name) = text.split("|58=m").nth(1).and_then(|rest| rest.split('|').next()) else { return };
        let newest = self.newest;
        let message = &mut self.messages[name.parse::<usize>().unwrap()];
        assert!(!message.passed, "passed twice: {text}");
        message.passed = true;
        let answered = message.decided.is_some_and(|(sent_at, state)| {
            let is_current = state.is_up_to(&newest) || state.etag() == newest.etag();
            state.allows(&message.said) && (sent_at == self.reports || is_current)
        });
        let lifted = message.decided.is_some_and(|(_, state)| state.restrictions > newest.restrictions);
        assert!(
            newest.allows_if_restricted(message.said.msg_type) || lifted,
            "passed a restriction that was known: {text}, the decision was {:?}",
            message.decided
        );
        if answered {
            return;
        }
        let unasked = newest.policy().passes_unasked(message.said.msg_type);
        let cached = self.cached.get(&newest.key(&message.said));
        let cached = cached.is_some_and(|at| message.at_ms.saturating_sub(*at) < 65_000);
        assert!(
            newest.allows(&message.said) && (unasked || cached),
            "unapproved: {text}: the newest state is {newest:?}, the decision was {:?}",
            message.decided,
        );
        assert!(self.confirming.is_none(), "passed before the terms were confirmed: {text}");
        assert!(!(self.unwatched && self.reachable), "passed though a service could be reached: {text}");
    }
}
