//! Rejects that a lost connection took with it: put back where the venue's GapFill covers their numbers.

use crate::support::transcript::{OPEN, Play};
use fix_authz_core::stats::Counter;

/// A session in which the orders 2 and 3 were denied, and their rejects sent at 2 and 4.
fn denied_twice(version: &'static str, settings: &str) -> Play {
    let mut play = Play::new(version, settings);
    play.play(OPEN);
    let reject = if version < "FIX.4.2" {
        ["3 2 45=2|58=no|", "3 4 45=3|58=no|"]
    } else {
        ["j 2 45=2|372=D|379=a|380=6|58=no|", "j 4 45=3|372=D|379=b|380=6|58=no|"]
    };
    play.play(&format!(
        ">> client D 2 11=a| + D 3 11=b|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> answer 3 reject 6 no
         << venue 1 3 112=<2>|
         >> venue 0 2 112=<1>| + 9 3 58=x| + 0 4 112=<2>|
         << client {}
         << client 9 3 58=x|
         << client {}",
        reject[0], reject[1]
    ));
    play
}

/// The next connection, numbers as they stand.
fn log_on_again(play: &mut Play, logon: &str) {
    play.play(&format!(
        ">> reconnect
         << tick 10000
         >> client A {logon}98=0|554=s3cret|
         << check 1 logon inbound A {} bearer=s3cret {}98=0|
         >> answer 1 allow
         << venue A {logon}98=0|",
        &logon[..1],
        if logon.contains("141=") { "141=Y|" } else { "" },
    ));
}

const AT: &str = "49=VENUE|56=ALGO|";
const TIME: &str = "20261120-10:00:00.000";
const REPLAY: &str = "43=Y|122=20261120-10:00:00.000|52=20261120-11:00:00|";

#[test]
fn the_gap_fill_is_split_around_them() {
    let mut play = denied_twice("FIX.4.4", "");
    log_on_again(&mut play, "4 ");
    let fill = "43=Y|52=20261120-11:00:00|122=20261120-11:00:00";
    play.play(&format!(
        ">> venue A 5 98=0|
         << client A 5 98=0|
         >> client 2 5 7=1|16=0|
         << venue 2 5 7=1|16=0|
         >> venue 35=4|34=1|{AT}{fill}|123=Y|36=6|
         << client 35=4|34=1|{AT}{fill}|123=Y|36=2|
         << client 35=j|34=2|{REPLAY}{AT}45=2|372=D|379=a|380=6|58=no|
         << client 35=4|34=3|{AT}{fill}|123=Y|36=4|
         << client 35=j|34=4|{REPLAY}{AT}45=3|372=D|379=b|380=6|58=no|
         << client 35=4|34=5|{AT}{fill}|123=Y|36=6|"
    ));
    assert_eq!(play.count(Counter::RejectsPutBack), 2);
    // As often as it is asked for, and where the GapFill says nothing of a replay.
    play.play(&format!(
        ">> venue 35=4|34=2|{AT}52=20261120-11:00:00|123=Y|36=3|
         << client 35=j|34=2|{REPLAY}{AT}45=2|372=D|379=a|380=6|58=no|
         >> venue 4 3 43=Y|123=Y|36=4|
         << client 4 3 43=Y|123=Y|36=4|
         >> venue 4 6 123=Y|36=9|
         << client 4 6 123=Y|36=9|"
    ));
    assert_eq!(play.count(Counter::RejectsDelivered), 2);
}

#[test]
fn they_speak_their_version() {
    let mut play = denied_twice("FIX.4.1", "");
    log_on_again(&mut play, "4 ");
    play.play(&format!(
        ">> venue A 5 98=0|
         << client A 5 98=0|
         >> venue 35=4|34=4|{AT}43=Y|52=20261120-11:00:00|123=Y|36=5|
         << client 35=3|34=4|{REPLAY}{AT}45=3|58=no|"
    ));
}

#[test]
fn a_gap_fill_waits_for_its_turn_whole() {
    let mut play = denied_twice("FIX.4.4", "");
    play.play(&format!(
        ">> reconnect
         << tick 10000
         >> client A 4 554=s3cret|
         << check 1 logon inbound A 4 bearer=s3cret
         >> answer 1 allow guard-outbound=8
         << venue A 4
         >> venue A 5
         << client A 5
         >> venue 8 3 43=Y|37=x|
         << check 2 message outbound 8 3 replay 37=x|
         >> venue 4 4 43=Y|123=Y|36=6|
         >> answer 2 allow
         << client 8 3 43=Y|37=x|
         << client 35=j|34=4|43=Y|122={TIME}|52={TIME}|{AT}45=3|372=D|379=b|380=6|58=no|
         << client 4 5 43=Y|123=Y|36=6|"
    ));
}

