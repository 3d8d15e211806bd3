//! Tests as dialogues: `>>` is an event, `<<` each command that it must yield, and no other.
//!
//! A message is written `D 7 11=a|`: MsgType, MsgSeqNum and the rest behind the standard header; BeginString, length,
//! sum, CompIDs and SendingTime are understood, and on the way out held against the bytes. Where the header is another it is
//! written out from `35=`. `|` is SOH, ` + ` stands between messages of one event, and `<1>` is the first unguessable
//! TestReqID (112), `<2>` the second.
//!
//! Events: `connect`; `from ADDRESS`; `client M`, `venue M`; `client-last M`, `venue-last M` (bytes, then the end); `client-end`,
//! `venue-end`; `client-bytes B`, `venue-bytes B` (as written); `answer ID VERDICT`; `after MILLISECONDS` (and a tick), `later MILLISECONDS`
//! (and none); `gone`; `reconnect`; `killed` (the process; another has begun); `drain`, `stop` (the gateway). Accounts show as
//! `account KEY=VALUE …`, those of names left out.

use super::driver::{Driver, Effect};
use super::service::{Asked, Verdict};
use fix_authz_core::command::{Direction, Fact};
use fix_authz_core::frame::{Frame, next_frame};
use fix_authz_core::session::Departure;
use fix_authz_core::session_name::SessionName;
use fix_authz_core::stats::{Counter, Gauge};
use fix_authz_core::testing::{fix, raw, show};

/// The token of the standard Logon.
pub const TOKEN: &str = "s3cret";

/// A session of either side's first Logon, both of number 1.
pub const OPEN: &str = ">> client A 1 98=0|108=0|554=s3cret|
    << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|
    >> answer 1 allow
    << venue A 1 98=0|108=0|
    >> venue A 1 98=0|108=0|
    << client A 1 98=0|108=0|";

/// How long a session waits at first before it reports what it decided alone.
pub const UNANSWERED_MS: u32 = 7_000;
/// How long it is at least from one warning about failures to the next.
pub const WARNING_MS: u32 = 11_000;

const TIME: &str = "20261120-10:00:00.000";

/// A session under test.
pub struct Play {
    driver: Driver,
    version: &'static str,
    settings: String,
    echoes: Vec<String>,
    /// Secret names of its sessions.
    secrets: Vec<String>,
    /// Ticks are shown without their time.
    ticking: bool,
    connections: u8,
    /// What opening the session yielded; `connect` shows it.
    opened: Vec<Effect>,
}

impl Play {
    /// A fresh connection of this version, with settings besides `check` as JSON members.
    pub fn new(version: &'static str, settings: &str) -> Self {
        let mut driver = Driver::journaled(settings);
        let opened = driver.take();
        Self {
            driver,
            version,
            settings: settings.to_owned(),
            echoes: Vec::new(),
            secrets: Vec::new(),
            ticking: false,
            connections: 7,
            opened,
        }
    }

    /// A connection to the same listener, beside this one.
    pub fn beside(&mut self) -> Self {
        self.connections += 1;
        let mut driver = self.driver.beside([self.connections; 32]);
        let opened = driver.take();
        Self {
            driver,
            version: self.version,
            settings: self.settings.clone(),
            echoes: Vec::new(),
            secrets: Vec::new(),
            ticking: false,
            connections: 7,
            opened,
        }
    }

    /// A session past its Logon, on these terms; the next Check is number 2.
    pub fn logged_on(version: &'static str, settings: &str, terms: &str) -> Self {
        let mut play = Self::new(version, settings);
        play.play(&format!(
            ">> client A 1 98=0|108=0|554={TOKEN}|
             << check 1 logon inbound A 1 bearer={TOKEN} 98=0|108=0|
             >> answer 1 allow {terms}
             << venue A 1 98=0|108=0|
             >> venue A 1 98=0|108=0|
             << client A 1 98=0|108=0|"
        ));
        play
    }

