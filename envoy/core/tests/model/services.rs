//! Two decision services that apply one list of changes, each at its own pace: their answers, and the states of these.
//!
//! A change puts another policy or a restriction in force, and has a number in the store that the services share. A service
//! reads policies at its own pace, and restrictions from the store; its revision has a number for each of the two. A policy
//! forbids by the values of tags, and sees only the tags that a Check has. So if a body was cut by another policy's terms, a
//! service that evaluated it could allow a message that its policy forbids.

use crate::support::service::{Asked, Verdict};
use std::collections::BTreeMap;

/// A message: its type, and the values that policies test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub msg_type: &'static str,
    pub symbol: &'static str,
    pub kind: &'static str,
}

impl Said {
    /// The body fields, with a name of its own.
    pub fn body(&self, name: usize) -> String {
        format!("58=m{name}|55={}|167={}|", self.symbol, self.kind)
    }
}

/// A policy: what it asks about, and what it forbids.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    wants: &'static str,
    exempt: &'static str,
    guards: &'static str,
    /// What passes of a closed direction, where all other outbound types are asked about.
    passes: Option<&'static str>,
    forbids_symbol: bool,
    forbids_kind: bool,
    forbids_orders: bool,
}

const POLICIES: [Policy; 7] = [
    Policy { wants: "", exempt: "B", guards: "", ..Policy::NOTHING },
    Policy { wants: "55", exempt: "", guards: "8", forbids_symbol: true, ..Policy::NOTHING },
    Policy { wants: "167", exempt: "B", guards: "8,9", forbids_kind: true, ..Policy::NOTHING },
    Policy {
        wants: "55,167",
        exempt: "B",
        guards: "9",
        forbids_symbol: true,
        forbids_kind: true,
        ..Policy::NOTHING
    },
    Policy { wants: "", exempt: "", guards: "8,9", forbids_orders: true, ..Policy::NOTHING },
    Policy { wants: "", exempt: "B,F", guards: "", ..Policy::NOTHING },
    Policy { wants: "55", exempt: "B", passes: Some("9"), forbids_symbol: true, ..Policy::NOTHING },
];

impl Policy {
    const NOTHING: Self = Self {
        wants: "",
        exempt: "",
        guards: "",
        passes: None,
        forbids_symbol: false,
        forbids_kind: false,
        forbids_orders: false,
    };

    pub fn passes_unasked(&self, msg_type: &str) -> bool {
        let listed = |list: &str| list.split(',').any(|one| one == msg_type);
        match msg_type {
            "8" | "9" => self.passes.map_or_else(|| !listed(self.guards), listed),
            "D" | "F" | "B" => listed(self.exempt),
            _ => true,
        }
    }

    fn allows(&self, msg_type: &str, symbol: Option<&str>, kind: Option<&str>) -> bool {
        let forbidden = self.forbids_symbol && symbol == Some("BAD")
            || self.forbids_kind && kind == Some("FUT")
            || self.forbids_orders && msg_type == "D";
        self.passes_unasked(msg_type) || !forbidden
    }

    fn name(&self) -> String {
        let guards = self.passes.map_or_else(|| self.guards.to_owned(), |passes| format!("all-but-{passes}"));
        format!("t-{}-{}-{guards}", self.wants, self.exempt).replace(',', "+")
    }

    fn terms(&self) -> String {
        let guards = self.passes.map_or_else(
            || format!("guard-outbound={}", self.guards),
            |passes| format!("guard-outbound=* pass-outbound={passes}"),
        );
        format!("want-tags={} exempt={} {guards}", self.wants, self.exempt)
    }
}

/// What an operator or an author does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Policy(usize),
    /// A restriction to cancels only, or its end.
    Restricted(bool),
}

/// What is in force: the policy of the first `mapping` changes, and the restriction of the first `restrictions`.
#[derive(Debug, Clone, Copy)]
pub struct State {
    pub mapping: usize,
    pub restrictions: usize,
    policy: usize,
    restricted: bool,
}

impl State {
    /// Whether it has every change that `other` has.
    pub fn is_up_to(&self, other: &Self) -> bool {
        self.mapping >= other.mapping && self.restrictions >= other.restrictions
    }

    pub fn policy(&self) -> Policy {
        POLICIES[self.policy]
    }

    /// Whether this state allows the message, with all its fields taken into account.
    pub fn allows(&self, said: &Said) -> bool {
        self.decides(said.msg_type, Some(said.symbol), Some(said.kind))
    }