/// After `events` on a new connection nothing is put back.
#[track_caller]
fn assert_forgotten(settings: &str, logon: &str, events: &str) {
    let mut play = denied_twice("FIX.4.4", settings);
    log_on_again(&mut play, logon);
    play.play(events);
    play.play(">> venue 4 1 43=Y|123=Y|36=9|\n<< client 4 1 43=Y|123=Y|36=9|");
}

#[test]
fn they_are_forgotten_when_the_numbers_begin_anew() {
    assert_forgotten("", "1 141=Y|", ">> venue A 1 141=Y|\n<< client A 1 141=Y|");
    assert_forgotten("", "4 ", ">> venue A 1 141=Y|\n<< client A 1 141=Y|");
    assert_forgotten("", "4 ", ">> venue A 1\n<< client A 1");
    let reset = ">> venue A 5 + 4 6 36=1|\n<< client A 5\n<< client 4 6 36=1|";
    assert_forgotten("", "4 ", reset);
}

#[test]
fn they_are_forgotten_with_age_or_never_kept() {
    let late = ">> later 1000\n>> venue A 5\n<< client A 5";
    assert_forgotten(r#""limits":{"remembered_ms":1000}"#, "4 ", late);
    assert_forgotten(r#""limits":{"remembered_rejects":0}"#, "4 ", ">> venue A 5\n<< client A 5");
}

#[test]
fn another_sessions_are_not_put_back() {
    let mut play = denied_twice("FIX.4.4", "");
    log_on_again(&mut play, "4 50=desk|");
    play.play(">> venue A 5 + 4 1 43=Y|123=Y|36=5|\n<< client A 5\n<< client 4 1 43=Y|123=Y|36=5|");
}

/// The order 2 was denied, and the connection lost before the venue's answer came.
fn lost_on_its_way() -> Play {
    let mut play = Play::new("FIX.4.4", "");
    play.play(OPEN);
    play.play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|",
    );
    play
}

#[test]
fn one_that_was_on_its_way_takes_a_number_that_nobody_has_seen() {
    let mut play = lost_on_its_way();
    log_on_again(&mut play, "3 ");
    let reject = "45=2|372=D|379=a|380=6|58=no|";
    let put = format!("j 2 43=Y|122={TIME}|{reject}");
    let again = format!("35=j|34=2|43=Y|122={TIME}|52={TIME}|{AT}{reject}");
    play.play(&format!(
        ">> venue A 3
         << client A 3
         >> venue 4 1 43=Y|123=Y|36=4|
         << client 4 1 43=Y|123=Y|36=2|
         << client {put}
         << client 4 3 43=Y|123=Y|36=4|
         # There it stays.
         >> venue 4 2 43=Y|123=Y|36=4|
         << client {again}
         << client 4 3 43=Y|123=Y|36=4|"
    ));
}

#[test]
fn one_whose_message_the_venue_lacks_is_decided_anew() {
    let mut play = lost_on_its_way();
    log_on_again(&mut play, "3 ");
    play.play(
        ">> venue A 3 + 2 4 7=2|16=0|
         << client A 3
         << client 2 4 7=2|16=0|
         >> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 allow
         << venue D 2 43=Y|11=a|
         >> venue 4 2 43=Y|123=Y|36=4|
         << client 4 2 43=Y|123=Y|36=4|",
    );
}

/// A session whose client numbers go on from 2, and whose venue lacks them.
fn asked_again(settings: &str) -> Play {
    let mut play = Play::new("FIX.4.4", settings);
    play.play(
        ">> client A 5 554=s3cret|
         << check 1 logon inbound A 5 bearer=s3cret
         >> answer 1 allow
         << venue A 5
         >> venue A 1 + 2 2 7=2|16=0|
         << client A 1
         << client 2 2 7=2|16=0|",
    );
    play
}

#[test]
fn a_denied_replay_that_was_never_answered_is_answered_once() {
    let mut play = asked_again("");
    play.play(
        ">> client D 2 43=Y|122=T|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 43=Y|122=T|112=<1>|
         >> venue 0 3 112=<1>|
         << client j 3 45=2|372=D|379=a|380=6|58=no|
         >> venue 2 4 7=2|16=0|
         << client 2 4 7=2|16=0|
         >> client D 2 43=Y|122=T|11=a|
         << check 3 message inbound D 2 replay 11=a|
         >> answer 3 reject 6 no
         << venue 4 2 43=Y|122=T|123=Y|36=3|",
    );
    // Nor on the next connection.
    log_on_again(&mut play, "6 ");
    play.play(
        ">> venue A 5 + 2 6 7=2|16=0|
         << client A 5
         << client 2 6 7=2|16=0|
         >> client D 2 43=Y|122=T|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 4 2 43=Y|122=T|123=Y|36=3|",
    );
    // A message that has the number anew is another.
    log_on_again(&mut play, "1 141=Y|");
    play.play(
        ">> venue A 1 141=Y|
         << client A 1 141=Y|
         >> client D 2 43=Y|122=T|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 43=Y|122=T|112=<2>|",
    );
}

#[test]
fn it_speaks_its_version_where_there_is_no_business_reject() {
    let mut play = Play::logged_on("FIX.4.0", "", "");
    play.play(
        ">> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 43=Y|112=<1>|
         >> venue 0 2 112=<1>|
         << client 3 2 45=2|58=no|",
    );
}

#[test]
fn a_client_number_at_or_above_its_logons_is_another_messages() {
    let mut play = denied_twice("FIX.4.4", "");
    log_on_again(&mut play, "2 ");
    play.play(
        ">> venue A 5
         << client A 5
         >> client D 3 43=Y|11=b|
         << check 2 message inbound D 3 replay 11=b|
         >> answer 2 reject 6 no
         << venue 1 3 43=Y|112=<3>|",
    );
}

#[test]
fn a_venue_that_does_not_answer_a_replay_has_the_client_told_nothing() {
    let mut play = asked_again(r#""limits":{"max_pending_rejects":1}"#);
    play.play(
        ">> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 43=Y|112=<1>|
         >> client D 3 43=Y|11=b|
         << pause
         << tick 10000
         # It may have had the message itself before: then a reject would be wrong. It holds up nothing for long.
         >> after 10000
         << check 3 message inbound D 3 replay 11=b|
         << resume
         >> venue 0 3
         << client 0 3",
    );
    log_on_again(&mut play, "6 ");
    play.play(">> venue A 4 + 0 5\n<< client A 4\n<< client 0 5");
}

#[test]
fn a_reject_without_a_place_is_carried_by_a_heartbeat() {
    // The connection ended before the venue's Logon came, so that no number is known to be free.
    let mut play = Play::new("FIX.4.4", "");
    play.play(
        ">> client A 1 554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret
         >> answer 1 allow
         << venue A 1
         >> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|",
    );
    log_on_again(&mut play, "3 ");
    play.play(
        ">> venue A 3 + 4 1 43=Y|123=Y|36=3| + 0 4 112=x| + 0 5 + 0 6
         << client A 3
         << client 4 1 43=Y|123=Y|36=3|
         << client 0 4 112=x|
         << client j 5 45=2|372=D|379=a|380=6|58=no|
         << client 0 6",
    );
    assert_eq!(play.count(Counter::RejectsDelivered), 1);
}

#[test]
fn a_denied_message_that_the_venue_asks_for_although_it_had_it_is_answered() {
    let mut play = lost_on_its_way();
    log_on_again(&mut play, "3 ");
    play.play(
        ">> venue A 3 + 2 4 7=2|16=0|
         << client A 3
         << client 2 4 7=2|16=0|
         >> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << tick 10500
         << venue 1 2 43=Y|112=<2>|
         # It does not answer the same number twice.
         >> after 11000
         >> venue 0 5
         << client j 5 45=2|372=D|379=a|380=6|58=no|
         # Not once more, should it answer after all.
         >> venue 0 6 112=<2>|
         << client 0 6 112=<2>|",
    );
}

#[test]
fn where_nothing_is_remembered_a_replay_is_not_answered() {
    Play::logged_on("FIX.4.4", r#""limits":{"remembered_rejects":0}"#, "").play(
        ">> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 4 2 43=Y|123=Y|36=3|",
    );
}
