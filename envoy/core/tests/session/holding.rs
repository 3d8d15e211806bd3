//! Messages of the venue's about which a Check failed: held, asked about again, and decided in their order.

use crate::support::transcript::Play;
use fix_authz_core::stats::{Counter, Gauge};

fn session(settings: &str) -> Play {
    Play::logged_on("FIX.4.4", settings, "guard-outbound=8 exempt=B risk-reducing=F")
}

const GAP_FILL: &str = r#""outbound":{"undecided":"gap_fill"}"#;

/// A session whose watch is Check 2.
fn watched() -> Play {
    let mut play = Play::new("FIX.4.4", "");
    play.play(
        ">> client A 1 554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret
         >> answer 1 allow guard-outbound=8 etag=\"0\" watch=50
         << venue A 1
         << watch 2 \"0\" 55 s
         >> venue A 1
         << client A 1",
    );
    play
}

/// Reports 2 and 4 failed, and 3 and 5 need no decision.
fn held(settings: &str) -> Play {
    let mut play = session(settings);
    play.play_ticking(
        ">> venue 8 2 37=a| + 9 3 + 8 4 37=b| + 0 5
         << check 2 message outbound 8 2 37=a|
         << check 3 message outbound 8 4 37=b|
         >> answer 2 no-answer
         << tick
         >> answer 3 no-answer",
    );
    play
}

#[test]
fn what_could_not_be_decided_is_decided_when_the_service_is_back_in_order() {
    let mut play = held("");
    play.play_ticking(
        "# What comes behind waits, and is not asked about yet.
         >> venue 8 6 37=c| + 1 7 112=hello|
         >> after 50
         >> after 50
         << check 4 message outbound 8 2 37=a|
         >> answer 4 unreachable
         << tick
         >> after 200
         << check 5 message outbound 8 2 37=a|
         >> answer 5 allow
         << client 8 2 37=a|
         << client 9 3
         << check 6 message outbound 8 4 37=b|
         << check 7 message outbound 8 6 37=c|
         >> answer 7 allow
         >> answer 6 reject 6 no
         << client 4 4 123=Y|36=5|
         << client 0 5
         << client 8 6 37=c|
         << client 1 7 112=hello|
         >> venue 8 8
         << check 8 message outbound 8 8",
    );
    assert_eq!(play.count(Counter::OutboundHeld), 2);
    assert_eq!((play.count(Counter::OutboundDenied), play.count(Counter::OutboundLost)), (1, 0));
}

#[test]
fn the_pauses_grow_to_a_second() {
    let mut play = session("");
    play.play(">> venue 8 2\n<< check 2 message outbound 8 2");
    let mut id = 2;
    for most in [100, 200, 400, 800, 1_000, 1_000] {
        let pause = play.failed(&format!("answer {id} unreachable"), most);
        id += 1;
        play.play(&format!(">> after {}\n>> after 1\n<< check {id} message outbound 8 2", pause - 1));
    }
}

#[test]
fn the_client_goes_on_meanwhile() {
    let mut play = held("");
    play.play_ticking(
        ">> client F 2 41=x| + B 3 + D 4 11=a| + 0 5
         << check 4 message inbound F 2 41=x|
         << check 5 message inbound D 4 11=a|
         >> answer 4 no-answer
         << venue F 2 41=x|
         << venue B 3
         >> answer 5 no-answer
         << venue 1 4 112=<1>|
         << venue 0 5
         # Its reject waits for its turn.
         >> venue 0 6 112=<1>|
         >> after 100
         << check 6 message outbound 8 2 37=a|
         >> answer 6 allow
         << report 7 inbound unavailable: 1 messages denied and 1 risk-reducing ones passed without an answer: the decision service did not answer in time
         << client 8 2 37=a|
         << client 9 3
         << check 8 message outbound 8 4 37=b|
         >> answer 8 allow
         << client 8 4 37=b|
         << client 0 5
         << client j 6 45=4|372=D|379=a|380=4|58=Authorization service not available|",
    );
}

/// Fails Check after Check, a second apart, the last time `seconds` after the first failure. Nothing but a new pause comes of
/// the others. Returns the id of the last Check.
fn fail_for(play: &mut Play, first: u64, seconds: u64) -> u64 {
    let last = first + seconds - 1;
    for id in first..=last {
        // The Check goes out in time, and its answer takes the rest of the second.
        play.play_ticking(&format!(">> after 900\n<< check {id} message outbound 8 2 37=a|\n>> later 100"));
        if id < last {
            play.play_ticking(&format!(">> answer {id} no-answer\n<< tick"));
        }
    }
    last
}