    /// Holds the session to the script.
    #[track_caller]
    pub fn play(&mut self, script: &str) {
        let lines = script.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let expected: Vec<&str> = lines.collect();
        let mut actual = Vec::new();
        for line in &expected {
            let Some(event) = line.strip_prefix(">> ") else { continue };
            actual.push((*line).to_owned());
            let mut effects = if event == "connect" { std::mem::take(&mut self.opened) } else { Vec::new() };
            self.event(event.trim());
            effects.extend(self.driver.take());
            for effect in effects {
                self.show(effect, &mut actual);
            }
        }
        let (actual, expected) = (actual.join("\n"), expected.join("\n"));
        assert!(actual == expected, "expected:\n{expected}\n\nactual:\n{actual}\n");
    }

    /// Hands the bytes in by so many at a time, whatever comes of them.
    pub fn in_pieces(&mut self, from: Direction, text: &str, step: usize) {
        for piece in raw(text).chunks(step) {
            self.driver.receive(from, piece, false);
        }
        self.driver.take();
    }

    /// Hands the bytes in one at a time; this command must come of them first.
    #[track_caller]
    pub fn play_bytes(&mut self, from: Direction, text: &str, expected: &str) {
        let mut actual = Vec::new();
        for byte in raw(text) {
            self.driver.receive(from, &[byte], false);
        }
        for effect in self.driver.take() {
            self.show(effect, &mut actual);
        }
        assert_eq!(actual.first(), Some(&format!("<< {expected}")));
    }

    /// Plays one event of which nothing but a tick must come, between half of `most` milliseconds and all; says how many.
    #[track_caller]
    pub fn failed(&mut self, event: &str, most: u64) -> u64 {
        self.event(event);
        let effects: Vec<Effect> =
            self.driver.take().into_iter().filter(|effect| !is_aside(effect)).collect();
        let [Effect::TickIn(millis)] = effects.as_slice() else { panic!("{effects:?}") };
        let millis = u64::from(*millis);
        assert!((most / 2..=most).contains(&millis), "{millis}");
        millis
    }

    /// As [`Play::play`], but a tick may be at any time.
    #[track_caller]
    pub fn play_ticking(&mut self, script: &str) {
        self.ticking = true;
        self.play(script);
        self.ticking = false;
    }

    /// Plays one event, whatever comes of it.
    pub fn event_of(&mut self, event: &str) {
        self.event(event);
        self.driver.take();
    }

    pub fn count(&self, counter: Counter) -> u32 {
        self.driver.count(counter)
    }

    pub fn takes_outbound(&self) -> bool {
        self.driver.takes_outbound()
    }

    pub fn level(&self, gauge: Gauge) -> u64 {
        self.driver.level(gauge)
    }

    fn event(&mut self, event: &str) {
        use Direction::{Inbound, Outbound};
        let (verb, rest) = event.split_once(' ').unwrap_or((event, ""));
        match verb {
            "connect" => {}
            "from" => self.driver.admit(rest),
            "client" => self.driver.receive(Inbound, &self.bytes(Inbound, rest), false),
            "venue" => self.driver.receive(Outbound, &self.bytes(Outbound, rest), false),
            "client-last" => self.driver.receive(Inbound, &self.bytes(Inbound, rest), true),
            "venue-last" => self.driver.receive(Outbound, &self.bytes(Outbound, rest), true),
            "client-end" => self.driver.receive(Inbound, b"", true),
            "venue-end" => self.driver.receive(Outbound, b"", true),
            "client-bytes" => self.driver.receive(Inbound, &raw(rest), false),
            "venue-bytes" => self.driver.receive(Outbound, &raw(rest), false),
            "answer" => {
                let (id, verdict) = rest.split_once(' ').unwrap();
                self.driver.answer(id.parse().unwrap(), &Verdict::parse(verdict));
            }
            "later" => self.driver.wait(rest.parse().unwrap()),
            "after" => self.driver.after(rest.parse().unwrap()),
            "gone" => self.driver.gone(),
            "drain" => self.driver.drain(Departure::Drain),
            "stop" => self.driver.drain(Departure::Stop),
            "killed" => {
                self.connections += 1;
                self.driver.killed(&self.settings, [self.connections; 32]);
            }
            "reconnect" => {
                self.connections += 1;
                self.driver.again([self.connections; 32]);
            }
            _ => panic!("unknown event `{event}`"),
        }
    }

