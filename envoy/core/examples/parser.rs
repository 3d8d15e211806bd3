//! What framing and the strict parse cost: `parser` times them, `parser SET ROUNDS` only reads, to be counted.
//!
//! Two sets of messages, whole and back to back as they stand in a read of the proxy. `orders` are 160 bytes each, of one
//! shape. `mixed` is a buy side's day through the institutional mapping: orders, amends, cancels, reports, allocations and
//! heartbeats, drawn at random so that no branch can be learnt by heart. `benches/core.py` reads what is printed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod timing;

use fix_authz_core::frame::{Frame, next_frame};
use fix_authz_core::message::parse;
use fix_authz_core::profile::Profile;
use fix_authz_core::testing::fix;
use std::hint::black_box;

const MESSAGES: usize = 1_024;
const TIME: &str = "20261120-10:00:00.000";

fn main() {
    let mut arguments = std::env::args().skip(1);
    let rounds = |text: String| text.parse::<usize>().expect("rounds are a number");
    match (arguments.next(), arguments.next().map(rounds)) {
        (Some(set), Some(rounds)) => {
            let bytes = set_named(&set);
            let reader = Reader::new();
            let mut fields = Vec::new();
            let read: usize = (0..rounds).map(|_| reader.read_all(&bytes, &mut fields)).sum();
            println!("{read}");
        }
        _ => ["orders", "mixed"].into_iter().for_each(time),
    }
}

fn set_named(name: &str) -> Vec<u8> {
    match name {
        "orders" => (0..MESSAGES).flat_map(|n| order(10_000_000 + n)).collect(),
        "mixed" => mixed(),
        _ => panic!("`{name}` is neither `orders` nor `mixed`"),
    }
}

fn time(set: &str) {
    let bytes = set_named(set);
    let reader = Reader::new();
    let mut fields = Vec::new();
    timing::time(set, MESSAGES, bytes.len(), || reader.read_all(black_box(&bytes), &mut fields));
}

struct Reader(Profile);

impl Reader {
    fn new() -> Self {
        Self(Profile::new(&[], &[]))
    }

    /// Reads message after message: how many there were.
    fn read_all(&self, bytes: &[u8], fields: &mut Vec<fix_authz_core::message::Field>) -> usize {
        let (mut at, mut read) = (0, 0);
        while at < bytes.len() {
            let Ok(Frame::Complete { len, version, .. }) = next_frame(&bytes[at..], 1 << 16) else {
                panic!("no frame at {at}")
            };
            let message = parse(&bytes[at..at + len], version, &self.0, 1_024, fields).expect("strict");
            black_box(&message);
            at += len;
            read += 1;
        }
        read
    }
}

/// As `benches/load` writes them: 160 bytes.
fn order(seq: usize) -> Vec<u8> {
    let bytes = fix(
        "FIX.4.4",
        &format!(
            "35=D|34={seq}|49=BENCH|56=VENUE|52={TIME}|11=ORDER-{seq}|55=ACME.N|167=CS|54=1|60={TIME}|38=100|40=1|"
        ),
    );
    assert_eq!(bytes.len(), 160);
    bytes
}

fn mixed() -> Vec<u8> {
    // Knuth's generator: the same messages in each run and on each machine.
    let mut state: u64 = 5;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    (1..=MESSAGES).flat_map(|seq| any_message(seq * 97, &mut random)).collect()
}

fn any_message(seq: usize, random: &mut impl FnMut(usize) -> usize) -> Vec<u8> {
    let kind = random(20);
    let mut any = |all: &[&'static str]| all[random(all.len())];
    let symbol = any(&["A", "VOD.L", "ACME.N", "DE000BASF111", "EUR/USD"]);
    let account = any(&["", "", "1=FUND-7|", "1=GLOBAL-MACRO-MASTER-0042|", "1=X|581=1|"]);
    let party = any(&[
        "",
        "453=1|448=DESK-9|447=D|452=11|",
        "453=2|448=ALGO|447=D|452=12|448=529900T8BM49AURSDO55|447=N|452=3|",
    ]);
    let text =
        any(&["", "", "", "58=work it|", "58=vwap until the close, no more than a tenth of the volume|"]);
    let sub = any(&["", "", "50=trader7|", "57=ALGO|", "50=t|57=DMA|142=LDN|"]);
    let instrument = any(&["167=CS|", "167=FUT|200=202703|", "167=CORP|48=XS0123456789|22=4|", "460=5|"]);
    let price = any(&["40=1|", "40=2|44=101.25|", "40=2|44=99.5|59=0|", "40=4|99=7|44=7.01|", "40=P|18=M|"]);
    let algo =
        any(&["", "", "847=1001|848=p=10|", "957=2|958=Rate|959=6|960=0.1|958=End|959=5|960=T|", "5700=x|"]);
    let (msg_type, body) = match kind {
        0..=5 => {
            let body = format!(
                "11=O{seq}|{account}{party}55={symbol}|{instrument}54=1|60={TIME}|38=1500|{price}{algo}{text}"
            );
            ("D", body)
        }
        6..=8 => ("G", format!("41=O{}|11=O{seq}|55={symbol}|54=2|60={TIME}|38=20|{price}{text}", seq - 3)),
        9..=10 => ("F", format!("41=O{}|11=O{seq}|55={symbol}|54=1|60={TIME}|38=1500|", seq - 1)),
        11..=16 => {
            let fill = any(&["", "32=100|31=101.25|", "32=7|31=99.5|30=XLON|", "103=99|"]);
            let body = format!(
                "37=V{seq}|11=O{}|17=E{seq}|150=F|39=1|{account}{party}55={symbol}|{instrument}54=1|38=1500|{price}{fill}151=1400|14=100|6=101.25|60={TIME}|{text}",
                seq - 2
            );
            ("8", body)
        }
        17 => {
            let allocs = "79=FUND-7|80=700|467=a1|".repeat(1 + seq % 7);
            let body = format!(
                "70=A{seq}|71=0|626=1|857=0|54=1|55={symbol}|53=1500|6=101.25|75=20261120|78={}|{allocs}",
                1 + seq % 7
            );
            ("J", body)
        }
        18 => ("V", format!("262=M{seq}|263=1|264=1|267=2|269=0|269=1|146=1|55={symbol}|")),
        _ => ("0", any(&["", "112=T1|"]).to_owned()),
    };
    let replay = if kind == 3 { "43=Y|122=20261120-09:59:00|" } else { "" };
    fix("FIX.4.4", &format!("35={msg_type}|34={seq}|49=BUYSIDE|56=BROKER|{sub}{replay}52={TIME}|{body}"))
}
