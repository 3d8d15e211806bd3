//! Departures from the strict profile: never forwarded; answered in sequence, ignored, or reported and closed.

use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::Counter;
use fix_authz_core::testing::{fix, show};
use fix_authz_core::violation::Violation;

const HEAD: &str = "34=2|49=ALGO|56=VENUE|52=20261120-10:00:00.000|";

/// Every way in which a field departs from the profile inside an exact frame, what that is, and the tag (371) and the code (373) of the
/// reject; `-`: it names none.
const BAD_FIELDS: [(&str, Violation, &str, &str); 42] = [
    // QuickFIX accepts leading zeros in tags.
    ("0167=CS|", Violation::Tag, "0167", "0"),
    ("0=CS|", Violation::Tag, "0", "0"),
    ("-1=CS|", Violation::Tag, "-1", "0"),
    // Python's int() takes signs, spaces and underscores.
    ("+167=CS|", Violation::Tag, "-", "0"),
    ("-167=CS|", Violation::Tag, "-167", "0"),
    (" 167=CS|", Violation::Tag, "-", "0"),
    ("1_67=CS|", Violation::Tag, "-", "0"),
    ("167 =CS|", Violation::Tag, "-", "0"),
    ("x=CS|", Violation::Tag, "-", "0"),
    // Beyond six digits: 32-bit overflow.
    ("4294967463=CS|", Violation::Tag, "4294967463", "0"),
    ("99999999999=CS|", Violation::Tag, "-", "0"),
    ("=CS|", Violation::Tag, "-", "0"),
    ("167|", Violation::Tag, "167", "0"),
    ("|", Violation::Tag, "-", "0"),
    ("167=|", Violation::EmptyValue, "167", "4"),
    ("58=|", Violation::EmptyValue, "58", "4"),
    // First wins against last wins.
    ("35=F|", Violation::RepeatedHeaderField, "35", "13"),
    ("34=3|", Violation::RepeatedHeaderField, "34", "13"),
    ("49=OTHER|", Violation::RepeatedHeaderField, "49", "13"),
    ("56=OTHER|", Violation::RepeatedHeaderField, "56", "13"),
    ("8=FIX.4.4|", Violation::RepeatedHeaderField, "8", "13"),
    ("9=5|", Violation::RepeatedHeaderField, "9", "13"),
    ("52=U|", Violation::RepeatedHeaderField, "52", "13"),
    ("112=a|112=b|", Violation::RepeatedField, "112", "13"),
    ("141=N|141=Y|", Violation::RepeatedField, "141", "13"),
    ("554=a|554=b|", Violation::RepeatedCredential, "554", "13"),
    // Fix8 ends a value at NUL.
    ("167=CS\0OPT|", Violation::Nul, "-", "6"),
    ("95=3|96=a\0b|", Violation::Nul, "-", "6"),
    // A data field that hides a field from who counts, or shows one to who does not.
    ("95=8|96=a|167=CS|", Violation::DataLength, "95", "5"),
    ("95=3|96=a|167=CS|", Violation::DataLength, "95", "5"),
    ("95=01|96=a|", Violation::DataLength, "95", "5"),
    ("95=-1|96=a|", Violation::DataLength, "95", "6"),
    ("95=x|96=a|", Violation::DataLength, "95", "6"),
    ("95=99999999999999999999|96=a|", Violation::DataLength, "95", "5"),
    ("95=1|58=x|96=a|", Violation::DataLength, "95", "5"),
    ("95=1|", Violation::DataLength, "95", "5"),
    ("96=a|", Violation::DataWithoutLength, "95", "1"),
    ("89=a|", Violation::DataWithoutLength, "93", "1"),
    ("10=123|", Violation::CheckSumNotLast, "10", "14"),
    ("43=y|", Violation::Flag, "43", "6"),
    ("50=a\u{1b}b|", Violation::Identifier, "50", "6"),
    ("50=|", Violation::EmptyValue, "50", "4"),
];

