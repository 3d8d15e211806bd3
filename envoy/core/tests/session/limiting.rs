//! The limits of a session: what is denied for them, what ends for them, and what is told of it.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::Counter;
use std::sync::Arc;

const PER_SECOND: &str = r#""limits":{"messages_per_s":2}"#;
const PER_DAY: &str = r#""limits":{"messages_per_day":2}"#;
const DENIALS: &str = r#""limits":{"denials_per_minute":2}"#;
const PLACES: &str = r#""limits":{"pending_connections_per_address":1}"#;

#[test]
fn what_is_over_a_second_s_worth_is_denied_in_its_turn_and_the_rate_comes_back_evenly() {
    let mut play = Play::logged_on("FIX.4.4", PER_SECOND, "");
    play.play(
        ">> client D 2 11=a| + D 3 11=b| + D 4 11=c|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         << report 4 inbound limit: 1 messages denied by `limits.messages_per_s` (2)
         >> answer 2 allow
         << venue D 2 11=a|
         >> answer 3 allow
         << venue D 3 11=b|
         << venue 1 4 112=<1>|
         >> venue 0 2 112=<1>|
         << client j 2 45=4|372=D|379=c|380=0|58=Throttle limit exceeded: at most 2 messages a second|
         >> answer 4 allow
         >> later 500
         >> client D 5 11=d|
         << check 5 message inbound D 5 11=d|
         >> answer 5 allow
         << venue D 5 11=d|
         # Nothing waits now, so the denial is at once.
         >> client D 6 11=e|
         << tick 9500
         << venue 1 6 112=<2>|",
    );
    assert_eq!((play.count(Counter::DeniedPerSecond), play.count(Counter::InboundDenied)), (2, 2));
    assert_eq!(play.count(Counter::Checks), 4);
}

#[test]
fn the_session_level_what_needs_no_scope_and_replays_are_not_counted() {
    Play::logged_on("FIX.4.4", r#""limits":{"messages_per_s":1,"messages_per_day":1}"#, "exempt=B").play(
        ">> client 0 2 + 1 3 112=x| + B 4 + B 5 + D 6 11=a|
         << venue 0 2
         << venue 1 3 112=x|
         << venue B 4
         << venue B 5
         << check 2 message inbound D 6 11=a|
         >> answer 2 allow
         << venue D 6 11=a|
         >> client D 6 43=Y|11=a| + D 6 43=Y|11=a|
         << check 3 message inbound D 6 replay 11=a|
         << check 4 message inbound D 6 replay 11=a|
         >> answer 3 allow
         << venue D 6 43=Y|11=a|
         >> answer 4 allow
         << venue D 6 43=Y|11=a|
         # A number that was not used is no replay, whatever it says of itself.
         >> client D 7 43=Y|11=b|
         << report 5 inbound limit: 1 messages denied by `limits.messages_per_s` (1)
         << venue 1 7 43=Y|112=<1>|",
    );
}

const IN_FLIGHT: &str = r#""limits":{"max_checks_in_flight_per_client":2}"#;
const DENIED: &str = r#""limits":{"denied_or_replayed_per_s":10,"denied_or_replayed_at_once":2}"#;

#[test]
fn what_a_client_has_out_is_bounded_and_the_rest_waits_in_its_socket() {
    Play::logged_on("FIX.4.4", IN_FLIGHT, "client=acme").play(
        ">> client D 2 11=a| + D 3 11=b| + D 4 11=c|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         << pause
         >> answer 2 allow
         << venue D 2 11=a|
         << check 4 message inbound D 4 11=c|
         << resume
         >> answer 4 allow
         >> answer 3 allow
         << venue D 3 11=b|
         << venue D 4 11=c|",
    );
}

#[test]
fn a_long_message_counts_as_several() {
    let text = format!("58={}|", "x".repeat(200));
    Play::logged_on("FIX.4.4", IN_FLIGHT, "client=acme").play(&format!(
        ">> client D 2 {text} + D 3 {text}
         << check 2 message inbound D 2 {text}
         << pause
         >> answer 2 allow
         << venue D 2 {text}
         << check 3 message inbound D 3 {text}
         << resume"
    ));
}

