//! However a stream is cut into pieces, the same commands come of it.

#![allow(missing_docs)]

#[path = "support/mod.rs"]
mod support;

use fix_authz_core::command::Direction;
use fix_authz_core::testing::{fix, raw};
use proptest::prelude::*;
use support::checks;
use support::run::{Op, Run, assert_same};
use support::service::Verdict;
use support::transcript::long;

/// Bodies that keep the profile, behind the header.
const BODIES: [&str; 11] = [
    "",
    "11=a|167=CS|",
    "58=some text|",
    "95=5|96=a=b=c|",
    "453=2|448=x|448=y|",
    "112=hello|",
    "115=OTHER|11=b|",
    "50=desk|11=a|",
    "57=desk|116=x|",
    "11=c|554=secret|",
    "1401=1|1402=x|167=CS|",
];
const CLIENT_TYPES: [&str; 13] = ["D", "F", "G", "q", "B", "V", "0", "1", "2", "n", "U1", "AB", "BE"];
const VENUE_TYPES: [&str; 8] = ["8", "AE", "9", "0", "1", "W", "j", "8"];
/// Whole messages that some rule of the profile refuses, as they stand behind the header.
const BAD_BODIES: [&str; 13] = [
    "0167=CS|",
    "11=|",
    "35=F|",
    "95=9|96=a|",
    "96=a|",
    "43=x|",
    "10=000|",
    "43=Y|58=|",
    "115=OTHER|58=|",
    "0=x|43=Y|122=T|",
    "49=OTHER|",
    "56=|",
    LONG,
];
/// The optional ids of the client's Logon.
const LOGON_IDS: [&str; 3] = ["", "50=desk|", "57=desk|142=ny|115=FUND|"];
/// Those of the venue's.
const VENUES_IDS: &str = "57=desk|128=FUND|";
/// Longer than the limit.
const LONG: &str = "58=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx|";
/// Logons in the running session.
const LOGONS: [&str; 5] =
    ["98=0|141=Y|", "98=0|", "98=0|141=Y|554=fresh|", "98=0|43=Y|122=T|", "98=0|141=Y|925=x|"];
/// Whole messages of another session.
const FOREIGN: [&str; 4] = [
    "35=D|34={}|49=OTHER|56=VENUE|52=T|11=a|",
    "35=D|34={}|49=ALGO|56=OTHER|43=Y|122=T|52=T|11=|",
    "35=0|34={}|49=OTHER|52=T|",
    "35=8|34={}|49=VENUE|56=OTHER|52=T|",
];
/// Bytes that are no message.
const JUNK: [&str; 6] = [
    "\n",
    "junk|",
    "8=FIX.4.4|9=5|35=0|10=000|",
    "8=FIX.4.4|9=9|35=0|10=163|",
    "8=FIX.4.4|35=0|",
    "8=FIX.9|9=5|35=0|10=1|",
];

/// One thing that a side says, before it has a number.
#[derive(Debug, Clone)]
enum Said {
    Good { msg_type: prop::sample::Index, body: prop::sample::Index, replay: bool },
    Renewal { replay: bool },
    Reset,
    Logout,
    Logon(prop::sample::Index),
    Foreign(prop::sample::Index, bool),
    Junk(prop::sample::Index),
    Bad(prop::sample::Index),
    Broken { at: prop::sample::Index, byte: u8 },
    Cut(prop::sample::Index),
}

