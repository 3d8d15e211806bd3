//! What a warm session costs: framing, the strict parse, the decision at hand, the account and the passing on. `session`
//! times it, `session SET ROUNDS` only passes, to be counted.
//!
//! `orders` are 160 bytes each, of one shape and one decision. `mixed` is the day of `benches/load`: some 800 decisions under
//! the tags that the institutional mapping consults, each met again only when all others have been. `benches/core.py` reads
//! what is printed.

#![allow(missing_docs, dead_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "../tests/support/service.rs"]
mod service;
mod timing;

use fix_authz_core::command::{Command, Commands, Direction};
use fix_authz_core::session::{Listener, Now, Session};
use fix_authz_core::settings::Settings;
use fix_authz_core::stats::Counter;
use fix_authz_core::testing::fix;
use service::{Asked, Verdict};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;

/// Twice the mixed day.
const MESSAGES: usize = 2 * 17 * SYMBOLS;
const SYMBOLS: usize = 48;
/// Has no divisor in common with the day, so that neighbours are unlike.
const STRIDE: usize = 275;
const TIME: &str = "20261120-10:00:00.000";
/// What a read of Envoy's hands over at once.
const READ: usize = 16_384;

/// MsgType (35) and the tags that its decisions rest on.
const VARY: [(&str, &str); 5] = [
    ("D", "1,21,38,40,54,55,59,77,100,114,117,167,203,448,452,453,460,528,582,847,1138"),
    ("G", "1,38,40,54,55,59,114,167,448,452,453"),
    ("F", "1,167,448,452,453"),
    ("H", "1,448,452,453"),
    ("AB", "1,38,40,55,555,600,609"),
];

/// MsgType and body, `#` for the number and `@` for the time.
const KINDS: [(&str, &str); 17] = [
    ("D", "11=ORDER-#|38=100|40=2|44=101.25|54=1|59=0|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=500|40=2|44=101.5|54=1|59=0|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=1200|40=1|54=2|59=0|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=300|40=2|44=99.75|54=2|59=3|60=@|167=CS|453=1|448=DESK-9|447=D|452=11|"),
    ("D", "11=ORDER-#|38=100|40=2|44=99.5|54=2|59=1|60=@|167=CS|"),
    ("D", "11=ORDER-#|21=1|38=800|40=P|18=M|54=1|60=@|167=CS|"),
    ("D", "11=ORDER-#|38=5|40=2|44=4102.5|54=1|59=0|60=@|167=FUT|200=202703|"),
    ("D", "11=ORDER-#|38=9|40=1|54=2|60=@|167=FUT|200=202703|"),
    ("G", "11=ORDER-#|41=ORDER-1|38=100|40=2|44=101.5|54=1|59=0|60=@|167=CS|"),
    ("G", "11=ORDER-#|41=ORDER-2|38=400|40=2|44=101.75|54=1|59=0|60=@|167=CS|"),
    ("G", "11=ORDER-#|41=ORDER-3|38=300|40=2|44=99.5|54=2|59=3|60=@|167=CS|"),
    ("G", "11=ORDER-#|41=ORDER-4|38=7|40=2|44=4103|54=1|60=@|167=FUT|"),
    ("F", "11=ORDER-#|41=ORDER-1|38=100|54=1|60=@|167=CS|"),
    ("F", "11=ORDER-#|41=ORDER-4|38=7|54=1|60=@|167=FUT|"),
    ("F", "11=ORDER-#|41=ORDER-3|38=300|54=2|60=@|167=CS|453=1|448=DESK-9|447=D|452=11|"),
    ("H", "11=ORDER-#|37=V-1|54=1|"),
    ("AB", "11=ORDER-#|38=20|40=2|44=1.35|54=1|60=@|555=2|600=LEG-A|609=OPT|624=1|600=LEG-B|609=OPT|624=2|"),
];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = |text: String| text.parse::<usize>().expect("rounds are a number");
    match (arguments.next(), arguments.next().map(rounds)) {
        (Some(set), Some(rounds)) => {
            let (bytes, mut shell) = warm(&set);
            println!("{}", (0..rounds).map(|_| shell.pass(&bytes)).sum::<u32>());
        }
        _ => ["orders", "mixed"].into_iter().for_each(time),
    }
}

