//! Rejects that outlive the process: Envoy is killed, and another one takes over its journal.

use crate::support::transcript::{OPEN, Play};

/// Order 2 was denied, and its TestRequest is at the venue.
fn denied() -> Play {
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

/// Another process, and the client logs on with this number.
fn killed(play: &mut Play, seq: u64) {
    play.play(&format!(
        ">> killed
         << tick 10000
         >> client A {seq} 98=0|554=s3cret|
         << check 1 logon inbound A {seq} bearer=s3cret 98=0|
         >> answer 1 allow
         << venue A {seq} 98=0|"
    ));
}

const AT: &str = "49=VENUE|56=ALGO|";
const TIME: &str = "20261120-10:00:00.000";
const FILL: &str = "43=Y|52=20261120-11:00:00|122=20261120-11:00:00|123=Y|";

#[test]
fn a_reject_whose_heartbeat_was_lost_takes_a_number_that_the_client_asks_for() {
    let mut play = denied();
    killed(&mut play, 3);
    // The venue sent its Heartbeat as number 2, which nobody has seen.
    play.play(&format!(
        ">> venue A 3 98=0|
         << client A 3 98=0|
         >> client 2 4 7=2|16=0|
         << venue 2 4 7=2|16=0|
         >> venue 35=4|34=2|{AT}{FILL}36=4|
         << client 35=j|34=2|{AT}52=20261120-11:00:00|43=Y|122=20261120-11:00:00|45=2|372=D|379=a|380=6|58=no|
         << client 35=4|34=3|{AT}{FILL}36=4|
         # The client may ask again, and is answered alike.
         >> venue 35=4|34=2|{AT}{FILL}36=4|
         << client 35=j|34=2|43=Y|122=20261120-11:00:00|52=20261120-11:00:00|{AT}45=2|372=D|379=a|380=6|58=no|
         << client 35=4|34=3|{AT}{FILL}36=4|"
    ));
}

#[test]
fn without_such_a_number_a_heartbeat_carries_it_once() {
    let mut play = denied();
    killed(&mut play, 3);
    play.play(
        ">> venue A 2 98=0|
         << client A 2 98=0|
         >> venue 0 3 + 0 4
         << client j 3 45=2|372=D|379=a|380=6|58=no|
         << client 0 4",
    );
    // And it is told, to the process after this one too.
    killed(&mut play, 4);
    play.play(
        ">> venue A 5 98=0| + 0 6
         << client A 5 98=0|
         << client 0 6",
    );
}

#[test]
fn a_reject_that_was_sent_stands_where_the_venue_fills_a_gap() {
    let mut play = denied();
    play.play(
        ">> venue 0 2 112=<1>|
         << client j 2 45=2|372=D|379=a|380=6|58=no|",
    );
    killed(&mut play, 3);
    play.play(&format!(
        ">> venue A 3 98=0|
         << client A 3 98=0|
         >> client 2 4 7=2|16=0|
         << venue 2 4 7=2|16=0|
         >> venue 35=4|34=2|{AT}{FILL}36=3|
         << client 35=j|34=2|43=Y|122={TIME}|52=20261120-11:00:00|{AT}45=2|372=D|379=a|380=6|58=no|"
    ));
}

#[test]
fn a_denied_message_that_the_venue_lacks_is_decided_anew_and_answered_once() {
    let mut play = denied();
    killed(&mut play, 3);
    play.play(
        ">> venue A 2 98=0| + 2 3 7=2|16=0|
         << client A 2 98=0|
         << client 2 3 7=2|16=0|
         >> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << tick 10500
         << venue 1 2 43=Y|112=<2>|
         >> venue 0 4 112=<2>|
         << client j 4 45=2|372=D|379=a|380=6|58=no|",
    );
    // It was told: where the venue lacks it once more, a GapFill suffices.
    killed(&mut play, 3);
    play.play(
        ">> venue A 5 98=0| + 2 6 7=2|16=0|
         << client A 5 98=0|
         << client 2 6 7=2|16=0|
         >> client D 2 43=Y|11=a|
         << check 2 message inbound D 2 replay 11=a|
         >> answer 2 reject 6 no
         << venue 4 2 43=Y|123=Y|36=3|",
    );
}

#[test]
fn one_that_is_allowed_when_the_venue_asks_for_it_is_not_rejected_afterwards() {
    let mut play = denied();
    play.play(
        ">> venue 2 2 7=2|16=0|
         << client 2 2 7=2|16=0|
         >> client D 2 43=Y|11=a|
         << check 3 message inbound D 2 replay 11=a|
         >> answer 3 allow
         << venue D 2 43=Y|11=a|",
    );
    killed(&mut play, 3);
    play.play(
        ">> venue A 3 98=0| + 0 4
         << client A 3 98=0|
         << client 0 4",
    );
}

#[test]
fn numbers_that_begin_anew_leave_nothing() {
    let mut play = denied();
    play.play(
        ">> killed
         << tick 10000
         >> client A 1 98=0|141=Y|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|141=Y|
         >> answer 1 allow
         << venue A 1 98=0|141=Y|
         >> venue A 1 98=0|141=Y| + 0 2
         << client A 1 98=0|141=Y|
         << client 0 2",
    );
}