#[test]
fn sessions_of_a_client_share_what_it_may_have_out_and_each_has_room_for_one() {
    let listener = crate::support::driver::listener(IN_FLIGHT);
    let fix = |text: &str| long(Direction::Inbound, "FIX.4.4", text);
    let seated = |seed: u8, comp_id: &str, client: &str| {
        let mut driver = Driver::on(Arc::clone(&listener), [seed; 32]);
        let logon = format!("35=A|34=1|49={comp_id}|56=V|98=0|108=0|554=s|");
        driver.receive(Direction::Inbound, &fix(&logon), false);
        driver.answer(1, &Verdict::parse(&format!("allow client={client}")));
        driver.take();
        driver
    };
    let orders = |comp_id: &str, from: u32| -> Vec<u8> {
        let order = |seq| fix(&format!("35=D|34={seq}|49={comp_id}|56=V|11=a|"));
        (from..from + 3).flat_map(order).collect()
    };
    let asked = |driver: &mut Driver| {
        driver.take().iter().filter(|effect| matches!(effect, Effect::Asked(_))).count()
    };
    let (mut one, mut two) = (seated(1, "A", "acme"), seated(2, "B", "acme"));
    let mut other = seated(3, "C", "other");
    one.receive(Direction::Inbound, &orders("A", 2), false);
    two.receive(Direction::Inbound, &orders("B", 2), false);
    other.receive(Direction::Inbound, &orders("C", 2), false);
    assert_eq!([asked(&mut one), asked(&mut two), asked(&mut other)], [2, 1, 2]);
    // Its own answer lets the second one go on, with one at a time while the first one has all that there is.
    two.answer(2, &Verdict::allow());
    assert_eq!(asked(&mut two), 1);
    drop(one);
    two.answer(3, &Verdict::allow());
    two.receive(Direction::Inbound, &orders("B", 5), false);
    assert_eq!(asked(&mut two), 2);
}

#[test]
fn what_is_denied_too_often_holds_back_all_that_follows_and_is_told() {
    let mut play = Play::logged_on("FIX.4.4", DENIED, "client=acme");
    play.play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> client D 3 11=b|
         << check 3 message inbound D 3 11=b|
         >> answer 3 reject 6 no
         << venue 1 3 112=<2>|
         >> client D 4 11=c|
         << check 4 message inbound D 4 11=c|
         >> answer 4 reject 6 no
         << tick 100
         << report 5 inbound limit: messages wait for `limits.denied_or_replayed_per_s` (10)
         << venue 1 4 112=<3>|
         >> client D 5 11=d| + 0 6
         << pause
         >> after 99
         >> after 1
         << check 6 message inbound D 5 11=d|
         << resume
         >> answer 6 allow
         << venue D 5 11=d|
         << venue 0 6",
    );
    assert_eq!((play.count(Counter::ClientsHeld), play.count(Counter::InboundDenied)), (1, 3));
}

#[test]
fn replays_count_whatever_becomes_of_them() {
    Play::logged_on("FIX.4.4", DENIED, "client=acme").play(
        ">> client D 6 43=Y|11=a| + D 7 43=Y|11=b| + D 8 43=Y|11=c| + D 9 43=Y|11=d|
         << check 2 message inbound D 6 replay 11=a|
         << check 3 message inbound D 7 replay 11=b|
         << check 4 message inbound D 8 replay 11=c|
         << tick 100
         << report 5 inbound limit: messages wait for `limits.denied_or_replayed_per_s` (10)
         << pause
         >> answer 2 reject 6 no
         << venue 1 6 43=Y|112=<1>|
         >> answer 3 allow
         << venue D 7 43=Y|11=b|
         >> answer 4 allow
         << venue D 8 43=Y|11=c|
         >> after 100
         << check 6 message inbound D 9 replay 11=d|
         << tick 100
         << resume",
    );
}

