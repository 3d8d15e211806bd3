//! Departures from the strict profile: reported, then closed, and nothing of the message or behind it forwarded.

use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::Counter;
use fix_authz_core::testing::{fix, show};
use fix_authz_core::violation::Violation;

const HEAD: &str = "34=2|49=ALGO|56=VENUE|52=T|";

/// Every way to break the profile inside a running session: the bytes and what they break.
fn attacks() -> Vec<(String, Violation)> {
    let framed = |body: &str| show(&fix("FIX.4.4", body));
    let order = |body: &str| framed(&format!("35=D|{HEAD}{body}"));
    let good = order("11=a|");
    let mut attacks: Vec<(String, Violation)> = [
        // QuickFIX accepts leading zeros in tags.
        ("0167=CS|", Violation::Tag),
        // Python's int() takes signs, spaces and underscores.
        ("+167=CS|", Violation::Tag),
        ("-167=CS|", Violation::Tag),
        (" 167=CS|", Violation::Tag),
        ("1_67=CS|", Violation::Tag),
        ("167 =CS|", Violation::Tag),
        // Beyond six digits: 32-bit overflow.
        ("4294967463=CS|", Violation::Tag),
        ("=CS|", Violation::Tag),
        ("167|", Violation::Tag),
        ("|", Violation::Tag),
        ("167=|", Violation::EmptyValue),
        // First wins against last wins.
        ("35=F|", Violation::RepeatedHeaderField),
        ("34=3|", Violation::RepeatedHeaderField),
        ("49=OTHER|", Violation::RepeatedHeaderField),
        ("56=OTHER|", Violation::RepeatedHeaderField),
        ("8=FIX.4.4|", Violation::RepeatedHeaderField),
        ("9=5|", Violation::RepeatedHeaderField),
        ("52=U|", Violation::RepeatedHeaderField),
        ("112=a|112=b|", Violation::RepeatedField),
        ("141=N|141=Y|", Violation::RepeatedField),
        // Fix8 ends a value at NUL.
        ("167=CS\0OPT|", Violation::Nul),
        ("95=3|96=a\0b|", Violation::Nul),
        // A data field that hides a field from who counts, or shows one to who does not.
        ("95=8|96=a|167=CS|", Violation::DataLength),
        ("95=3|96=a|167=CS|", Violation::DataLength),
        ("95=01|96=a|", Violation::DataLength),
        ("95=-1|96=a|", Violation::DataLength),
        ("95=99999999999999999999|96=a|", Violation::DataLength),
        ("95=1|58=x|96=a|", Violation::DataLength),
        ("95=1|", Violation::DataLength),
        ("96=a|", Violation::DataWithoutLength),
        ("354=1|355=ab|", Violation::DataLength),
        ("93=1|89=ab|", Violation::DataLength),
        ("89=a|", Violation::DataWithoutLength),
        ("10=123|", Violation::CheckSumNotLast),
        ("43=y|", Violation::Flag),
        ("50=a\u{1b}b|", Violation::Identifier),
    ]
    .into_iter()
    .map(|(body, violation)| (order(body), violation))
    .collect();
    attacks.extend([
        (framed(&format!("34=2|35=D|{HEAD}")), Violation::MsgTypeNotThird),
        (framed(&format!("+35=D|{HEAD}")), Violation::MsgTypeNotThird),
        (framed(&format!("35=D E|{HEAD}")), Violation::MsgType),
        (framed(&format!("35=ABCDEFGHI|{HEAD}")), Violation::MsgType),
        // The last wins in quickfixgo, and begins the numbers anew.
        (framed(&format!("35=4|{HEAD}123=Y|123=N|36=9|")), Violation::RepeatedField),
        (framed(&format!("35=4|{HEAD}123=Y|36=9|36=3|")), Violation::RepeatedField),
        (framed(&format!("35=2|{HEAD}7=1|16=0|16=2|")), Violation::RepeatedField),
        (framed("35=D|49=ALGO|56=VENUE|11=a|"), Violation::MissingHeaderField),
        (framed("35=D|34=2|56=VENUE|11=a|"), Violation::MissingHeaderField),
        (framed("35=D|34=2|49=ALGO|11=a|"), Violation::MissingHeaderField),
        (framed("35=D|34=0|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        (framed("35=D|34=-2|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        (framed("35=D|34=9223372036854775808|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        (framed("35=D|34=2|49=OTHER|56=VENUE|11=a|"), Violation::ForeignIdentity),
        (framed("35=D|34=2|49=ALGO|56=OTHER|11=a|"), Violation::ForeignIdentity),
        (framed("35=D|34=2|49=ALGO |56=VENUE|11=a|"), Violation::ForeignIdentity),
        (show(&fix("FIX.4.2", &format!("35=D|{HEAD}"))), Violation::ForeignIdentity),
        (framed(&format!("35=A|{HEAD}98=0|554=other|")), Violation::SecondLogon),
        (framed(&format!("35=D|{HEAD}{}", "58=x|".repeat(3_000))), Violation::TooManyFields),
        (show(&fix("FIX.5.0", &format!("35=D|{HEAD}"))), Violation::BeginString),
        (format!("|{good}"), Violation::BeginString),
        (format!(" {good}"), Violation::BeginString),
        (good.replacen("9=", "9=0", 1), Violation::BodyLength),
        (good.replacen("9=", "9=+", 1), Violation::BodyLength),
        (good.replacen("9=", "9=-", 1), Violation::BodyLength),
        (good.replacen("9=37", "9=36", 1), Violation::BodyLength),
        (good.replacen("9=37", "9=38", 1), Violation::BodyLength),
        (good.replacen("11=a", "11=b", 1), Violation::CheckSum),
        (good.replacen("10=", "10=0", 1), Violation::BodyLength),
        ("8=FIX.4.4|9=65536|35=D|".to_owned(), Violation::TooLong),
        ("8=FIX.4.4|9=9999999|35=D|".to_owned(), Violation::TooLong),
        ("8=FIX.4.4|9=99999999999999999999|35=D|".to_owned(), Violation::BodyLength),
    ]);
    attacks
}

#[test]
fn each_is_reported_and_closes_with_nothing_of_it_forwarded() {
    for (bytes, violation) in attacks() {
        let good = show(&long(Direction::Inbound, "FIX.4.4", "0 3"));
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client-bytes {bytes}{good}
             << report 2 inbound violation: {violation}
             << close violation of the strict profile
             >> client 0 3
             >> venue 9 2
             >> client-end
             >> after 60000"
        ));
        assert_eq!(play.count(Counter::Violations), 1);
        assert_eq!(play.count(Counter::InboundForwarded), 0, "{bytes}");
    }
}

#[test]
fn each_shows_just_the_same_byte_by_byte() {
    for (bytes, violation) in attacks() {
        // A second message stands behind, for those that announce more than they bring.
        let more = show(&long(Direction::Inbound, "FIX.4.4", "0 3"));
        let text = format!("{bytes}{more}");
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play_bytes(
            Direction::Inbound,
            &text,
            &format!("report 2 inbound violation: {violation}\nclose violation of the strict profile"),
        );
    }
}

#[test]
fn the_venue_is_held_to_the_profile_too() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> venue 9 2 + 8 3 0167=CS|
         << client 9 2
         << report 2 outbound violation: a tag is not a number from 1 to 999999 without sign, space or leading zero
         << close violation of the strict profile
         >> client 0 2",
    );
}