fn framed(body: &str) -> String {
    show(&fix("FIX.4.4", body))
}

/// Messages in an exact frame that are answered with a session Reject: the bytes, what is wrong, and what the reject says
/// behind RefSeqNum (45).
fn answered() -> Vec<(String, String, String)> {
    let mut answered: Vec<(String, String, String)> = BAD_FIELDS
        .iter()
        .map(|(field, violation, tag, code)| {
            let named = *tag != "-";
            let words = if named { format!("{violation} (tag {tag})") } else { violation.to_string() };
            let tag = if named { format!("371={tag}|") } else { String::new() };
            let reject = format!("{tag}372=D|373={code}|58={}|", text(code));
            (framed(&format!("35=D|{HEAD}{field}")), words, reject)
        })
        .collect();
    for (body, violation, tag, msg_type, code) in [
        // The last wins in quickfixgo, and begins the numbers anew.
        (format!("35=4|{HEAD}123=Y|123=N|36=9|"), Violation::RepeatedField, "123", "4", "13"),
        (format!("35=4|{HEAD}123=Y|36=9|36=3|"), Violation::RepeatedField, "36", "4", "13"),
        (format!("35=2|{HEAD}7=1|16=0|16=2|"), Violation::RepeatedField, "16", "2", "13"),
        (format!("35=D E|{HEAD}"), Violation::MsgType, "-", "D E", "11"),
        (format!("35=*|{HEAD}"), Violation::MsgType, "-", "*", "11"),
        (format!("35=ABCDEFGHI|{HEAD}"), Violation::MsgType, "-", "ABCDEFGHI", "11"),
        (
            "35=D|34=2|56=VENUE|52=20261120-10:00:00.000|11=a|".into(),
            Violation::MissingHeaderField,
            "49",
            "D",
            "1",
        ),
        (
            "35=D|34=2|49=ALGO|52=20261120-10:00:00.000|11=a|".into(),
            Violation::MissingHeaderField,
            "56",
            "D",
            "1",
        ),
        ("35=0|34=2|49=ALGO|52=20261120-10:00:00.000|56=|".into(), Violation::EmptyValue, "56", "0", "4"),
        ("35=0|34=2|49=|52=20261120-10:00:00.000|56=VENUE|".into(), Violation::EmptyValue, "49", "0", "4"),
    ] {
        let named = tag != "-";
        let words = if named { format!("{violation} (tag {tag})") } else { violation.to_string() };
        let tag = if named { format!("371={tag}|") } else { String::new() };
        let reject = format!("{tag}372={msg_type}|373={code}|58={}|", text(code));
        answered.push((framed(&body), words, reject));
    }
    let many = framed(&format!("35=D|{HEAD}{}", "58=x|".repeat(3_000)));
    answered.push((
        many,
        Violation::TooManyFields.to_string(),
        format!("372=D|373=99|58={}|", Violation::TooManyFields),
    ));
    answered
}

/// The specification's words for a SessionRejectReason (373).
fn text(code: &str) -> &'static str {
    match code {
        "0" => "Invalid tag number",
        "1" => "Required tag missing",
        "4" => "Tag specified without a value",
        "5" => "Value is incorrect (out of range) for this tag",
        "6" => "Incorrect data format for value",
        "11" => "Invalid MsgType",
        "13" => "Tag appears more than once",
        "14" => "Tag specified out of required order",
        other => panic!("{other}"),
    }
}

