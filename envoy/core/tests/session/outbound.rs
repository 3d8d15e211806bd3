//! Venue to client: guarded types are asked about and become GapFills when denied; all else passes.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

#[test]
fn only_guarded_types_are_asked_about() {
    let mut play = Play::logged_on("FIX.4.4", "", "guard-outbound=8,AE,0");
    play.play(
        ">> venue 9 2 37=x| + W 3 + 0 4 + 5 5
         << client 9 2 37=x|
         << client W 3
         << client 0 4
         << client 5 5
         >> venue 8 6 1=acc|11=a|
         << check 2 message outbound 8 6 1=acc|11=a|
         >> answer 2 allow
         << client 8 6 1=acc|11=a|",
    );
    assert_eq!(play.count(Counter::OutboundForwarded), 6);
}

#[test]
fn a_closed_direction_asks_about_every_type_but_those_that_pass() {
    let mut play = Play::logged_on("FIX.4.4", "", "guard-outbound=* pass-outbound=9,j");
    play.play(
        ">> venue 9 2 37=x| + j 3 + 0 4 + 3 5 45=2|
         << client 9 2 37=x|
         << client j 3
         << client 0 4
         << client 3 5 45=2|
         >> venue XVEN 6 1=acc| + 8 7 1=acc|
         << check 2 message outbound XVEN 6 1=acc|
         << check 3 message outbound 8 7 1=acc|
         >> answer 2 reject 6 no
         << client 4 6 123=Y|36=7|
         >> answer 3 allow
         << client 8 7 1=acc|",
    );
    assert_eq!((play.count(Counter::OutboundDenied), play.count(Counter::OutboundForwarded)), (1, 6));
}

#[test]
fn a_denied_report_becomes_a_gap_fill_with_its_number() {
    let mut play = Play::logged_on("FIX.4.4", "", "guard-outbound=8");
    play.play(
        ">> venue 8 2 129=desk|1=a| + 9 3 + 8 4 43=Y|122=T|1=b| + 8 5 1=c|
         << check 2 message outbound 8 2 1=a|
         << check 3 message outbound 8 4 replay 1=b|
         << check 4 message outbound 8 5 1=c|
         >> answer 3 logout 6 no
         >> answer 4 allow
         >> answer 2 reject 6 no
         << client 4 2 123=Y|36=3|
         << client 9 3
         << client 4 4 43=Y|122=T|123=Y|36=5|
         << client 8 5 1=c|",
    );
    assert_eq!((play.count(Counter::OutboundDenied), play.count(Counter::OutboundForwarded)), (2, 3));
}

#[test]
fn a_reject_waits_for_its_turn_among_the_reports() {
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> venue 8 2 37=x| + 0 3 112=<1>| + 9 4
         << check 3 message outbound 8 2 37=x|
         >> answer 3 allow
         << client 8 2 37=x|
         << client j 3 45=2|372=D|379=a|380=6|58=no|
         << client 9 4",
    );
}

#[test]
fn the_two_directions_do_not_wait_for_each_other() {
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> venue 8 2 37=x|
         << check 3 message outbound 8 2 37=x|
         >> answer 3 allow
         << client 8 2 37=x|
         >> answer 2 allow
         << venue D 2 11=a|",
    );
}

#[test]
fn numbers_beyond_32_bits_are_numbers_like_others() {
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> venue 9 2147483648 + 9 9223372036854775806
         << client 9 2147483648
         << client 9 9223372036854775806
         >> venue 8 4294967297 37=x|
         << check 2 message outbound 8 4294967297 37=x|
         >> answer 2 reject 6 no
         << client 4 4294967297 123=Y|36=4294967298|
         >> client D 10000000000 11=a|
         << check 3 message inbound D 10000000000 11=a|
         >> answer 3 reject 6 no
         << venue 1 10000000000 112=<1>|
         >> venue 0 4294967298 112=<1>|
         << client j 4294967298 45=10000000000|372=D|379=a|380=6|58=no|",
    );
}

#[test]
fn a_reset_is_taken_whatever_its_number() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client 4 0 36=9| + 4 7 123=N|36=3|
         << venue 4 0 36=9|
         << venue 4 7 123=N|36=3|
         >> venue 4 0 123=N|36=9|
         << client 4 0 123=N|36=9|",
    );
}