fn time(set: &str) {
    let (bytes, mut shell) = warm(set);
    timing::time(set, MESSAGES, bytes.len(), || shell.pass(black_box(&bytes)) as usize);
}

/// The messages of a set, and a session that has a decision for each.
fn warm(set: &str) -> (Vec<u8>, Shell) {
    let write = match set {
        "orders" => order,
        "mixed" => mixed,
        _ => panic!("`{set}` is neither `orders` nor `mixed`"),
    };
    let bytes: Vec<u8> = (0..MESSAGES).flat_map(|n| write(n, 10_000_001 + n)).collect();
    let mut shell = Shell::open();
    shell.learn(&fix("FIX.4.4", &format!("35=A|34=1|49=BENCH|56=VENUE|52={TIME}|98=0|108=30|554=t|")));
    bytes.chunks(READ).for_each(|read| shell.learn(read));
    (bytes, shell)
}

fn order(_: usize, seq: usize) -> Vec<u8> {
    write("D", seq, "11=ORDER-#|55=ACME.N|167=CS|54=1|60=@|38=100|40=1|")
}

fn mixed(index: usize, seq: usize) -> Vec<u8> {
    let place = index * STRIDE % (KINDS.len() * SYMBOLS);
    let ((msg_type, body), symbol) = (KINDS[place % KINDS.len()], place / KINDS.len());
    let account = if symbol % 2 == 0 { "FUND-7" } else { "GLOBAL-MACRO-42" };
    write(msg_type, seq, &format!("1={account}|55=SYM{symbol:02}.N|{body}"))
}

fn write(msg_type: &str, seq: usize, body: &str) -> Vec<u8> {
    let body = body.replacen('#', &seq.to_string(), 1).replacen('@', TIME, 1);
    fix("FIX.4.4", &format!("35={msg_type}|34={seq}|49=BENCH|56=VENUE|52={TIME}|{body}"))
}

struct Shell {
    session: Session,
    commands: Commands,
    now: Now,
}

impl Shell {
    fn open() -> Self {
        let settings = Settings::from_json(br#"{"check":{"cluster":"authz"}}"#).unwrap();
        let now = Now { monotonic: Duration::from_secs(1), utc: OffsetDateTime::UNIX_EPOCH };
        let mut commands = Commands::default();
        let session = Session::open(Arc::new(Listener::new(settings)), [7; 32], now, &mut commands);
        commands.clear();
        Self { session, commands, now }
    }

    /// Hands bytes in and answers all that is asked.
    fn learn(&mut self, bytes: &[u8]) {
        self.session.receive(Direction::Inbound, bytes, false, self.now, &mut self.commands);
        loop {
            let commands = std::mem::take(&mut self.commands);
            let asked: Vec<Asked> = commands.list().iter().filter_map(asked).collect();
            if asked.is_empty() {
                return;
            }
            for asked in asked {
                let vary =
                    VARY.iter().find(|(kind, _)| *kind == asked.msg_type()).map_or("", |(_, vary)| vary);
                let verdict = Verdict::parse(&format!(
                    "allow cache-control=max-age=600 scope=order vary={vary} guard-outbound=8"
                ));
                let body = verdict.body();
                let answer = body.as_deref().map_err(|failure| *failure);
                self.session.answer(asked.id, answer, self.now, &mut self.commands);
            }
        }
    }

    /// Hands bytes in, read by read; the number of messages that went on.
    fn pass(&mut self, bytes: &[u8]) -> u32 {
        let mut forwarded = 0;
        for read in bytes.chunks(READ) {
            self.session.receive(Direction::Inbound, read, false, self.now, &mut self.commands);
            forwarded += self.commands.counters().get(Counter::InboundForwarded);
            self.commands.clear();
        }
        forwarded
    }
}

fn asked(command: &Command) -> Option<Asked> {
    match command {
        Command::Check { id, frame, timeout_ms } => Some(Asked::read(*id, frame, *timeout_ms)),
        _ => None,
    }
}