/// Bytes that are no message, and what is wrong with them.
fn garbled() -> Vec<(String, Violation)> {
    let good = framed(&format!("35=D|{HEAD}11=a|"));
    assert!(good.contains("|9=57|"), "{good}");
    vec![
        (framed(&format!("34=2|35=D|{HEAD}")), Violation::MsgTypeNotThird),
        (framed(&format!("+35=D|{HEAD}")), Violation::MsgTypeNotThird),
        ("|".to_owned(), Violation::BeginString),
        ("junk|".to_owned(), Violation::BeginString),
        ("35=0|".to_owned(), Violation::BeginString),
        (good.replacen("9=", "9=0", 1), Violation::BodyLength),
        (good.replacen("9=", "9=+", 1), Violation::BodyLength),
        (good.replacen("9=", "9=-", 1), Violation::BodyLength),
        (good.replacen("9=", "9=x", 1), Violation::BodyLength),
        (good.replacen("9=57", "9=56", 1), Violation::BodyLength),
        (good.replacen("9=57", "9=20", 1), Violation::BodyLength),
        // Too long a length takes the next message with it, as in engines.
        (good.replacen("9=57", "9=58", 1) + &good, Violation::BodyLength),
        (good.replacen("9=57", "9=110", 1) + &good, Violation::BodyLength),
        (good.replacen("11=a", "11=b", 1), Violation::CheckSum),
        (good.replacen("10=", "10=0", 1), Violation::BodyLength),
        ("8=FIX.4.4|9=99999999999999999999|35=D|".to_owned(), Violation::BodyLength),
    ]
}

/// Messages of another session, and the Text of the Logout.
fn foreign() -> Vec<(String, &'static str)> {
    vec![
        (framed("35=D|34=2|49=OTHER|56=VENUE|52=20261120-10:00:00.000|11=a|"), "CompID problem"),
        (framed("35=D|34=2|49=ALGO|56=OTHER|52=20261120-10:00:00.000|11=a|"), "CompID problem"),
        (framed("35=D|34=2|49=ALGO |56=VENUE|52=20261120-10:00:00.000|11=a|"), "CompID problem"),
        (framed("35=D|34=2|49=OTHER|56=VENUE|52=20261120-10:00:00.000|11=|"), "CompID problem"),
        (show(&fix("FIX.4.2", &format!("35=D|{HEAD}"))), "Incorrect BeginString"),
        (show(&fix("FIX.5.0", &format!("35=D|{HEAD}"))), "Incorrect BeginString"),
        (show(&fix("FIX.3.9", &format!("35=D|{HEAD}11=|"))), "Incorrect BeginString"),
    ]
}

/// Messages whose place in the sequence is not known, or that end too far away.
fn without_number() -> Vec<(String, Violation)> {
    vec![
        (framed("35=D|49=ALGO|56=VENUE|11=a|"), Violation::MissingHeaderField),
        (framed("35=D|34=0|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        (framed("35=D|34=-2|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        (framed("35=D|34=x|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        (framed("35=D|34=9223372036854775808|49=ALGO|56=VENUE|"), Violation::MsgSeqNum),
        ("8=FIX.4.4|9=1048577|35=D|".to_owned(), Violation::TooLong),
        ("8=FIX.4.4|9=9999999|35=D|".to_owned(), Violation::TooLong),
    ]
}

#[test]
fn a_bad_field_is_answered_in_sequence_and_the_session_goes_on() {
    for (bytes, words, reject) in answered() {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client-bytes {bytes}
             << report 2 inbound violation: {words}
             << venue 1 2 112=<1>|
             >> client 0 3
             << venue 0 3
             >> venue 0 2 112=<1>|
             << client 3 2 45=2|{reject}
             >> venue 9 3
             << client 9 3"
        ));
        assert_eq!(play.count(Counter::Violations), 1);
        assert_eq!(play.count(Counter::InboundDenied), 1);
    }
}

#[test]
fn a_replay_of_a_bad_message_becomes_a_gap_fill() {
    for (bytes, words, _) in answered() {
        let body = bytes
            .split_once("|35=")
            .map_or("", |(_, rest)| rest.rsplit_once("10=").map_or("", |(body, _)| body));
        if bytes.contains("|43=") || !body.contains(HEAD) {
            continue;
        }
        let replay = framed(&format!("35={}", body.replacen(HEAD, &format!("{HEAD}43=Y|122=S|"), 1)));
        Play::logged_on("FIX.4.4", "", "").play(&format!(
            ">> client-bytes {replay}
             << report 2 inbound violation: {words}
             << venue 4 2 43=Y|122=S|123=Y|36=3|
             >> client 0 3
             << venue 0 3"
        ));
    }
}

#[test]
fn a_bad_message_waits_for_its_turn() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 11=a| + D 3 58=| + D 4 11=b|
         << check 2 message inbound D 2 11=a|
         << report 3 inbound violation: a field has no value (tag 58)
         << check 4 message inbound D 4 11=b|
         >> answer 4 allow
         >> answer 2 allow
         << venue D 2 11=a|
         << venue 1 3 112=<1>|
         << venue D 4 11=b|",
    );
}

