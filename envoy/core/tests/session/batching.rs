//! Several messages in one Check, where the service offers it and decisions are not kept.

use crate::support::service::Verdict;
use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

const COLD: &str = r#""cache":{"enabled":false}"#;
const TERMS: &str = "guard-outbound=8 exempt=B risk-reducing=F,q want-tags=11,167 batch=3";

fn play() -> Play {
    Play::logged_on("FIX.4.4", COLD, TERMS)
}

/// With its watch out, as number 2.
fn watched() -> Play {
    let mut play = Play::new("FIX.4.4", COLD);
    play.play(
        ">> client A 1 98=0|108=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|
         >> answer 1 allow batch=8 etag=\"0\" watch=50
         << venue A 1 98=0|108=0|
         << watch 2 \"0\" 55 s",
    );
    play
}

#[test]
fn what_one_read_brings_goes_out_together_and_a_lone_message_as_ever() {
    let mut play = play();
    play.play(
        ">> client D 2 11=a|44=1|
         << check 2 message inbound D 2 11=a|
         >> client D 3 11=b| + F 4 11=c|43=Y|
         << check 3 message inbound D 3 of 2 35=D|34=3|11=b|35=F|34=4|43=Y|11=c|
         >> client D 5 11=d| + D 6 11=e| + D 7 11=f| + D 8 11=g|
         << check 4 message inbound D 5 of 3 35=D|34=5|11=d|35=D|34=6|11=e|35=D|34=7|11=f|
         << check 5 message inbound D 8 11=g|
         >> answer 5 allow
         >> answer 4 allow allowed=3
         >> answer 3 allow allowed=2
         >> answer 2 allow
         << venue D 2 11=a|44=1|
         << venue D 3 11=b|
         << venue F 4 11=c|43=Y|
         << venue D 5 11=d|
         << venue D 6 11=e|
         << venue D 7 11=f|
         << venue D 8 11=g|",
    );
    assert_eq!(play.count(Counter::Checks), 5);
    assert_eq!(play.count(Counter::InboundForwarded), 7);
}

#[test]
fn what_needs_no_decision_keeps_its_turn_between_them() {
    play().play(
        ">> client D 2 11=a| + B 3 148=x| + D 4 11=b| + 0 5
         << check 2 message inbound D 2 of 2 35=D|34=2|11=a|35=D|34=4|11=b|
         >> answer 2 allow allowed=2
         << venue D 2 11=a|
         << venue B 3 148=x|
         << venue D 4 11=b|
         << venue 0 5",
    );
}

#[test]
fn behind_a_denial_messages_are_asked_about_anew_no_more_at_once_than_were_allowed() {
    let mut play = Play::logged_on("FIX.4.4", COLD, "batch=64");
    play.play(
        ">> client D 2 + D 3 + D 4 + D 5 + D 6 + D 7
         << check 2 message inbound D 2 of 6 35=D|34=2|35=D|34=3|35=D|34=4|35=D|34=5|35=D|34=6|35=D|34=7|
         >> answer 2 until 2 reject 6 no
         << check 3 message inbound D 5 of 2 35=D|34=5|35=D|34=6|
         << venue D 2
         << venue D 3
         << venue 1 4 112=<1>|
         << check 4 message inbound D 7
         >> answer 3 until 0 reject 6 no
         << venue 1 5 112=<2>|
         << check 5 message inbound D 6
         >> answer 4 allow
         >> answer 5 allow
         << venue D 6
         << venue D 7
         >> venue 0 2 112=<1>| + 0 3 112=<2>|
         << client j 2 45=4|372=D|380=6|58=no|
         << client j 3 45=5|372=D|380=6|58=no|",
    );
    assert_eq!((play.count(Counter::InboundForwarded), play.count(Counter::InboundDenied)), (4, 2));
    assert_eq!(play.count(Counter::Checks), 5);
}

#[test]
fn a_denial_of_all_denies_each() {
    play().play(
        ">> client D 2 + F 3
         << check 2 message inbound D 2 of 2 35=D|34=2|35=F|34=3|
         >> answer 2 reject 4 not now
         << venue 1 2 112=<1>|
         << venue 1 3 112=<2>|",
    );
}

#[test]
fn a_failed_check_denies_all_but_what_reduces_risk() {
    for failure in [
        "no-answer",
        "garbage",
        "allow",
        "allow allowed=2",
        "allow allowed=4",
        "allow allowed=x",
        "until 3 reject 6 no",
        "until 4 reject 6 no",
    ] {
        let mut play = play();
        play.play(&format!(
            ">> client D 2 + F 3 + F 4 43=Y|
             << check 2 message inbound D 2 of 3 35=D|34=2|35=F|34=3|35=F|34=4|43=Y|
             >> answer 2 {failure}
             << venue 1 2 112=<1>|
             << venue F 3
             << venue F 4 43=Y|
             >> client D 5
             << check 3 message inbound D 5
             >> answer 3 allow
             << report 4 inbound unavailable: 1 messages denied and 2 risk-reducing ones passed without an answer: {}
             << venue D 5",
            if failure == "no-answer" {
                "the decision service did not answer in time"
            } else if failure == "garbage" {
                "the decision service's answer cannot be decoded"
            } else {
                "the decision service's answer contradicts itself"
            }
        ));
        assert_eq!(play.count(Counter::ChecksFailed), 1);
        assert_eq!(play.count(Counter::RiskReducingForwarded), 2);
    }
}

#[test]
fn a_denied_replay_is_answered_and_the_next_judged() {
    play().play(
        ">> client D 2 43=Y| + D 3
         << check 2 message inbound D 2 of 2 replay 35=D|34=2|43=Y|35=D|34=3|
         >> answer 2 until 0 reject 6 no
         << venue 1 2 43=Y|112=<1>|
         << check 3 message inbound D 3
         >> answer 3 allow
         << venue D 3",
    );
}