#[test]
fn a_service_that_is_away_holds_nobody_back() {
    let mut play = Play::logged_on("FIX.4.4", DENIED, "client=acme");
    for seq in 2..20 {
        play.play(&format!(
            ">> client D {seq} 11=a|
             << check {seq} message inbound D {seq} 11=a|
             >> answer {seq} unreachable
             << venue 1 {seq} 112=<{}>|",
            seq - 1
        ));
    }
    assert_eq!(play.count(Counter::ClientsHeld), 0);
}

#[test]
fn replays_on_a_connection_that_goes_on_are_below_its_logon() {
    let logon = ">> client A 9 98=0|108=0|554=s3cret|
         << check 1 logon inbound A 9 bearer=s3cret 98=0|108=0|
         >> answer 1 allow
         << venue A 9 98=0|108=0|";
    Play::new("FIX.4.4", PER_DAY).play(&format!(
        "{logon}
         >> client D 6 43=Y|11=a| + D 7 43=Y|11=b| + D 8 43=Y|11=c| + D 10 11=d| + D 11 11=e| + D 12 11=f|
         << check 2 message inbound D 6 replay 11=a|
         << check 3 message inbound D 7 replay 11=b|
         << check 4 message inbound D 8 replay 11=c|
         << check 5 message inbound D 10 11=d|
         << check 6 message inbound D 11 11=e|
         << report 7 inbound limit: 1 messages denied by `limits.messages_per_day` (2)"
    ));
}

#[test]
fn after_the_clients_numbers_began_anew_what_was_used_before_is_none() {
    Play::logged_on("FIX.4.4", PER_DAY, "").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 allow
         << venue D 2 11=a|
         >> client 4 3 36=1| + D 1 43=Y|11=b|
         << venue 4 3 36=1|
         << check 3 message inbound D 1 replay 11=b|
         >> client D 2 11=c|
         << report 4 inbound limit: 1 messages denied by `limits.messages_per_day` (2)",
    );
}

#[test]
fn what_was_denied_is_denied_again_when_it_is_asked_for_again() {
    Play::logged_on("FIX.4.4", PER_DAY, "").play(
        ">> client D 2 + D 3 + D 4 + D 5
         << check 2 message inbound D 2
         << check 3 message inbound D 3
         << report 4 inbound limit: 1 messages denied by `limits.messages_per_day` (2)
         << tick 10000
         # In its turn, too.
         >> client D 3 43=Y| + D 4 43=Y|
         << check 5 message inbound D 3 replay
         >> answer 2 allow
         << venue D 2
         >> answer 3 allow
         << venue D 3
         << venue 1 4 112=<1>|
         << venue 1 5 112=<2>|
         >> answer 5 allow
         << venue D 3 43=Y|
         << tick 10500
         << venue 1 4 43=Y|112=<3>|
         >> venue 0 2 112=<1>| + 0 3 112=<2>|
         << client j 2 45=4|372=D|380=0|58=Throttle limit exceeded: at most 2 messages a day|
         << client j 3 45=5|372=D|380=0|58=Throttle limit exceeded: at most 2 messages a day|
         >> client D 5 43=Y|
         << venue 4 5 43=Y|123=Y|36=6|",
    );
}

#[test]
fn what_reduces_risk_counts_and_goes_its_way() {
    let mut play = Play::logged_on(
        "FIX.4.4",
        r#""limits":{"messages_per_s":2,"messages_per_day":4}"#,
        "risk-reducing=F,q",
    );
    play.play(
        ">> client F 2 11=a| + F 3 11=b| + F 4 11=c| + D 5 11=d| + q 6 11=e|
         << check 2 message inbound F 2 11=a|
         << check 3 message inbound F 3 11=b|
         << check 4 message inbound F 4 11=c|
         << report 5 inbound limit: 1 messages denied by `limits.messages_per_s` (2)
         << check 6 message inbound q 6 11=e|
         >> later 10000
         >> client D 7 11=f| + F 8 11=g|
         << report 7 inbound limit: 1 messages denied by `limits.messages_per_day` (4)
         << check 8 message inbound F 8 11=g|
         # It needs an allowance like any other.
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|",
    );
    assert_eq!((play.count(Counter::DeniedPerSecond), play.count(Counter::DeniedPerDay)), (1, 1));
}