fn said() -> impl Strategy<Value = Said> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        40 => (index(), index(), prop::bool::weighted(0.1))
            .prop_map(|(msg_type, body, replay)| Said::Good { msg_type, body, replay }),
        3 => prop::bool::weighted(0.2).prop_map(|replay| Said::Renewal { replay }),
        1 => Just(Said::Reset),
        1 => Just(Said::Logout),
        1 => index().prop_map(Said::Logon),
        1 => (index(), any::<bool>()).prop_map(|(at, version)| Said::Foreign(at, version)),
        1 => index().prop_map(Said::Junk),
        3 => index().prop_map(Said::Bad),
        1 => (index(), any::<u8>()).prop_map(|(at, byte)| Said::Broken { at, byte }),
        1 => index().prop_map(Said::Cut),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Says(Direction, Vec<Said>),
    Answers(usize, Verdict),
    Watched(usize, Verdict),
    Echoes(usize),
    Ends(Direction),
    Waits(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let direction = prop_oneof![3 => Just(Direction::Inbound), 2 => Just(Direction::Outbound)];
    let ends = prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)];
    let verdict = prop_oneof![
        6 => Just(Verdict::allow()),
        8 => prop::sample::select(vec!["max-age=2 vary=167", "max-age=9,stale-if-error=2 vary=167", "max-age=5",
            "max-age=5,stale-if-error=60 vary=11,167", "max-age=60 vary=11"])
            .prop_map(|kept| Verdict::parse(&format!("allow cache-control={kept}"))),
        6 => Just(Verdict::reject()),
        1 => Just(Verdict::logout()),
        2 => Just(Verdict::parse("no-answer")),
        1 => Just(Verdict::Garbage),
        1 => Just(Verdict::Disconnect),
    ];
    // Mostly no end.
    let watched = prop_oneof![8 => Just(0), 4 => Just(1), 2 => 4_usize..7, 1 => Just(2), 1 => Just(3)];
    prop_oneof![
        3 => (0_usize..3, watched).prop_map(|(nth, kind)| Step::Watched(nth, checks::watched(kind))),
        12 => (direction, prop::collection::vec(said(), 1..6)).prop_map(|(from, said)| Step::Says(from, said)),
        24 => (0_usize..8, verdict).prop_map(|(nth, verdict)| Step::Answers(nth, verdict)),
        6 => (0_usize..4).prop_map(Step::Echoes),
        1 => ends.prop_map(Step::Ends),
        1 => (0_u64..3_000).prop_map(Step::Waits),
    ]
}

fn operations() -> impl Strategy<Value = Vec<Op>> {
    let ids = prop::sample::select(&LOGON_IDS[..]);
    (ids, prop::collection::vec(step(), 1..40)).prop_map(|(ids, steps)| numbered(ids, &steps))
}

/// Numbers for both sides, and the Logon in front.
fn numbered(ids: &str, steps: &[Step]) -> Vec<Op> {
    let logon = long(Direction::Inbound, "FIX.4.4", &format!("A 1 {ids}98=0|108=30|554=s3cret|"));
    let mut ops = vec![Op::Bytes(Direction::Inbound, logon)];
    let (mut client, mut venue) = (1, 0);
    for step in steps {
        let op = match step {
            Step::Says(from, all) => {
                let seq = if *from == Direction::Inbound { &mut client } else { &mut venue };
                let mut bytes = Vec::new();
                for said in all {
                    *seq += 1;
                    bytes.extend(message(*from, said, *seq));
                }
                Op::Bytes(*from, bytes)
            }
            Step::Answers(nth, verdict) => Op::Answer(*nth, verdict.clone()),
            Step::Watched(nth, verdict) => Op::Watched(*nth, verdict.clone()),
            Step::Echoes(nth) => {
                venue += 1;
                Op::Heartbeat(*nth, venue)
            }
            Step::Ends(from) => Op::End(*from),
            Step::Waits(millis) => Op::After(*millis),
        };
        ops.push(op);
    }
    ops
}