#[test]
fn a_session_that_ends_in_the_middle_lets_nothing_pass_behind_it() {
    play().play_ticking(
        ">> client D 2 + D 3 + D 4
         << check 2 message inbound D 2 of 3 35=D|34=2|35=D|34=3|35=D|34=4|
         >> answer 2 until 1 logout 6 over
         << venue D 2
         << venue 5 3 58=over|
         << tick
         << check 3 message inbound D 4
         >> answer 3 allow
         >> venue 5 2
         << client 5 2 58=over|
         << end client
         << tick",
    );
    play().play(
        ">> client D 2 + D 3 + D 4
         << check 2 message inbound D 2 of 3 35=D|34=2|35=D|34=3|35=D|34=4|
         >> answer 2 until 1 disconnect
         << venue D 2
         << close disconnected by the decision service",
    );
    play().play(
        ">> client D 2 + D 3
         << check 2 message inbound D 2 of 2 35=D|34=2|35=D|34=3|
         >> answer 2 disconnect
         << close disconnected by the decision service",
    );
}

#[test]
fn what_the_watch_orders_holds_for_messages_of_an_open_check() {
    watched().play_ticking(
        ">> client D 2 + D 3
         << check 3 message inbound D 2 of 2 35=D|34=2|35=D|34=3|
         >> answer 2 logout 6 over
         << tick
         << venue 5 2 58=over|
         << tick
         >> answer 3 allow allowed=2",
    );
}

#[test]
fn only_messages_alike_in_what_the_headers_say_go_together() {
    play().play(
        ">> client 35=D|34=2|49=ALGO|56=VENUE|50=x|52=20261120-10:00:00.000|11=a| + 35=D|34=3|49=ALGO|56=VENUE|50=x|52=20261120-10:00:00.000|11=b| + 35=D|34=4|49=ALGO|56=VENUE|50=y|52=20261120-10:00:00.000|11=c| + D 5 11=d|
         << check 2 message inbound D 2 of 2 35=D|34=2|11=a|35=D|34=3|11=b|
         << check 3 message inbound D 4 11=c|
         << check 4 message inbound D 5 11=d|",
    );
}

#[test]
fn the_venues_messages_too() {
    play().play(
        ">> venue 8 2 11=a| + 8 3 11=b| + 9 4
         << check 2 message outbound 8 2 of 2 35=8|34=2|11=a|35=8|34=3|11=b|
         >> answer 2 until 1 reject 6 no
         << client 8 2 11=a|
         << client 4 3 123=Y|36=4|
         << client 9 4",
    );
}

#[test]
fn a_renewal_goes_out_behind_what_came_before_it() {
    play().play(
        ">> client D 2 + D 3 + BE 4 923=r|924=1|554=fresh|
         << check 2 message inbound D 2 of 2 35=D|34=2|35=D|34=3|
         << check 3 renewal inbound BE 4 fresh=fresh",
    );
}

#[test]
fn what_came_before_a_violation_is_still_asked_about() {
    play().play(
        ">> client D 2 11=a| + D 3 58=|
         << check 2 message inbound D 2 11=a|
         << report 3 inbound violation: a field has no value (tag 58)",
    );
}

#[test]
fn one_each_where_decisions_are_kept_or_headers_are_asked_for_or_nobody_offers_more() {
    for (settings, terms) in [
        ("", "batch=64"),
        (r#""cache":{"enabled":false},"tag_headers":[11]"#, "batch=64"),
        (COLD, "batch=1"),
        (COLD, "batch=0"),
        (COLD, ""),
    ] {
        let mut play = Play::logged_on("FIX.4.4", settings, terms);
        play.play(
            ">> client D 2 + D 3
             << check 2 message inbound D 2
             << check 3 message inbound D 3",
        );
    }
}

#[test]
fn the_bound_of_checks_in_flight_counts_messages() {
    Play::logged_on(
        "FIX.4.4",
        r#""cache":{"enabled":false},"limits":{"max_checks_in_flight":4}"#,
        "batch=64",
    )
    .play(
        ">> client D 2 + D 3 + D 4 + D 5 + D 6 + D 7
         << pause
         << check 2 message inbound D 2 of 4 35=D|34=2|35=D|34=3|35=D|34=4|35=D|34=5|
         >> answer 2 allow allowed=4
         << venue D 2
         << venue D 3
         << venue D 4
         << venue D 5
         << resume
         << check 3 message inbound D 6 of 2 35=D|34=6|35=D|34=7|",
    );
}

#[test]
fn a_check_takes_so_many_bytes_and_no_more() {
    let mut play = Play::logged_on("FIX.4.4", COLD, "batch=64");
    let text = format!("58={}|", "x".repeat(10_000));
    play.play(&format!(
        ">> client D 2 {text} + D 3 {text} + D 4 11=c|
         << check 2 message inbound D 2 {text}
         << check 3 message inbound D 3 of 2 35=D|34=3|{text}35=D|34=4|11=c|"
    ));
}

#[test]
fn an_offer_can_be_taken_back() {
    watched().play(
        ">> answer 2 allow etag=\"1\" want-tags=11
         << watch 3 \"1\" 55 s
         >> client D 2 + D 3
         << check 4 message inbound D 2
         << check 5 message inbound D 3",
    );
}

#[test]
fn what_is_said_of_each() {
    let denied = || Box::new(Verdict::reject());
    assert_eq!(
        Verdict::Until(1, denied()).of_each(3),
        [Some(Verdict::allow()), Some(Verdict::reject()), None]
    );
    assert_eq!(Verdict::allow().of_each(2), [Some(Verdict::Garbage), Some(Verdict::Garbage)]);
}