#[test]
fn what_is_over_the_day_takes_nothing_of_the_second() {
    let limits = r#""limits":{"messages_per_s":2,"messages_per_day":1}"#;
    let mut play = Play::logged_on("FIX.4.4", limits, "");
    play.play(
        ">> client D 2 11=a| + D 3 11=b| + D 4 11=c| + D 5 11=d|
         << check 2 message inbound D 2 11=a|
         << report 3 inbound limit: 1 messages denied by `limits.messages_per_day` (1)
         << tick 10000",
    );
    assert_eq!((play.count(Counter::DeniedPerDay), play.count(Counter::DeniedPerSecond)), (3, 0));
}

/// However short the way is that a message takes by then.
#[test]
fn a_kept_decision_is_no_way_around() {
    for limit in ["messages_per_s", "messages_per_day"] {
        let settings = format!(r#""accounting":{{"enabled":false}},"limits":{{"{limit}":6}}"#);
        let unit = limit.trim_start_matches("messages_per_").replace('s', "second");
        let mut play = Play::logged_on("FIX.4.4", &settings, "risk-reducing=F");
        play.play(
            ">> client D 2 11=a|
             << check 2 message inbound D 2 11=a|
             >> answer 2 allow cache-control=max-age=100
             << venue D 2 11=a|
             >> client F 3 11=b|
             << check 3 message inbound F 3 11=b|
             >> answer 3 allow cache-control=max-age=100
             << venue F 3 11=b|",
        );
        play.play(&format!(
            ">> client D 4 11=a| + F 5 11=b| + D 6 11=c| + F 7 11=d| + F 8 11=e| + D 9 11=f| + F 10 11=g|
             << venue D 4 11=a|
             << venue F 5 11=b|
             << venue D 6 11=c|
             << venue F 7 11=d|
             << venue F 8 11=e|
             << report 4 inbound limit: 1 messages denied by `limits.{limit}` (6)
             << venue 1 9 112=<1>|
             << venue F 10 11=g|
             >> venue 0 2 112=<1>|
             << client j 2 45=9|372=D|379=f|380=0|58=Throttle limit exceeded: at most 6 messages a {unit}|"
        ));
        assert_eq!(play.count(Counter::Checks), 3);
    }
}

#[test]
fn each_version_says_it_as_it_can() {
    let text = "58=Throttle limit exceeded: at most 1 messages a day|";
    for (version, more, reject) in [
        ("FIX.4.0", "", format!("3 2 45=3|{text}")),
        ("FIX.4.2", "", format!("j 2 45=3|372=D|379=b|380=0|{text}")),
        ("FIX.4.4", "1137=9|", format!("j 2 45=3|372=D|379=b|380=0|{text}")),
        ("FIXT.1.1", "", format!("j 2 45=3|372=D|379=b|380=0|{text}")),
        ("FIXT.1.1", "1137=8|", format!("j 2 45=3|372=D|379=b|380=0|{text}")),
        ("FIXT.1.1", "1137=9|", format!("j 2 45=3|372=D|379=b|380=8|{text}")),
        ("FIXT.1.1", "1137=10|", format!("j 2 45=3|372=D|379=b|380=8|{text}")),
    ] {
        Play::new(version, r#""limits":{"messages_per_day":1}"#).play(&format!(
            ">> client A 1 98=0|554=s3cret|{more}
             << check 1 logon inbound A 1 bearer=s3cret 98=0|{more}
             >> answer 1 allow
             << venue A 1 98=0|{more}
             >> venue A 1 98=0|
             << client A 1 98=0|
             >> client D 2 11=a|
             << check 2 message inbound D 2 11=a|
             >> answer 2 allow
             << venue D 2 11=a|
             >> client D 3 11=b|
             << report 3 inbound limit: 1 messages denied by `limits.messages_per_day` (1)
             << venue 1 3 112=<1>|
             >> venue 0 2 112=<1>|
             << client {reject}"
        ));
    }
}

