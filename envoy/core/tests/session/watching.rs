//! The watch: one long poll for the session's life, its changes, its failures, and the end that it may order.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::{Play, TOKEN, long};
use fix_authz_core::command::Direction;
use fix_authz_core::failure::Failure;
use fix_authz_core::stats::Counter;

/// A session past its Logon that watches; the watch is Check 2.
fn watching(version: &'static str, settings: &str, terms: &str) -> Play {
    let mut play = Play::new(version, settings);
    play.play(&format!(
        ">> client A 1 98=0|554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN} 98=0|
         >> answer 1 allow etag=\"a\" watch=50 {terms}
         << venue A 1 98=0|
         << watch 2 \"a\" 55 s
         >> venue A 1 98=0|
         << client A 1 98=0|"
    ));
    play
}

#[test]
fn a_watch_is_out_for_the_sessions_life_and_is_no_check() {
    let mut play = watching("FIX.4.4", "", "");
    play.play(
        ">> after 50000
         >> answer 2 allow etag=\"a\"
         << watch 3 \"a\" 55 s
         >> after 50000
         >> answer 3 allow etag=\"a\" watch=10
         << watch 4 \"a\" 15 s
         # An answer counts once.
         >> answer 3 logout 6 again",
    );
    let counts =
        (play.count(Counter::Checks), play.count(Counter::Watches), play.count(Counter::WatchChanges));
    assert_eq!(counts, (1, 3, 0));
}

#[test]
fn without_an_etag_or_a_watch_nothing_is_watched() {
    for terms in ["", "etag=\"a\"", "watch=50"] {
        let mut play = Play::logged_on("FIX.4.4", "", terms);
        play.play(">> after 60000");
        assert_eq!(play.count(Counter::Watches), 0);
    }
}

#[test]
fn an_etag_goes_back_as_it_came_and_an_odd_one_is_no_answer() {
    let logon = format!(">> client A 1 554={TOKEN}|\n<< check 1 logon inbound A 1 bearer={TOKEN}\n");
    for etag in ["\"a,^b\"", "W/\"\\\"", "x", &"e".repeat(256)] {
        let shown = etag.replace('^', " ");
        Play::new("FIX.4.4", "").play(&format!(
            "{logon}>> answer 1 allow watch=1 etag={etag}
             << venue A 1
             << watch 2 {shown} 6 s"
        ));
    }
    for odd in ["", "\"\u{e9}\"", "\"\u{7f}\"", &"e".repeat(257)] {
        Play::new("FIX.4.4", "").play(&format!(
            "{logon}>> answer 1 allow watch=1 etag={odd}
             << report 2 inbound unavailable: 1 messages denied and 0 risk-reducing ones passed without an answer: {}
             << end client
             << tick 2000
             >> client-end
             << close logon refused",
            Failure::Contradictory
        ));
    }
    let mut play = watching("FIX.4.4", "", "");
    play.play(">> after 50000");
    play.failed("answer 2 allow etag=\"\u{e9}\"", 1_000);
    assert_eq!(play.count(Counter::WatchesFailed), 1);
}

#[test]
fn a_change_brings_terms_or_leaves_them() {
    let mut play = watching("FIX.4.4", "", "guard-outbound=8 exempt=B");
    play.play(
        ">> client B 2
         << venue B 2
         >> answer 2 allow etag=\"b\"
         << watch 3 \"b\" 55 s
         >> client B 3
         << venue B 3
         >> venue 8 2
         << check 4 message outbound 8 2
         >> answer 4 allow
         << client 8 2
         >> answer 3 allow etag=\"c\" guard-outbound=AE want-tags=11
         << watch 5 \"c\" 55 s
         >> client B 4 11=a|58=x|
         << check 6 message inbound B 4 11=a|
         >> venue 8 3 + AE 4
         << client 8 3
         << check 7 message outbound AE 4
         # The same etag changes nothing, whatever comes with it.
         >> answer 5 allow etag=\"c\" exempt=B
         << watch 8 \"c\" 55 s
         >> client B 5 11=b|
         << check 9 message inbound B 5 11=b|",
    );
    assert_eq!(play.count(Counter::WatchChanges), 2);
}

#[test]
fn a_failed_watch_is_tried_again_within_a_second_and_never_ends_the_session() {
    let mut play = watching("FIX.4.4", "", "");
    let failures = ["no-answer", "unreachable", "garbage", "reject 6 no", "allow"];
    for (nth, failure) in failures.iter().cycle().take(10).enumerate() {
        let id = nth + 2;
        let millis = play.failed(&format!("answer {id} {failure}"), 1_000);
        play.play(&format!(">> after {}", millis - 1));
        play.play(&format!(">> after 1\n<< watch {} \"a\" 55 s", id + 1));
    }
    assert_eq!((play.count(Counter::WatchesFailed), play.count(Counter::Watches)), (10, 11));
    assert_eq!(play.count(Counter::ChecksFailed), 0);
    play.play(
        ">> client D 2 11=a|
         << check 13 message inbound D 2 11=a|
         >> answer 13 allow
         << venue D 2 11=a|
         >> after 50000
         >> answer 12 allow etag=\"a\"
         << watch 14 \"a\" 55 s",
    );
    play.failed("answer 14 no-answer", 1_000);
}