    fn bytes(&self, from: Direction, text: &str) -> Vec<u8> {
        let mut text = text.to_owned();
        for (index, id) in self.echoes.iter().enumerate() {
            text = text.replace(&format!("<{}>", index + 1), id);
        }
        text.split(" + ").flat_map(|message| long(from, self.version, message)).collect()
    }

    fn show(&mut self, effect: Effect, lines: &mut Vec<String>) {
        match effect {
            Effect::Sent(to, bytes) => {
                for message in messages(&bytes) {
                    lines.push(format!("<< {} {}", receiver(to), self.short(to, message)));
                }
            }
            Effect::Ended(to) => lines.push(format!("<< end {}", receiver(to))),
            Effect::Asked(asked) | Effect::Reported(asked) => {
                self.secrets.extend(asked.header("x-fix-session").map(str::to_owned));
                lines.push(format!("<< {}", question(&asked)));
            }
            Effect::ReadsPaused => lines.push("<< pause".into()),
            Effect::ReadsResumed => lines.push("<< resume".into()),
            // Many a failed Check sets these.
            Effect::TickIn(UNANSWERED_MS | WARNING_MS) => {}
            Effect::TickIn(_) if self.ticking => lines.push("<< tick".into()),
            Effect::TickIn(millis) => lines.push(format!("<< tick {millis}")),
            Effect::Accounted(facts) => {
                let counts = facts.iter().filter_map(|(name, fact)| match fact {
                    Fact::Count(n) => Some(format!(" {name}={n}")),
                    Fact::Name(_) | Fact::Proof(_) => None,
                });
                lines.push(format!("<< account{}", counts.collect::<String>()));
            }
            Effect::Closed(why) => lines.push(format!("<< close {why}")),
            Effect::Logged(line) => {
                assert!(!line.contains(TOKEN), "a token in the log: {line}");
                let secret = self.secrets.iter().find(|secret| line.contains(*secret));
                assert_eq!(secret, None, "a session's secret name in the log: {line}");
            }
        }
    }

    /// The inverse of [`long`].
    fn short(&mut self, to: Direction, message: &[u8]) -> String {
        let text = show(message);
        let (_, rest) = text.split_once("|35=").unwrap();
        let body = format!("35={}", rest.rsplit_once("10=").unwrap().0);
        assert_eq!(show(&fix(self.version, &body)), text, "a message of another version, length or sum");
        self.name_echo(to, &body);
        let mut short = abbreviate(to, &body).unwrap_or(body);
        for (index, id) in self.echoes.iter().enumerate() {
            short = short.replace(id.as_str(), &format!("<{}>", index + 1));
        }
        short
    }

    /// A TestReqID on its way to the venue that the script did not send is one of the filter's.
    fn name_echo(&mut self, to: Direction, body: &str) {
        let test_request = to == Direction::Inbound && body.starts_with("35=1|");
        if let Some((_, id)) = body.split_once("|112=").filter(|_| test_request) {
            let id = id.trim_end_matches('|').to_owned();
            if id.len() == 16 && !self.echoes.contains(&id) {
                self.echoes.push(id);
            }
        }
    }
}

/// What failures lead to beside what a test is about: lines in the log, and the timers of warnings and reports.
fn is_aside(effect: &Effect) -> bool {
    matches!(effect, Effect::Logged(_) | Effect::TickIn(UNANSWERED_MS | WARNING_MS))
}

fn receiver(direction: Direction) -> &'static str {
    match direction {
        Direction::Inbound => "venue",
        Direction::Outbound => "client",
    }
}

fn comp_ids(direction: Direction) -> (&'static str, &'static str) {
    match direction {
        Direction::Inbound => ("ALGO", "VENUE"),
        Direction::Outbound => ("VENUE", "ALGO"),
    }
}