/// The next connection of the session, with a Logon under this number.
fn log_on_again(play: &mut Play, seq: u64) {
    play.play(&format!(
        ">> reconnect
         << tick 10000
         >> client A {seq} 50=other|98=0|554=s3cret|
         << check 1 logon inbound A {seq} bearer=s3cret 98=0|
         >> answer 1 allow
         << venue A {seq} 50=other|98=0|"
    ));
}

#[test]
fn the_day_is_the_sessions_in_all_its_connections_and_ends_at_midnight_utc() {
    let mut play = Play::logged_on("FIX.4.4", PER_DAY, "");
    play.play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 allow
         << venue D 2 11=a|",
    );
    log_on_again(&mut play, 3);
    play.play(
        ">> client D 4 11=b| + D 5 11=c|
         << check 2 message inbound D 4 11=b|
         << report 3 inbound limit: 1 messages denied by `limits.messages_per_day` (2)
         >> answer 2 allow
         << venue D 4 11=b|
         << venue 1 5 50=other|112=<1>|
         # It is 10:00:00.
         >> later 50399999
         >> client D 6 11=d|
         << report 4 inbound limit: 1 messages denied by `limits.messages_per_day` (2)
         << venue 1 6 50=other|112=<2>|
         >> later 1
         >> client D 7 11=e|
         << check 5 message inbound D 7 11=e|
         >> answer 5 allow
         << venue D 7 11=e|",
    );
    let mut other = play.beside();
    other.play(
        ">> client 35=A|34=1|49=SOMEBODY|56=VENUE|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret
         >> answer 1 allow
         << venue 35=A|34=1|49=SOMEBODY|56=VENUE|
         >> client 35=D|34=2|49=SOMEBODY|56=VENUE|
         << check 2 message inbound D 2",
    );
}