#[test]
fn the_reject_speaks_each_version() {
    for (version, reject) in [
        ("FIX.4.0", "45=2|58=Tag appears more than once (43)|"),
        ("FIX.4.1", "45=2|58=Tag appears more than once (43)|"),
        ("FIX.4.2", "45=2|371=43|372=D|58=Tag appears more than once|"),
        ("FIX.4.3", "45=2|371=43|372=D|373=13|58=Tag appears more than once|"),
        ("FIXT.1.1", "45=2|371=43|372=D|373=13|58=Tag appears more than once|"),
    ] {
        Play::logged_on(version, "", "").play(&format!(
            ">> client D 2 43=N|43=N|
             << report 2 inbound violation: a header field stands twice (tag 43)
             << venue 1 2 112=<1>|
             >> venue 0 2 112=<1>|
             << client 3 2 {reject}"
        ));
    }
}

#[test]
fn a_reject_goes_back_the_way_that_the_message_came() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 115=FIRM|116=DESK|144=LDN|58=|
         << report 2 inbound violation: a field has no value (tag 58)
         << venue 1 2 112=<1>|
         >> venue 0 2 112=<1>|
         << client 3 2 128=FIRM|129=DESK|145=LDN|45=2|371=58|372=D|373=4|58=Tag specified without a value|",
    );
}

#[test]
fn what_is_garbled_is_ignored_and_the_session_goes_on() {
    for (bytes, violation) in garbled() {
        let good = show(&long(Direction::Inbound, "FIX.4.4", "0 3"));
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client-bytes {bytes}{good}
             << report 2 inbound violation: {violation}: ignored
             << venue 0 3
             >> client 0 4
             << venue 0 4"
        ));
        assert_eq!((play.count(Counter::Violations), play.count(Counter::Garbled)), (1, 1));
    }
}