fn message(from: Direction, said: &Said, seq: u64) -> Vec<u8> {
    let types: &[&str] = if from == Direction::Inbound { &CLIENT_TYPES } else { &VENUE_TYPES };
    let written = |text: &str| long(from, "FIX.4.4", text);
    match said {
        Said::Good { msg_type, body, replay } => {
            let replay = if *replay { "43=Y|122=T|" } else { "" };
            written(&format!("{} {seq} {replay}{}", msg_type.get(types), body.get(&BODIES)))
        }
        Said::Renewal { replay } => {
            let replay = if *replay { "43=Y|122=T|" } else { "" };
            written(&format!("BE {seq} {replay}923=r|924=1|553=me|925=fresh|"))
        }
        Said::Reset => written(&format!("4 {seq} 36=1|")),
        Said::Logout => written(&format!("5 {seq} 58=bye|")),
        Said::Logon(body) => {
            let ids = if from == Direction::Outbound { VENUES_IDS } else { "" };
            written(&format!("A {seq} {ids}{}", body.get(&LOGONS)))
        }
        Said::Foreign(_, true) => long(from, "FIX.4.2", &format!("D {seq} 11=a|")),
        Said::Foreign(body, false) => fix("FIX.4.4", &body.get(&FOREIGN).replace("{}", &seq.to_string())),
        Said::Junk(which) => raw(which.get::<&str>(&JUNK)),
        Said::Bad(body) => {
            let body: &&str = body.get(&BAD_BODIES);
            written(&format!("D {seq} {}", if *body == LONG { LONG.repeat(12) } else { (*body).to_owned() }))
        }
        Said::Broken { at, byte } => {
            let mut bytes = written(&format!("D {seq} 11=a|"));
            *at.get_mut(&mut bytes) = *byte;
            bytes
        }
        Said::Cut(at) => {
            let bytes = written(&format!("D {seq} 11=a|"));
            bytes.into_iter().take(at.index(70)).collect()
        }
    }
}

/// As many random streams as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(500);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_split_yields_the_same_commands(
        ops in operations(),
        cuts in prop::collection::vec(1_usize..90, 1..40),
    ) {
        let (run, whole) = Run::play(&ops, |len| len);
        run.assert_lawful();
        let (bytewise, by_bytes) = Run::play(&ops, |_| 1);
        bytewise.assert_lawful();
        let bytes_alike = assert_same(&whole, &by_bytes);
        let mut cuts = cuts.iter().cycle();
        let (pieced, in_pieces) = Run::play(&ops, |_| *cuts.next().unwrap_or(&1));
        pieced.assert_lawful();
        let pieces_alike = assert_same(&whole, &in_pieces);
        Run::play_paused(&ops, |_| *cuts.next().unwrap_or(&1)).assert_lawful();
        let (forgetful, read_whole) = Run::play_forgetful(&ops);
        let whole_alike = assert_same(&whole, &read_whole);
        for (alike, other) in [(bytes_alike, bytewise), (pieces_alike, pieced), (whole_alike, forgetful)] {
            prop_assert!(!alike || run.counts() == other.counts());
            prop_assert_eq!(run.is_violated(), other.is_violated());
        }
    }

    #[test]
    fn where_several_are_asked_about_at_once_the_law_holds_for_any_split(
        ops in operations(),
        cuts in prop::collection::vec(1_usize..400, 1..40),
    ) {
        Run::play_batching(&ops, |len| len).assert_lawful();
        let mut cuts = cuts.iter().cycle();
        Run::play_batching(&ops, |_| *cuts.next().unwrap_or(&1)).assert_lawful();
    }

    #[test]
    fn whatever_the_bytes_nothing_panics_and_the_laws_of_reading_hold(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        checks::frame(&bytes);
        checks::message(&bytes);
    }

    #[test]
    fn what_is_written_field_by_field_reads_the_same(
        fields in prop::collection::vec((prop_oneof![1_u32..1_700, 1_u32..1_000_000], "[ -~]{1,9}"), 0..20)
    ) {
        let body: String = fields.iter().map(|(tag, value)| format!("{tag}={value}\u{1}")).collect();
        checks::message(format!("35=D\u{1}34=7\u{1}49=A\u{1}56=B\u{1}{body}").as_bytes());
    }
}