#[test]
fn a_flood_makes_a_report_at_once_and_then_sums() {
    let mut play = Play::logged_on("FIX.4.4", r#""limits":{"messages_per_s":1,"messages_per_day":2}"#, "");
    play.play(
        ">> client D 2 + D 3
         << check 2 message inbound D 2
         << report 3 inbound limit: 1 messages denied by `limits.messages_per_s` (1)
         >> later 400
         >> client D 4 + D 5
         << tick 9600
         >> later 600
         >> client D 6 + D 7
         << check 4 message inbound D 6
         >> later 1000
         >> client D 8
         >> after 7999
         >> after 1
         << report 5 inbound limit: 3 messages denied by `limits.messages_per_s` (1), 1 messages denied by \
         `limits.messages_per_day` (2)
         >> after 60000
         >> client D 9
         << report 6 inbound limit: 1 messages denied by `limits.messages_per_day` (2)
         # What is left is told with the end.
         >> client D 10
         << tick 10000
         >> answer 2 logout 6 bye
         << report 7 inbound limit: 1 messages denied by `limits.messages_per_day` (2)
         << venue 5 2 58=bye|
         << tick 2000",
    );
    assert_eq!((play.count(Counter::DeniedPerSecond), play.count(Counter::DeniedPerDay)), (4, 3));
}

#[test]
fn where_no_report_would_arrive_the_log_has_the_rest() {
    let mut driver = Driver::new(PER_SECOND);
    driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", "A 1 98=0|554=s3cret|"), false);
    driver.answer(1, &Verdict::allow());
    for seq in 2..8 {
        driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", &format!("D {seq}")), false);
    }
    let told = |driver: &mut Driver| {
        let logged = |effect| if let Effect::Logged(line) = effect { Some(line) } else { None };
        let lines = driver.take().into_iter().filter_map(logged);
        lines.map(|line| line.split(": ").skip(1).collect::<String>()).collect::<Vec<_>>()
    };
    assert_eq!(told(&mut driver), ["1 messages denied by `limits.messages_per_s` (2)"]);
    driver.gone();
    assert_eq!(told(&mut driver), ["3 messages denied by `limits.messages_per_s` (2)"]);
}

#[test]
fn the_denial_too_many_becomes_the_logout() {
    let mut play = Play::logged_on("FIX.4.4", DENIALS, "");
    play.play(
        ">> client D 2 11=a| + D 3 11=b| + D 4 11=c|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         << check 4 message inbound D 4 11=c|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> answer 4 allow
         >> answer 3 reject 6 no
         << report 5 inbound limit: session ended by `limits.denials_per_minute` (2)
         << venue 5 3 58=Session ended: 2 messages denied within a minute|
         << tick 2000
         >> client D 6 11=e|
         << pause
         >> venue 0 2 112=<1>| + 5 3 58=bye|
         << client j 2 45=2|372=D|379=a|380=6|58=no|
         << client 5 3 58=Session ended: 2 messages denied within a minute|
         << end client
         << resume
         << tick 2000
         >> client-end
         << close session ended by a limit",
    );
    let counts = [Counter::InboundDenied, Counter::EndedByDenials, Counter::SessionsEnded];
    assert_eq!(counts.map(|counter| play.count(counter)), [2, 1, 1]);
}

#[test]
fn denials_of_more_than_a_minute_ago_replays_and_what_nobody_decided_do_not_count() {
    let mut play = Play::logged_on("FIX.4.4", DENIALS, "guard-outbound=8");
    play.play(
        ">> client D 2
         << check 2 message inbound D 2
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> later 1000
         >> client D 3
         << check 3 message inbound D 3
         >> answer 3 no-answer
         << venue 1 3 112=<2>|
         >> client D 4
         << check 4 message inbound D 4
         >> answer 4 reject 4 not now
         << report 5 inbound unavailable: 1 messages denied and 0 risk-reducing ones passed without an answer: \
         the decision service did not answer in time
         << venue 1 4 112=<3>|
         >> client D 2 43=Y|
         << check 6 message inbound D 2 replay
         >> answer 6 reject 6 no
         << tick 10500
         << venue 1 2 43=Y|112=<4>|
         >> venue 8 2
         << check 7 message outbound 8 2
         >> answer 7 reject 6 no
         << client 4 2 123=Y|36=3|
         >> later 59000
         >> client D 5
         << check 8 message inbound D 5
         >> answer 8 reject 6 no
         << venue 1 5 112=<5>|",
    );
    assert_eq!(play.count(Counter::EndedByDenials), 0);
    play.play_ticking(
        ">> later 59999
         >> client D 6
         << check 9 message inbound D 6
         >> answer 9 reject 6 no
         << report 10 inbound limit: session ended by `limits.denials_per_minute` (2)
         << venue 5 6 58=Session ended: 2 messages denied within a minute|
         << tick",
    );
}

#[test]
fn denials_for_a_limit_count_and_the_last_of_a_read_may_end_it() {
    let settings = r#""limits":{"messages_per_day":1,"denials_per_minute":2}"#;
    let mut play = Play::logged_on("FIX.4.4", settings, "");
    play.play(
        ">> client D 2
         << check 2 message inbound D 2
         >> answer 2 allow
         << venue D 2
         >> client-last D 3 + D 4 + 0 5
         << report 3 inbound limit: 1 messages denied by `limits.messages_per_day` (1)
         << venue 1 3 112=<1>|
         << tick 10000
         << report 4 inbound limit: 1 messages denied by `limits.messages_per_day` (1)
         << report 5 inbound limit: session ended by `limits.denials_per_minute` (2)
         << venue 5 4 58=Session ended: 2 messages denied within a minute|
         << tick 2000
         << pause
         >> venue 0 2 112=<1>| + 5 3
         << client j 2 45=3|372=D|380=0|58=Throttle limit exceeded: at most 1 messages a day|
         << client 5 3 58=Session ended: 2 messages denied within a minute|
         << end client
         << close session ended by a limit",
    );
}

/// Both directions of a place's life: `free` gives it back, `kept` does not.
fn assert_place(kept: &str, free: &str) {
    let mut holder = Play::new("FIX.4.4", PLACES);
    holder.play(&format!(">> from 10.0.0.1\n{kept}"));
    holder.beside().play(">> from 10.0.0.2");
    let mut refused = holder.beside();
    refused.play(
        ">> from 10.0.0.1
         << report 1 inbound limit: 1 connections refused by `limits.pending_connections_per_address` (1): 1 from \
         10.0.0.1
         << close too many connections without a Logon
         >> client A 1 554=s3cret|",
    );
    assert_eq!(refused.count(Counter::ConnectionsRefused), 1);
    // Told once in a while.
    holder.beside().play(
        ">> from 10.0.0.1
         << close too many connections without a Logon",
    );
    holder.play_ticking(free);
    holder.beside().play(">> from 10.0.0.1");
}

#[test]
fn a_connection_holds_its_place_until_its_logon_is_authorized_or_it_is_gone() {
    let asked = ">> client A 1 98=0|554=s3cret|\n<< check 1 logon inbound A 1 bearer=s3cret 98=0|";
    assert_place(asked, ">> answer 1 allow\n<< venue A 1 98=0|");
    assert_place("", ">> gone");
    assert_place(asked, ">> gone");
    let refused = ">> answer 1 disconnect\n<< close logon refused";
    assert_place(&format!("{asked}\n{refused}"), ">> gone");
}

#[test]
fn a_place_is_given_back_with_the_session_itself() {
    let mut holder = Play::new("FIX.4.4", PLACES);
    holder.play(">> from 10.0.0.1");
    let mut next = holder.beside();
    drop(holder);
    next.play(">> from 10.0.0.1");
}

#[test]
fn what_was_refused_in_between_is_told_by_the_next_that_can() {
    let mut holder = Play::new("FIX.4.4", PLACES);
    holder.play(">> from 10.0.0.1");
    holder.beside().play(
        ">> from 10.0.0.1
         << report 1 inbound limit: 1 connections refused by `limits.pending_connections_per_address` (1): 1 from \
         10.0.0.1
         << close too many connections without a Logon",
    );
    holder.beside().play(">> from 10.0.0.1\n<< close too many connections without a Logon");
    holder.beside().play(">> from 10.0.0.1\n<< close too many connections without a Logon");
    let words = "2 connections refused by `limits.pending_connections_per_address` (1): 2 from 10.0.0.1";
    holder.play(&format!(
        ">> after 10000
         << report 1 inbound limit: {words}
         << report 2 inbound violation: no Logon was authorized in time
         << close violation of the strict profile"
    ));
}

#[test]
fn without_the_limit_an_address_has_as_many_as_it_likes() {
    let mut first = Play::new("FIX.4.4", "");
    first.play(">> from 10.0.0.1");
    (0..100).for_each(|_| first.beside().play(">> from 10.0.0.1"));
}

#[test]
fn an_order_to_end_changes_nothing_for_a_session_that_ends() {
    let mut play = Play::new("FIX.4.4", r#""limits":{"denials_per_minute":1}"#);
    play.play(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 allow etag=\"a\" watch=50
         << venue A 1 98=0|
         << watch 2 \"a\" 55 s
         >> client D 2 + D 3
         << check 3 message inbound D 2
         << check 4 message inbound D 3
         >> answer 3 reject 6 no
         << report 5 inbound limit: session ended by `limits.denials_per_minute` (1)
         << venue 5 2 58=Session ended: 1 messages denied within a minute|
         << tick 2000
         >> answer 2 logout 6 killed
         >> answer 4 allow",
    );
    assert_eq!(play.count(Counter::SessionsEnded), 1);
}