#[test]
fn what_came_whole_before_a_violation_is_done_unless_it_waits() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client 0 2 + D 3 11=a| + 0 4 + D 5 0=x|
         << venue 0 2
         << check 2 message inbound D 3 11=a|
         << report 3 inbound violation: a tag is not a number from 1 to 999999 without sign, space or leading zero
         << close violation of the strict profile
         >> answer 2 allow",
    );
}

#[test]
fn the_first_message_must_be_a_logon() {
    for message in ["D 1 11=a|", "0 1", "5 1"] {
        Play::new("FIX.4.4", "").play(&format!(
            ">> client {message}
             << report 1 inbound violation: the first message is not a Logon
             << close violation of the strict profile"
        ));
    }
}

#[test]
fn a_logon_has_one_credential() {
    Play::new("FIX.4.4", "").play(
        ">> client A 1 554=s3cret|98=0|554=other|
         << report 1 inbound violation: a credential field stands twice
         << close violation of the strict profile",
    );
}

#[test]
fn what_is_no_fix_at_all_is_refused_at_its_first_byte() {
    for bytes in ["G", "GET / HTTP/1.1", "\u{16}\u{3}\u{1}"] {
        Play::new("FIX.4.4", "").play(&format!(
            ">> client-bytes {bytes}
             << report 1 inbound violation: the message does not begin with a known BeginString (8)
             << close violation of the strict profile"
        ));
    }
}

#[test]
fn an_endless_message_is_cut_off_at_the_limit() {
    // It never brings its CheckSum (10): what counts is that no more is kept than it announced.
    let mut play = Play::logged_on("FIX.4.4", r#""limits":{"max_message_bytes":256}"#, "");
    play.play(">> client-bytes 8=FIX.4.4|9=233|35=D|");
    play.play(&format!(
        ">> client-bytes {}
         << report 2 inbound violation: {}
         << close violation of the strict profile",
        "58=x|".repeat(50),
        Violation::BodyLength
    ));
    Play::logged_on("FIX.4.4", r#""limits":{"max_message_bytes":256}"#, "").play(&format!(
        ">> client-bytes 8=FIX.4.4|9=234|35=D|
         << report 2 inbound violation: {}
         << close violation of the strict profile",
        Violation::TooLong
    ));
}