#[test]
fn held_too_long_it_ends_the_session_before_the_message() {
    let mut play = held(r#""limits":{"outbound_hold_ms":5000}"#);
    let last = fail_for(&mut play, 4, 5);
    play.play(&format!(
        ">> answer {last} no-answer
         << tick 2000
         << end client
         << tick 2000
         # Nothing more of the venue's, and nothing of the client's.
         >> venue 9 6
         >> client D 2
         >> after 2000
         << close session ended, the decision service did not decide the venue's messages in time"
    ));
    assert_eq!((play.count(Counter::EndedUndecided), play.count(Counter::SessionsCut)), (1, 0));
    assert_eq!((play.count(Counter::OutboundDenied), play.count(Counter::OutboundForwarded)), (0, 1));
}

#[test]
fn what_was_taken_in_of_the_client_is_decided_before_the_end() {
    let mut play = session(r#""limits":{"outbound_hold_ms":0}"#);
    play.play(
        ">> venue 8 2
         << check 2 message outbound 8 2
         >> client D 2 + F 3
         << check 3 message inbound D 2
         << check 4 message inbound F 3
         >> answer 2 no-answer
         << tick 2000
         >> client B 4
         << pause
         >> answer 3 no-answer
         << venue 1 2 112=<1>|
         >> venue 0 3 112=<1>|
         >> answer 4 no-answer
         << venue F 3
         << end client
         << resume
         << tick 2000
         >> client-end
         << close session ended, the decision service did not decide the venue's messages in time",
    );
}

#[test]
fn nothing_goes_to_the_client_when_a_limit_ends_the_session_meanwhile() {
    let mut play = session(r#""limits":{"outbound_hold_ms":0,"denials_per_minute":1}"#);
    play.play_ticking(
        ">> venue 8 2
         << check 2 message outbound 8 2
         >> client D 2
         << check 3 message inbound D 2
         >> answer 2 no-answer
         << tick
         >> answer 3 reject 6 no
         << report 4 inbound limit: session ended by `limits.denials_per_minute` (1)
         << venue 5 2 58=Session ended: 1 messages denied within a minute|
         << tick
         >> venue 0 3 + 5 4
         >> after 2000
         << close session ended, the venue did not answer the Logout",
    );
    assert_eq!(play.count(Counter::OutboundForwarded), 1);
}

#[test]
fn an_end_that_somebody_else_orders_comes_first() {
    let mut play = watched();
    play.play_ticking(
        ">> client 0 2
         << venue 0 2
         >> venue 8 2
         << check 3 message outbound 8 2
         >> answer 3 no-answer
         << tick
         >> answer 2 logout 6 killed
         << tick
         >> client 0 3
         << venue 5 3 58=killed|
         << tick
         # The venue's Logout waits behind the report, which the client has to ask for.
         >> venue 5 3
         >> after 2000
         << close session ended, the venue did not answer the Logout",
    );
    assert_eq!(play.count(Counter::OutboundForwarded), 1);
}

#[test]
fn a_report_that_is_decided_in_time_lets_the_end_through() {
    let mut play = watched();
    play.play_ticking(
        ">> venue 8 2
         << check 3 message outbound 8 2
         >> answer 3 no-answer
         << tick
         >> answer 2 logout 6 killed
         << tick
         >> client 0 2
         << venue 5 2 58=killed|
         << tick
         >> venue 5 3
         >> after 100
         << check 4 message outbound 8 2
         >> answer 4 allow
         << client 8 2
         << client 5 3 58=killed|
         << end client
         << tick",
    );
}

#[test]
fn gap_filled_where_the_settings_say_so_and_reported_as_lost() {
    let mut play = held(&format!(r#"{GAP_FILL},"limits":{{"outbound_hold_ms":2000}}"#));
    let last = fail_for(&mut play, 4, 2);
    assert_eq!(last, 5);
    play.play(
        ">> answer 5 no-answer
         << client 4 2 123=Y|36=3|
         << client 9 3
         << client 4 4 123=Y|36=5|
         << client 0 5
         # From then on at once, until the service answers.
         >> venue 8 6 37=c|
         << check 6 message outbound 8 6 37=c|
         >> answer 6 no-answer
         << client 4 6 123=Y|36=7|
         >> venue 8 7 37=d|
         << check 7 message outbound 8 7 37=d|
         >> answer 7 allow
         << report 8 outbound lost: 3 messages lost: gap-filled without a decision, MsgSeqNum 2 to 6
         << client 8 7 37=d|",
    );
    assert_eq!((play.count(Counter::OutboundLost), play.count(Counter::OutboundDenied)), (3, 3));
    // What fails after that is held again.
    play.play_ticking(">> venue 8 8\n<< check 9 message outbound 8 8\n>> answer 9 no-answer\n<< tick");
}

#[test]
fn a_stale_decision_lets_it_pass_and_the_rest_is_held() {
    let mut play = session("");
    play.play_ticking(
        ">> venue 8 2 11=a|
         << check 2 message outbound 8 2 11=a|
         >> answer 2 allow cache-control=max-age=1,stale-if-error=60 vary=11
         << client 8 2 11=a|
         >> later 1000
         >> venue 8 3 11=a| + 8 4 11=b| + 8 5 11=a|
         << check 3 message outbound 8 3 11=a|
         << check 4 message outbound 8 4 11=b|
         << check 5 message outbound 8 5 11=a|
         >> answer 3 no-answer
         << tick
         << client 8 3 11=a|
         >> answer 5 no-answer
         >> answer 4 no-answer
         << tick
         >> after 100
         << check 6 message outbound 8 4 11=b|
         >> answer 6 allow
         << client 8 4 11=b|
         << client 8 5 11=a|",
    );
    assert_eq!((play.count(Counter::CacheStale), play.count(Counter::OutboundHeld)), (2, 1));
}

#[test]
fn several_that_were_asked_about_at_once_are_held_each() {
    let settings = r#""cache":{"enabled":false}"#;
    let mut play = Play::logged_on("FIX.4.4", settings, "guard-outbound=8 batch=3");
    play.play_ticking(
        ">> venue 8 2 + 8 3 + 9 4
         << check 2 message outbound 8 2 of 2 35=8|34=2|35=8|34=3|
         >> answer 2 no-answer
         << tick
         >> after 100
         << check 3 message outbound 8 2
         >> answer 3 allow
         << client 8 2
         << check 4 message outbound 8 3
         >> answer 4 allow
         << client 8 3
         << client 9 4",
    );
}

#[test]
fn an_answer_by_other_terms_is_an_answer() {
    let mut play = Play::logged_on("FIX.4.4", "", "guard-outbound=8 terms=t1 etag=\"a\" revision=1.0");
    play.play_ticking(
        ">> venue 8 2 55=x| + 8 3
         << check 2 message outbound 8 2 terms=t1 55=x|
         << check 3 message outbound 8 3 terms=t1
         >> answer 2 no-answer
         << tick
         >> answer 3 no-answer
         >> after 100
         << check 4 message outbound 8 2 terms=t1 55=x|
         >> answer 4 terms etag=\"b\" revision=2.0 terms=t2 guard-outbound=8 want-tags=54
         << check 5 message outbound 8 3 terms=t2
         << check 6 message outbound 8 2 terms=t2
         >> answer 6 allow
         << client 8 2 55=x|
         >> answer 5 allow
         << client 8 3",
    );
}

#[test]
fn what_is_held_is_bounded() {
    let limits = r#""limits":{"max_checks_in_flight":2,"max_queued_bytes":1024}"#;
    let mut play = session(limits);
    play.play_ticking(
        ">> venue 8 2
         << check 2 message outbound 8 2
         >> answer 2 no-answer
         << tick
         >> venue 8 3 + 8 4 + 8 5 + 8 6",
    );
    assert!(play.level(Gauge::QueuedBytes) > 0 && !play.takes_outbound());
    play.play_ticking(
        ">> after 100
         << check 3 message outbound 8 2
         >> answer 3 allow
         << client 8 2
         << check 4 message outbound 8 3
         << check 5 message outbound 8 4
         >> answer 4 allow
         << client 8 3
         << check 6 message outbound 8 5
         >> answer 5 allow
         << client 8 4
         << check 7 message outbound 8 6
         >> answer 6 allow
         << client 8 5
         >> answer 7 allow
         << client 8 6",
    );
    assert!(play.takes_outbound());
}

#[test]
fn a_service_that_cannot_decide_is_asked_again() {
    let mut play = session("");
    play.play_ticking(
        ">> venue 8 2 11=a|
         << check 2 message outbound 8 2 11=a|
         >> answer 2 reject 4 Application not available
         << tick
         >> after 100
         << check 3 message outbound 8 2 11=a|
         >> answer 3 reject 4 Application not available
         << tick
         >> after 200
         << check 4 message outbound 8 2 11=a|
         >> answer 4 allow
         << client 8 2 11=a|",
    );
    let mut play = Play::logged_on("FIX.4.4", r#""cache":{"enabled":false}"#, "guard-outbound=8 batch=3");
    play.play_ticking(
        ">> venue 8 2 + 8 3
         << check 2 message outbound 8 2 of 2 35=8|34=2|35=8|34=3|
         >> answer 2 until 1 reject 4 Application not available
         << tick
         << client 8 2
         >> after 100
         << check 3 message outbound 8 3
         >> answer 3 reject 6 no
         << client 4 3 123=Y|36=4|",
    );
    assert_eq!(play.count(Counter::OutboundLost), 0);
}