/// `D 7 11=a|` with all that is understood.
pub fn long(from: Direction, version: &str, text: &str) -> Vec<u8> {
    if text.starts_with("8=") {
        return raw(text);
    }
    if text.starts_with("35=") {
        return fix(version, text);
    }
    let (sender, target) = comp_ids(from);
    let mut parts = text.splitn(3, ' ');
    let (msg_type, seq) = (parts.next().unwrap(), parts.next().unwrap());
    let rest = parts.next().unwrap_or("");
    fix(version, &format!("35={msg_type}|34={seq}|49={sender}|56={target}|52={TIME}|{rest}"))
}

fn abbreviate(to: Direction, body: &str) -> Option<String> {
    let (sender, target) = comp_ids(to);
    let (msg_type, rest) = body.strip_prefix("35=")?.split_once("|34=")?;
    let (seq, rest) = rest.split_once('|')?;
    let rest = rest.strip_prefix(&format!("49={sender}|56={target}|52={TIME}|"))?;
    Some(format!("{msg_type} {seq} {rest}").trim_end().to_owned())
}

/// Whole messages, and nothing else.
pub fn messages(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let Ok(Frame::Complete { len, .. }) = next_frame(bytes, 1 << 20) else {
            panic!("no whole message was sent: {}", show(bytes))
        };
        let (message, rest) = bytes.split_at(len);
        messages.push(message);
        bytes = rest;
    }
    messages
}

/// A Check in a line.
fn question(asked: &Asked) -> String {
    let (id, direction) = (asked.id, asked.header("x-fix-direction").unwrap());
    assert!(!asked.body().contains(TOKEN), "a token among the body fields");
    let session = SessionName::new(asked.header("x-fix-session").unwrap().to_owned());
    assert_eq!(session.reveal().len(), 32);
    assert_eq!(asked.request_id(), format!("{session}-{id}"), "logs print it, so it has the public name");
    match asked.event() {
        "logon" | "renewal" => assert_eq!(asked.timeout_ms, 8_000),
        "message" => assert_eq!(asked.timeout_ms, 500),
        _ => {}
    }
    let line = match asked.event() {
        "watch" => {
            let etag = asked.header("if-none-match").unwrap_or("-");
            let revision = asked
                .header("x-fix-revision")
                .map(|number| format!(" revision={number}"))
                .unwrap_or_default();
            if let Some(wait) = asked.header("prefer") {
                assert_eq!((wait, asked.timeout_ms), ("wait=0", 500));
                return format!("confirm {id} {etag}{revision}");
            }
            let seconds = asked.timeout_ms / 1_000;
            let bearer =
                asked.bearer().filter(|token| *token != TOKEN).map(|token| format!(" bearer={token}"));
            format!("watch {id} {etag}{revision} {seconds} s{}", bearer.unwrap_or_default())
        }
        "report" => {
            let (kind, reason) =
                (asked.header("x-fix-report").unwrap(), asked.header("x-fix-reason").unwrap());
            format!("report {id} {direction} {kind}: {reason}")
        }
        event => {
            let bearer = match (event, asked.bearer()) {
                ("message" | "renewal", Some(TOKEN)) => String::new(),
                (_, Some(token)) => format!(" bearer={token}"),
                (_, None) => " no bearer".to_owned(),
            };
            let fresh = asked.fresh().map(|token| format!(" fresh={token}")).unwrap_or_default();
            let replay = if asked.header("x-fix-poss-dup") == Some("Y") { " replay" } else { "" };
            let refresh = if asked.is_refresh() { " refresh" } else { "" };
            let terms = match (event, asked.header("x-fix-terms")) {
                ("message", Some(name)) => format!(" terms={name}"),
                ("logon", terms) => {
                    assert_eq!(terms, Some("*"));
                    String::new()
                }
                (_, terms) => {
                    assert_eq!(terms, None);
                    String::new()
                }
            };
            let (msg_type, seq, messages) = (asked.msg_type(), asked.seq(), asked.messages().len());
            let several = if messages > 1 { format!(" of {messages}") } else { String::new() };
            format!(
                "check {id} {event} {direction} {msg_type} {seq}{several}{refresh}{replay}{terms}{bearer}{fresh} {}",
                asked.body()
            )
        }
    };
    line.trim_end().to_owned()
}
