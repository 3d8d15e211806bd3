//! How sessions end when the gateway goes down.

use crate::support::transcript::Play;
use fix_authz_core::stats::{Counter, Gauge};

/// Sessions begin to end at once, and wait for 10 s.
const AT_ONCE: &str = r#""drain":{"spread_ms":0,"wait_ms":10000,"stop_ms":1000}"#;
const WHY: &str = "58=The gateway is going down: log on again|";

#[test]
fn a_logout_takes_the_place_of_a_heartbeat() {
    let mut play = Play::logged_on("FIX.4.4", AT_ONCE, "exempt=D");
    play.play(&format!(
        ">> drain
         << tick 10000
         >> client D 2 11=a|
         << venue D 2 11=a|
         >> client 0 3
         << venue 5 3 {WHY}
         << tick 2000
         # Never seen by the venue: it asks for it after the next Logon.
         >> client D 4 11=b|
         << pause
         >> venue 8 2 37=x| + 5 3
         << client 8 2 37=x|
         << client 5 3 {WHY}
         << end client
         << resume
         << tick 2000
         >> client-end
         << close session ended, the gateway drains
         >> after 60000"
    ));
    assert_eq!((play.count(Counter::SessionsDrained), play.count(Counter::SessionsEnded)), (1, 1));
    assert_eq!(play.count(Counter::SessionsCut), 0);
}

#[test]
fn a_logout_takes_the_place_of_a_test_request_in_its_turn() {
    Play::logged_on("FIX.4.4", AT_ONCE, "").play(&format!(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> drain
         << tick 10000
         >> client 1 3 112=hello| + D 4 11=b|
         << check 3 message inbound D 4 11=b|
         >> answer 3 allow
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         << venue 5 3 {WHY}
         << tick 2000
         # The reject is still delivered.
         >> venue 0 2 112=<1>| + 5 3
         << client j 2 45=2|372=D|379=a|380=6|58=no|
         << client 5 3 {WHY}
         << end client
         << tick 2000"
    ));
}

#[test]
fn no_other_message_and_no_replay_is_given_up() {
    let mut play = Play::logged_on("FIX.4.4", AT_ONCE, "exempt=D");
    play.play(
        ">> drain
         << tick 10000
         >> client 2 2 7=1|16=0| + D 3 11=a| + 3 4 45=1| + 0 3 43=Y|122=T|
         << venue 2 2 7=1|16=0|
         << venue D 3 11=a|
         << venue 3 4 45=1|
         << venue 0 3 43=Y|122=T|",
    );
    assert_eq!((play.level(Gauge::SessionsActive), play.level(Gauge::SessionsDraining)), (1, 1));
}

#[test]
fn a_session_whose_turn_has_not_come_trades_on() {
    let settings = r#""drain":{"spread_ms":86400000,"wait_ms":1000}"#;
    Play::logged_on("FIX.4.4", settings, "").play_ticking(
        ">> drain
         << tick
         >> client 0 2
         << venue 0 2
         >> after 86401001
         << tick
         << end client
         << tick",
    );
}

#[test]
fn a_busy_session_is_disconnected_between_two_messages_once_all_is_settled() {
    let mut play = Play::logged_on("FIX.4.4", AT_ONCE, "guard-outbound=8");
    play.play(
        ">> drain
         << tick 10000
         >> client D 2 11=a| + D 3 11=b|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         >> after 10000
         << tick 2000
         # Not taken in any more, and so not lost: the venue asks for it.
         >> client D 4 11=c|
         << pause
         >> answer 2 allow
         << venue D 2 11=a|
         >> answer 3 reject 6 no
         << venue 1 3 112=<1>|
         >> venue 8 2 37=x| + 0 3 112=<1>|
         << check 4 message outbound 8 2 37=x|
         >> answer 4 allow
         << client 8 2 37=x|
         << client j 3 45=3|372=D|379=b|380=6|58=no|
         << end client
         << resume
         << tick 2000
         >> client D 5 11=d|
         >> after 2000
         << close session ended, the gateway drains",
    );
    assert_eq!((play.count(Counter::SessionsCut), play.count(Counter::SessionsEnded)), (1, 0));
}

#[test]
fn what_is_never_settled_is_not_waited_for() {
    let mut play = Play::logged_on("FIX.4.4", AT_ONCE, "");
    play.play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> stop
         << tick 1000
         >> after 1000
         << tick 2000
         >> after 1999
         >> after 1
         << end client
         << tick 2000
         >> answer 2 allow
         >> client-end
         << close session ended, the gateway stops",
    );
    assert_eq!(play.level(Gauge::ConnectionsActive), 0);
}

#[test]
fn a_stop_brings_the_end_of_a_drain_nearer() {
    Play::logged_on("FIX.4.4", r#""drain":{"spread_ms":0,"wait_ms":60000,"stop_ms":500}"#, "").play(
        ">> drain
         << tick 60000
         >> stop
         << tick 500
         >> drain
         << tick 60000
         >> after 500
         << tick 2000
         << end client
         << tick 2000",
    );
}

#[test]
fn a_connection_without_a_logon_is_turned_away() {
    let mut play = Play::new("FIX.4.4", AT_ONCE);
    assert_eq!((play.level(Gauge::ConnectionsActive), play.level(Gauge::LogonsPending)), (1, 1));
    play.play(
        ">> client-bytes 8=FIX.4.4|9=100|
         >> drain
         << close session ended, the gateway drains
         >> drain
         >> after 60000",
    );
    assert_eq!(play.count(Counter::ConnectionsTurnedAway), 1);
    assert_eq!((play.level(Gauge::ConnectionsActive), play.level(Gauge::LogonsPending)), (0, 0));
}

#[test]
fn a_logon_that_is_being_decided_becomes_a_session_that_ends() {
    Play::new("FIX.4.4", AT_ONCE).play(&format!(
        ">> client A 1 98=0|554=s3cret| + 0 2
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> drain
         << tick 10000
         >> answer 1 allow
         << venue A 1 98=0|
         << venue 5 2 {WHY}
         << tick 2000"
    ));
    let mut play = Play::new("FIX.4.4", AT_ONCE);
    play.play(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> stop
         << tick 1000
         >> after 1000
         << close session ended, the gateway stops
         >> answer 1 allow",
    );
    assert_eq!(play.count(Counter::ConnectionsTurnedAway), 1);
}

#[test]
fn a_session_that_the_service_ends_ends_as_the_service_says() {
    Play::logged_on("FIX.4.4", AT_ONCE, "").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> drain
         << tick 10000
         >> answer 2 logout 6 gone
         << venue 5 2 58=gone|
         << tick 2000
         >> after 2000
         << close session ended, the venue did not answer the Logout",
    );
}

#[test]
fn what_waits_shows_in_a_gauge() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|",
    );
    let one = play.level(Gauge::QueuedBytes);
    play.play(">> client-bytes 8=FIX.4.4|");
    assert_eq!((one > 50, play.level(Gauge::QueuedBytes)), (true, one + 10));
    play.play(
        ">> answer 2 allow
         << venue D 2 11=a|",
    );
    assert_eq!(play.level(Gauge::QueuedBytes), 0);
}