    /// Whether the restriction, if there is one, permits messages of this type.
    pub fn allows_if_restricted(&self, msg_type: &str) -> bool {
        !(self.restricted && msg_type == "D")
    }

    fn decides(&self, msg_type: &str, symbol: Option<&str>, kind: Option<&str>) -> bool {
        self.policy().allows(msg_type, symbol, kind) && self.allows_if_restricted(msg_type)
    }

    /// Names a cached decision of this state about such messages.
    pub fn key(&self, said: &Said) -> String {
        let wants = self.policy().wants;
        let value = |tag: &str, value: &'static str| if wants.contains(tag) { value } else { "" };
        format!("{} {} {} {}", self.etag(), said.msg_type, value("55", said.symbol), value("167", said.kind))
    }

    pub fn etag(&self) -> String {
        format!("\"p{}-{}\"", self.policy, self.restricted)
    }

    fn told(&self) -> String {
        let name = self.policy().name();
        format!("etag={} revision={}.{} terms={name}", self.etag(), self.mapping, self.restrictions)
    }
}

/// A service.
#[derive(Debug, Clone)]
struct Service {
    /// How many changes it has applied, of those that are policies.
    policies: usize,
    /// How many it has read from the store, of those that are restrictions.
    restrictions: usize,
    up: bool,
    /// Checks and watches that it has not answered, by id.
    open: BTreeMap<u64, Asked>,
}

/// An answer on its way: to what, whether the service evaluated a message, and in which state.
pub struct Answer {
    pub asked: Asked,
    pub verdict: Verdict,
    pub state: Option<State>,
    /// The state that the answer tells of.
    pub told: State,
}

/// All of them.
pub struct Services {
    changes: Vec<Change>,
    services: Vec<Service>,
    turn: usize,
    batch: bool,
    /// Answers that the filter has not had yet.
    pub answers: Vec<Answer>,
}

impl Services {
    pub fn new(count: usize, batch: bool) -> Self {
        let service = Service { policies: 0, restrictions: 0, up: true, open: BTreeMap::new() };
        Self { changes: Vec::new(), services: vec![service; count], turn: 0, batch, answers: Vec::new() }
    }

    pub fn change(&mut self, change: Change) {
        self.changes.push(change);
    }

    fn state_of(&self, service: &Service) -> State {
        self.state(service.policies, service.restrictions)
    }

    /// The state with the policy of the first `mapping` changes, and the restriction of the first `restrictions`.
    pub fn state(&self, mapping: usize, restrictions: usize) -> State {
        let mut policies = self.changes[..mapping].iter().filter_map(|change| match change {
            Change::Policy(policy) => Some(policy % POLICIES.len()),
            Change::Restricted(_) => None,
        });
        let mut restricted = self.changes[..restrictions].iter().filter_map(|change| match change {
            Change::Restricted(restricted) => Some(*restricted),
            Change::Policy(_) => None,
        });
        State {
            mapping,
            restrictions,
            policy: policies.next_back().unwrap_or(0),
            restricted: restricted.next_back().unwrap_or(false),
        }
    }

    /// A Check or a watch reaches the next service that is up, or none.
    pub fn ask(&mut self, asked: Asked) {
        let count = self.services.len();
        for _ in 0..count {
            self.turn = (self.turn + 1) % count;
            if self.services[self.turn].up {
                let at_once = asked.event() == "watch";
                let id = asked.id;
                self.catch_up(self.turn, &asked);
                self.services[self.turn].open.insert(id, asked);
                if at_once {
                    self.answer_watches(self.turn);
                }
                return;
            }
        }
        let told = self.state(0, 0);
        self.answers.push(Answer { asked, verdict: Verdict::parse("unreachable"), state: None, told });
    }

    /// A service applies the next policy, or reads the store, and answers its watches.
    pub fn apply(&mut self, nth: usize, store: bool) {
        let (nth, most) = (nth % self.services.len(), self.changes.len());
        let service = &mut self.services[nth];
        if store {
            service.restrictions = most;
        } else {
            service.policies = (service.policies + 1).min(most);
        }
        self.answer_watches(nth);
    }

    /// All that a service has open fails; it is away until it starts again, perhaps with all changes applied.
    pub fn stop(&mut self, nth: usize) {
        let nth = nth % self.services.len();
        self.services[nth].up = false;
        for (_, asked) in std::mem::take(&mut self.services[nth].open) {
            let told = self.state(0, 0);
            self.answers.push(Answer { asked, verdict: Verdict::parse("no-answer"), state: None, told });
        }
    }