#[test]
fn answers_that_come_too_early_again_and_again_are_slowed_down() {
    let mut play = watching("FIX.4.4", "", "");
    for id in 2..10 {
        play.play(&format!(">> answer {id} allow etag=\"a\"\n<< watch {} \"a\" 55 s", id + 1));
    }
    let millis = play.failed("answer 10 allow etag=\"b\"", 1_000);
    play.play(&format!(">> after {millis}\n<< watch 11 \"b\" 55 s"));
    assert_eq!(play.count(Counter::WatchesFailed), 0);
}

#[test]
fn a_doomed_session_ends_with_the_next_message_whatever_it_is() {
    for (message, seq) in
        [("0 2", 2), ("1 3 112=x|", 3), ("2 4 7=1|16=0|", 4), ("5 2", 2), ("D 2 11=a|", 2), ("4 9 36=1|", 9)]
    {
        let mut play = watching("FIX.4.4", "", "");
        play.play(&format!(
            ">> answer 2 logout 6 desk closed
             << tick 60000
             >> venue 9 2
             << client 9 2
             >> client {message} + D 10 11=b|
             << venue 5 {seq} 58=desk closed|
             << tick 2000
             << pause
             >> venue 5 3 58=bye|
             << client 5 3 58=desk closed|
             << end client
             << resume
             << tick 2000
             >> client-end
             << close session ended by the decision service"
        ));
        assert_eq!((play.count(Counter::SessionsEnded), play.count(Counter::InboundDenied)), (1, 1));
    }
}

#[test]
fn on_fixt_the_client_is_told_the_session_status_and_the_venue_is_not() {
    watching("FIXT.1.1", "", "").play(
        ">> answer 2 logout 6 status=8 access token expired
         << tick 60000
         >> client 0 2
         << venue 5 2 58=access token expired|
         << tick 2000
         >> venue 5 2
         << client 5 2 58=access token expired|1409=8|
         << end client
         << tick 2000
         >> client-end
         << close session ended by the decision service",
    );
}

#[test]
fn a_replay_is_no_end_and_the_next_fresh_message_is() {
    watching("FIX.4.4", "", "").play(
        ">> answer 2 logout 6 no
         << tick 60000
         >> client D 2 43=Y|122=T|11=a| + 4 3 43=Y|122=T|123=Y|36=9| + 0 9
         << venue 4 2 43=Y|122=T|123=Y|36=3|
         << venue 4 3 43=Y|122=T|123=Y|36=9|
         << venue 5 9 58=no|
         << tick 2000",
    );
}

#[test]
fn what_waits_for_its_answer_is_the_end_at_once() {
    let mut play = watching("FIX.4.4", "", "");
    play.play(
        ">> client D 2 43=Y|122=T|11=a| + D 3 11=b| + 0 4 + D 5 11=c|
         << check 3 message inbound D 2 replay 11=a|
         << check 4 message inbound D 3 11=b|
         << check 5 message inbound D 5 11=c|
         >> answer 4 reject 6 no
         >> answer 2 logout 6 killed
         << tick 60000
         << venue 4 2 43=Y|122=T|123=Y|36=3|
         << venue 5 3 58=killed|
         << tick 2000
         # What is answered later is of no account.
         >> answer 3 allow
         >> answer 5 logout 6 no
         >> client D 6 11=d|
         << pause
         >> venue 5 2
         << client 5 2 58=killed|
         << end client
         << resume
         << tick 2000
         >> client-end
         << close session ended by the decision service",
    );
    assert_eq!(play.count(Counter::SessionsEnded), 1);
}

#[test]
fn a_doomed_session_takes_what_was_held_back() {
    let settings = r#""limits":{"max_pending_rejects":1,"max_checks_in_flight":1}"#;
    watching("FIX.4.4", settings, "").play(
        ">> client D 2 11=a|
         << check 3 message inbound D 2 11=a|
         >> answer 3 reject 6 no
         << venue 1 2 112=<1>|
         >> client D 3 11=b|
         << pause
         << tick 300000
         >> answer 2 logout 6 killed
         << tick 60000
         << venue 5 3 58=killed|
         << tick 2000
         << resume
         # The reject still comes through.
         >> venue 0 2 112=<1>| + 5 3
         << client j 2 45=2|372=D|379=a|380=6|58=no|
         << client 5 3 58=killed|
         << end client
         << tick 2000
         >> client-end
         << close session ended by the decision service",
    );
}