#[test]
fn how_far_the_next_message_is_looked_for_is_bounded() {
    let mut play = Play::logged_on("FIX.4.4", r#""limits":{"max_message_bytes":256}"#, "");
    play.play(&format!(">> client-bytes {}", "x".repeat(255)));
    play.play(&format!(
        ">> client-bytes x
         << report 2 inbound violation: {}
         << close violation of the strict profile
         >> client 0 3",
        Violation::Unframed
    ));
}

#[test]
fn how_often_is_bounded_too() {
    const THREE: &str = r#""limits":{"violations_per_minute":3}"#;
    let garbled = "8=FIX.4.4|9=5|35=0|10=000|";
    Play::logged_on("FIX.4.4", THREE, "").play(&format!(
        ">> client-bytes {garbled}{garbled}{garbled}
         << report 2 inbound violation: {sum}: ignored
         << report 3 inbound violation: {sum}: ignored
         << report 4 inbound violation: {sum}: ignored
         << report 5 inbound limit: session ended by `limits.violations_per_minute` (3)
         << report 6 inbound violation: {sum}
         << close violation of the strict profile",
        sum = Violation::CheckSum
    ));
    // A message that can become the Logout does.
    let mut play = Play::logged_on("FIX.4.4", THREE, "");
    play.play(
        ">> client D 2 58=| + D 3 58=| + D 4 58=|
         << report 2 inbound violation: a field has no value (tag 58)
         << venue 1 2 112=<1>|
         << report 3 inbound violation: a field has no value (tag 58)
         << venue 1 3 112=<2>|
         << report 4 inbound violation: a field has no value (tag 58)
         << report 5 inbound limit: session ended by `limits.violations_per_minute` (3)
         << venue 5 4 58=Session ended: too many malformed messages|
         << tick 2000
         >> venue 0 2 112=<1>|
         << client 3 2 45=2|371=58|372=D|373=4|58=Tag specified without a value|
         >> venue 0 3 112=<2>|
         << client 3 3 45=3|371=58|372=D|373=4|58=Tag specified without a value|
         >> venue 5 4
         << client 5 4 58=Session ended: too many malformed messages|
         << end client
         << tick 2000",
    );
    // A minute later they are forgotten.
    Play::logged_on("FIX.4.4", THREE, "").play(
        ">> client D 2 58=| + D 3 58=|
         << report 2 inbound violation: a field has no value (tag 58)
         << venue 1 2 112=<1>|
         << report 3 inbound violation: a field has no value (tag 58)
         << venue 1 3 112=<2>|
         >> after 60000
         >> client D 4 58=|
         << report 4 inbound violation: a field has no value (tag 58)
         << venue 1 4 112=<3>|",
    );
}

#[test]
fn a_message_of_another_session_ends_this_one_in_sequence() {
    for (bytes, said) in foreign() {
        Play::logged_on("FIX.4.4", "", "").play(&format!(
            ">> client D 3 11=a|
             << check 2 message inbound D 3 11=a|
             >> client-bytes {bytes}
             << report 3 inbound violation: {}
             >> client 0 4
             >> answer 2 allow
             << venue D 3 11=a|
             << venue 5 2 58={said}|
             << tick 2000
             >> venue 5 2
             << client 5 2 58={said}|
             << end client
             << tick 2000",
            Violation::ForeignIdentity
        ));
    }
}

#[test]
fn what_cannot_be_answered_is_reported_and_closes_with_nothing_behind_it_forwarded() {
    for (bytes, violation) in without_number() {
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
    let first = |bytes: &str, what: &str| {
        // More stands behind, for those that announce more than they bring.
        let more = show(&long(Direction::Inbound, "FIX.4.4", "0 3"));
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play_bytes(
            Direction::Inbound,
            &format!("{bytes}{more}"),
            &format!("report 2 inbound violation: {what}"),
        );
    };
    answered().iter().for_each(|(bytes, words, _)| first(bytes, words));
    garbled().iter().for_each(|(bytes, violation)| first(bytes, &format!("{violation}: ignored")));
    foreign().iter().for_each(|(bytes, _)| first(bytes, Violation::ForeignIdentity.text()));
    without_number().iter().for_each(|(bytes, violation)| first(bytes, violation.text()));
}

#[test]
fn a_bad_message_of_the_venues_becomes_a_gap_fill() {
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> venue 9 2 + 8 3 0167=CS| + 9 4
         << client 9 2
         << report 2 outbound violation: a tag is not a number from 1 to 999999 without sign, space or leading zero (tag 0167)
         << client 4 3 123=Y|36=4|
         << client 9 4
         >> venue 8 5 37=x| + 8 6 58=| + 9 7
         << check 3 message outbound 8 5 37=x|
         << report 4 outbound violation: a field has no value (tag 58)
         >> answer 3 allow
         << client 8 5 37=x|
         << client 4 6 123=Y|36=7|
         << client 9 7
         >> client 0 2
         << venue 0 2",
    );
}

#[test]
fn an_answer_in_a_bad_heartbeat_still_arrives() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> venue 0 2 112=<1>|58=|
         << report 3 outbound violation: a field has no value (tag 58)
         << client j 2 45=2|372=D|379=a|380=6|58=no|",
    );
}

#[test]
fn what_is_garbled_of_the_venues_is_ignored() {
    let good = show(&long(Direction::Outbound, "FIX.4.4", "9 3"));
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        ">> venue-bytes 8=FIX.4.4|9=5|35=0|10=000|{good}
         << report 2 outbound violation: CheckSum (10) is not exact or not three digits: ignored
         << client 9 3"
    ));
}