    pub fn start(&mut self, nth: usize) {
        let nth = nth % self.services.len();
        let most = self.changes.len();
        let service = &mut self.services[nth];
        (service.up, service.policies, service.restrictions) = (true, most, most);
        self.answer_watches(nth);
    }

    /// One of the open Checks is evaluated; its answer is on its way.
    pub fn evaluate(&mut self, pick: usize) {
        let checks: Vec<(usize, u64)> = self
            .services
            .iter()
            .enumerate()
            .flat_map(|(nth, service)| {
                let checks = service.open.values().filter(|asked| asked.event() != "watch");
                checks.map(move |asked| (nth, asked.id))
            })
            .collect();
        let Some((nth, id)) = checks.get(pick % checks.len().max(1)).copied() else { return };
        let asked = self.services[nth].open.remove(&id).unwrap();
        self.catch_up(nth, &asked);
        let state = self.state_of(&self.services[nth]);
        let verdict = self.verdict(&asked, state);
        let evaluated = !matches!(verdict, Verdict::OtherTerms(_)) && asked.event() == "message";
        self.answers.push(Answer { asked, verdict, state: evaluated.then_some(state), told: state });
    }

    /// The state after all changes.
    pub fn newest(&self) -> State {
        self.state(self.changes.len(), self.changes.len())
    }

    /// The store is written before a watch is answered, so a session that has heard of a restriction can name one that this
    /// service has not read yet.
    fn catch_up(&mut self, nth: usize, asked: &Asked) {
        if known(asked).is_some_and(|(_, restrictions)| restrictions > self.services[nth].restrictions) {
            self.apply(nth, true);
        }
    }

    fn answer_watches(&mut self, nth: usize) {
        let state = self.state_of(&self.services[nth]);
        let ready: Vec<u64> = self.services[nth]
            .open
            .values()
            .filter(|asked| {
                let behind = known(asked).is_some_and(|(mapping, _)| mapping > state.mapping);
                let news = asked.header("if-none-match") != Some(&state.etag());
                // A service whose state is older than the session's does not answer until it has caught up.
                asked.event() == "watch" && (news && !behind || asked.header("prefer").is_some())
            })
            .map(|asked| asked.id)
            .collect();
        for id in ready {
            let asked = self.services[nth].open.remove(&id).unwrap();
            let verdict = self.welcome(state);
            self.answers.push(Answer { asked, verdict, state: Some(state), told: state });
        }
    }

    fn welcome(&self, state: State) -> Verdict {
        let batch = if self.batch { " batch=4" } else { "" };
        Verdict::parse(&format!("allow {} {} watch=50{batch}", state.told(), state.policy().terms()))
    }

    fn verdict(&self, asked: &Asked, state: State) -> Verdict {
        match asked.event() {
            "logon" | "renewal" => return self.welcome(state),
            "message" => {}
            _ => return Verdict::allow(),
        }
        let named = asked.header("x-fix-terms").unwrap();
        if named != "*" && named != state.policy().name() {
            return Verdict::parse(&format!("terms {} {}", state.told(), state.policy().terms()));
        }
        let messages = asked.messages();
        let allowed = messages
            .iter()
            .take_while(|message| {
                let value = |tag: &str| {
                    let fields = message.body.split('|');
                    fields.filter_map(|field| field.split_once('=')).find(|(name, _)| *name == tag)
                };
                let (symbol, kind) = (value("55").map(|field| field.1), value("167").map(|field| field.1));
                state.decides(&message.msg_type, symbol, kind)
            })
            .count();
        let denied = || Box::new(Verdict::reject());
        match (messages.len(), allowed) {
            (1, 1) if state.restricted || self.batch => Verdict::parse(&format!("allow {}", state.told())),
            (1, 1) => Verdict::parse(&format!(
                "allow {} cache-control=max-age=60,stale-if-error=5 vary={}",
                state.told(),
                state.policy().wants
            )),
            (1, _) => Verdict::reject(),
            (count, allowed) if allowed == count => {
                Verdict::parse(&format!("allow allowed={count} {}", state.told()))
            }
            (_, allowed) => Verdict::Until(allowed, denied()),
        }
    }
}

/// The revision that the session had heard of.
fn known(asked: &Asked) -> Option<(usize, usize)> {
    let (mapping, restrictions) = asked.header("x-fix-revision")?.split_once('.')?;
    Some((mapping.parse().unwrap(), restrictions.parse().unwrap()))
}