#[test]
fn a_doomed_client_that_says_nothing_is_not_waited_for() {
    let mut play = watching("FIX.4.4", r#""limits":{"end_timeout_ms":500}"#, "");
    play.play(
        ">> answer 2 logout 6 killed
         << tick 500
         >> after 499
         >> client-bytes 8=FIX.4.4|9=
         >> venue 0 2
         << client 0 2
         >> after 1
         << close session ended, the client sent nothing in time
         >> client D 2 11=a|",
    );
    assert_eq!(play.count(Counter::SessionsEnded), 1);
}

#[test]
fn a_doomed_client_that_leaves_is_let_go() {
    watching("FIX.4.4", "", "").play(
        ">> answer 2 logout 6 killed
         << tick 60000
         >> client-end
         << tick 2000
         << end venue
         >> venue-end
         << end client
         >> gone
         >> after 60000",
    );
    watching("FIX.4.4", "", "").play(
        ">> client-last D 2 11=a| + D 3 11=b|
         << check 3 message inbound D 2 11=a|
         << check 4 message inbound D 3 11=b|
         << tick 60000
         >> answer 2 logout 6 killed
         << tick 60000
         << venue 5 2 58=killed|
         << tick 2000",
    );
}

#[test]
fn a_disconnect_closes_both_sides_and_sends_nothing() {
    let mut play = watching("FIX.4.4", "", "guard-outbound=8");
    play.play(
        ">> client D 2 11=a|
         << check 3 message inbound D 2 11=a|
         >> answer 2 disconnect
         << close disconnected by the decision service
         >> answer 3 allow
         >> client 0 3
         >> venue 0 2
         >> after 60000",
    );
    assert_eq!((play.count(Counter::SessionsDisconnected), play.count(Counter::SessionsEnded)), (1, 0));
    // With the answer about any message, and not in its turn.
    watching("FIX.4.4", "", "guard-outbound=8").play(
        ">> client D 2 11=a| + D 3 11=b|
         << check 3 message inbound D 2 11=a|
         << check 4 message inbound D 3 11=b|
         >> answer 4 disconnect
         << close disconnected by the decision service",
    );
    watching("FIX.4.4", "", "guard-outbound=8").play(
        ">> venue 8 2
         << check 3 message outbound 8 2
         >> answer 3 disconnect
         << close disconnected by the decision service",
    );
}

#[test]
fn a_session_that_is_ending_may_still_be_cut_off_but_is_watched_no_more() {
    let ending = || {
        let mut play = watching("FIX.4.4", "", "");
        play.play(
            ">> client D 2 11=a|
             << check 3 message inbound D 2 11=a|
             >> answer 3 logout 6 no
             << venue 5 2 58=no|
             << tick 2000",
        );
        play
    };
    ending().play(
        ">> answer 2 disconnect
         << close disconnected by the decision service",
    );
    for verdict in ["logout 6 again", "allow etag=\"b\"", "no-answer"] {
        ending().play(&format!(">> answer 2 {verdict}"));
    }
}

#[test]
fn an_answer_after_the_close_is_of_no_account() {
    for verdict in ["allow etag=\"b\"", "logout 6 no", "disconnect", "no-answer"] {
        watching("FIX.4.4", "", "").play(&format!(
            ">> gone
             >> answer 2 {verdict}
             >> after 60000"
        ));
        watching("FIX.4.4", "", "").play(&format!(
            ">> client D 0
             << report 3 inbound violation: MsgSeqNum (34) is not a positive number
             << close violation of the strict profile
             >> answer 2 {verdict}"
        ));
    }
}

#[test]
fn a_watch_says_whose_session_it_is() {
    let mut driver = Driver::new("");
    let logon =
        long(Direction::Inbound, "FIX.4.4", "A 1 50=desk|142=ny|57=eq|143=ldn|115=fund|128=x|554=s3cret|");
    driver.receive(Direction::Inbound, &logon, false);
    driver.answer(1, &Verdict::parse("allow etag=\"a\" watch=50"));
    let asked: Vec<_> = driver
        .take()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Asked(asked) => Some(asked),
            _ => None,
        })
        .collect();
    let [logon, watch] = asked.as_slice() else { panic!("{asked:?}") };
    for name in
        ["session", "begin-string", "sender-comp-id", "sender-sub-id", "sender-location-id", "target-comp-id"]
            .into_iter()
            .chain([
                "target-sub-id",
                "target-location-id",
                "on-behalf-of-comp-id",
                "deliver-to-comp-id",
                "direction",
            ])
    {
        let name = format!("x-fix-{name}");
        assert!(watch.header(&name).is_some(), "{name}");
        assert_eq!(watch.header(&name), logon.header(&name));
    }
    for name in ["x-fix-msg-type", "x-fix-msg-seq-num", "x-fix-poss-dup"] {
        assert_eq!(watch.header(name), None);
    }
    assert_eq!((watch.http.path.as_str(), watch.bearer()), ("/fix/inbound/", Some(TOKEN)));
}

#[test]
fn a_reset_that_waits_for_its_credential_when_the_session_ends_is_refused_to_the_client_alone() {
    watching("FIX.4.4", "", "").play(
        ">> client A 1 98=0|141=Y|554=fresh|
         << check 3 renewal inbound A 1 fresh=fresh 98=0|141=Y|
         >> answer 2 logout 6 killed
         << tick 60000
         << client 5 1 58=killed|
         << end client
         << tick 2000",
    );
}