#[test]
fn too_many_bad_messages_of_the_venues_end_the_session_in_sequence() {
    Play::logged_on("FIX.4.4", r#""limits":{"violations_per_minute":1}"#, "").play(
        ">> venue 8 2 58=|
         << report 2 outbound violation: a field has no value (tag 58)
         << report 3 outbound limit: session ended by `limits.violations_per_minute` (1)
         << client 4 2 123=Y|36=3|
         << tick 60000
         >> client 0 2
         << venue 5 2 58=Session ended: too many malformed messages of the venue|
         << tick 2000",
    );
}

#[test]
fn what_came_whole_before_the_end_is_done() {
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> venue 8 2 37=x|
         << check 2 message outbound 8 2 37=x|
         >> client 0 2 + D 3 11=a|
         << venue 0 2
         << check 3 message inbound D 3 11=a|
         >> client D 0
         >> client 0 4
         >> answer 3 allow
         << venue D 3 11=a|
         >> venue 9 3
         >> answer 2 allow
         << client 8 2 37=x|
         << report 4 inbound violation: MsgSeqNum (34) is not a positive number
         << close violation of the strict profile",
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

/// A News of so many bytes in its Text.
fn news(seq: u64, length: usize) -> String {
    framed(&format!("35=B|34={seq}|49=ALGO|56=VENUE|52=20261120-10:00:00.000|58={}|", "x".repeat(length)))
}

#[test]
fn a_message_beyond_the_limit_is_answered_in_sequence() {
    for length in [65_536, 300_000, 1_048_000] {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client D 2 11=a|
             << check 2 message inbound D 2 11=a|
             >> client-bytes {}{}
             << report 3 inbound violation: {}
             >> answer 2 allow
             << venue D 2 11=a|
             << venue 1 3 112=<1>|
             << venue 0 4
             >> venue 0 2 112=<1>|
             << client 3 2 45=3|372=B|373=99|58={}|",
            news(3, length),
            show(&long(Direction::Inbound, "FIX.4.4", "0 4")),
            Violation::TooLong,
            Violation::TooLong,
        ));
    }
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        ">> venue-bytes {}
         << report 2 outbound violation: {}
         << client 4 2 123=Y|36=3|",
        news(2, 65_536).replacen("49=ALGO|56=VENUE", "49=VENUE|56=ALGO", 1),
        Violation::TooLong,
    ));
}

#[test]
fn what_is_inside_a_message_beyond_the_limit_is_no_message() {
    // It stands where a message would, and is like one that has just passed.
    let inner = show(&long(Direction::Inbound, "FIX.4.4", "0 4"));
    let text = inner.repeat(1_000).replace('|', "\u{1}");
    let whole =
        show(&fix("FIX.4.4", &format!("35=B|34=3|49=ALGO|56=VENUE|52=20261120-10:00:00.000|58={text}|")));
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(&format!(
        ">> client 0 2
         << venue 0 2
         >> client-bytes {whole}
         << report 2 inbound violation: {}
         << venue 1 3 112=<1>|
         >> client 0 4
         << venue 0 4",
        Violation::TooLong
    ));
}

#[test]
fn a_message_beyond_the_limit_with_a_wrong_sum_is_ignored() {
    let bad = news(2, 65_536).replacen("58=x", "58=y", 1);
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        ">> client-bytes {bad}
         << report 2 inbound violation: {}: ignored
         >> client 0 2
         << venue 0 2",
        Violation::BodyLength
    ));
}

#[test]
fn a_message_beyond_the_limit_shows_the_same_however_it_is_cut() {
    for step in [1, 3, 512, 4_096, 60_000] {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.in_pieces(Direction::Inbound, &news(2, 65_536), step);
        play.play(
            ">> client 0 3
             << venue 0 3",
        );
        assert_eq!((play.count(Counter::Violations), play.count(Counter::Garbled)), (1, 0), "{step}");
    }
}
