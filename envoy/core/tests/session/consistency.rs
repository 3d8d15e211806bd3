//! Decisions and terms under a service whose state changes: nothing passes by an old state once a newer one was reported.

use crate::support::transcript::{Play, TOKEN};
use fix_authz_core::failure::Failure;
use fix_authz_core::stats::Counter;

const SILENT: &str = r#""accounting":{"enabled":false}"#;

/// A watched session in the service's state `a`, whose revision is 5, with the terms `t1`; the watch is Check 2.
fn watched(settings: &str, more: &str) -> Play {
    let mut play = Play::new("FIX.4.4", &format!("{SILENT}{settings}"));
    play.play(&format!(
        ">> client A 1 554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN}
         >> answer 1 allow etag=\"a\" revision=5.0 watch=50 terms=t1 want-tags=11 {more}
         << venue A 1
         << watch 2 \"a\" revision=5.0 55 s
         >> venue A 1
         << client A 1"
    ));
    play
}

#[test]
fn a_check_names_the_terms_and_goes_out_again_by_those_of_the_service_in_its_order() {
    let mut play = watched("", "");
    play.play(
        ">> client D 2 11=a|55=X| + D 3 11=b|55=Y| + B 4 11=c|
         << check 3 message inbound D 2 terms=t1 11=a|
         << check 4 message inbound D 3 terms=t1 11=b|
         << check 5 message inbound B 4 terms=t1 11=c|
         >> answer 4 terms terms=t2 want-tags=11,55 exempt=B etag=\"b\" revision=6.0
         << check 6 message inbound D 3 terms=t2 11=b|55=Y|
         >> answer 3 terms terms=t2 want-tags=11,55 exempt=B etag=\"b\" revision=6.0
         << check 7 message inbound D 2 terms=t2 11=a|55=X|
         >> answer 6 reject 6 no
         >> answer 7 allow etag=\"b\" revision=6.0
         << venue D 2 11=a|55=X|
         << venue 1 3 112=<1>|
         # What was exempted meanwhile is still asked about, for it was.
         >> answer 5 terms terms=t2 want-tags=11,55 exempt=B etag=\"b\" revision=6.0
         << check 8 message inbound B 4 terms=t2 11=c|
         >> answer 8 allow etag=\"b\" revision=6.0
         << venue B 4 11=c|
         >> client B 5
         << venue B 5
         # The watch says what is known by now.
         >> answer 2 allow etag=\"b\" revision=6.0 terms=t2 want-tags=11,55 exempt=B
         << watch 9 \"b\" revision=6.0 55 s",
    );
    assert_eq!(play.count(Counter::WatchChanges), 0);
}

#[test]
fn a_message_that_meets_other_terms_again_is_asked_about_with_its_whole_body() {
    let mut play = watched("", "");
    play.play(
        ">> client D 2 11=a|55=X|554=pw|
         << check 3 message inbound D 2 terms=t1 11=a|
         >> answer 3 terms terms=t2 want-tags=11,55 etag=\"b\" revision=6.0
         << check 4 message inbound D 2 terms=t2 11=a|55=X|
         # From a service that is behind: the session keeps the newer terms.
         >> answer 4 terms terms=t1 want-tags=11 etag=\"a\" revision=5.0
         << check 5 message inbound D 2 terms=* 11=a|55=X|
         >> answer 5 allow etag=\"a\" revision=5.0 cache-control=max-age=60
         << venue D 2 11=a|55=X|554=pw|
         # And keeps nothing of the older state.
         >> client D 3 11=a|55=X|
         << check 6 message inbound D 3 terms=t2 11=a|55=X|
         # A service that never evaluates anything denies.
         >> answer 6 terms terms=t3 want-tags=1 revision=6.0
         << check 7 message inbound D 3 terms=t3
         >> answer 7 terms terms=t4 want-tags=1 revision=6.0
         << check 8 message inbound D 3 terms=*  11=a|55=X|
         >> answer 8 terms terms=t4 want-tags=1 revision=6.0
         << check 9 message inbound D 3 terms=*  11=a|55=X|
         >> answer 9 terms terms=t4 want-tags=1 revision=6.0
         << venue 1 3 112=<1>|"
            .replace("554=pw|", "")
            .replace("*  11", "* 11")
            .as_str(),
    );
}

#[test]
fn several_messages_that_meet_other_terms_are_asked_about_together_again() {
    let mut play = watched(r#","cache":{"enabled":false}"#, "batch=8");
    play.play(
        ">> client D 2 11=a|55=X| + D 3 11=b|55=Y| + D 4 11=c|
         << check 3 message inbound D 2 of 3 terms=t1 35=D|34=2|11=a|35=D|34=3|11=b|35=D|34=4|11=c|
         >> answer 3 terms terms=t2 want-tags=55 batch=8 etag=\"b\" revision=6.0
         << check 4 message inbound D 2 of 3 terms=t2 35=D|34=2|55=X|35=D|34=3|55=Y|35=D|34=4|
         >> answer 4 allow allowed=3 etag=\"b\" revision=6.0
         << venue D 2 11=a|55=X|
         << venue D 3 11=b|55=Y|
         << venue D 4 11=c|",
    );
}

#[test]
fn an_allowance_of_before_a_reported_change_does_not_count() {
    let mut play = watched("", "");
    play.play(
        ">> client D 2 11=a| + D 3 11=b|
         << check 3 message inbound D 2 terms=t1 11=a|
         << check 4 message inbound D 3 terms=t1 11=b|
         >> answer 2 allow etag=\"b\" revision=6.0
         << watch 5 \"b\" revision=6.0 55 s
         >> answer 4 reject 6 no
         # Made before the change, of which the session has heard since.
         >> answer 3 allow etag=\"a\" revision=5.0 cache-control=max-age=60
         << check 6 message inbound D 2 terms=t1 11=a|
         # Made by a service that has still not heard of it: it counts for this message alone.
         >> answer 6 allow etag=\"a\" revision=5.0 cache-control=max-age=60
         << venue D 2 11=a|
         << venue 1 3 112=<1>|
         >> client D 4 11=c|
         << check 7 message inbound D 4 terms=t1 11=c|",
    );
}

#[test]
fn an_allowance_that_does_not_tell_its_state_counts_as_one_of_before() {
    watched(r#","cache":{"enabled":false}"#, "batch=8").play(
        ">> client D 2 + F 3
         << check 3 message inbound D 2 of 2 terms=t1 35=D|34=2|35=F|34=3|
         >> answer 2 allow etag=\"b\" revision=6.0
         << watch 4 \"b\" revision=6.0 55 s
         >> answer 3 until 1 reject 6 no
         << check 5 message inbound D 2 of 2 terms=t1 35=D|34=2|35=F|34=3|
         # Asked after the change.
         >> answer 5 until 1 reject 6 no
         << venue D 2
         << venue 1 3 112=<1>|",
    );
}

#[test]
fn such_an_allowance_counts_as_one_of_before_where_the_session_has_parts_of_two_states() {
    watched(r#","cache":{"enabled":false}"#, "batch=8").play(
        ">> client D 2 + F 3
         << check 3 message inbound D 2 of 2 terms=t1 35=D|34=2|35=F|34=3|
         >> answer 2 allow etag=\"b\" revision=4.1
         << watch 4 - revision=5.1 55 s
         >> answer 3 until 1 reject 6 no
         << check 5 message inbound D 2 of 2 terms=t1 35=D|34=2|35=F|34=3|",
    );
}

#[test]
fn an_allowance_from_between_a_change_and_its_reversal_does_not_count() {
    watched("", "").play(
        ">> client D 2
         << check 3 message inbound D 2 terms=t1
         >> answer 2 allow etag=\"a\" revision=5.2
         << watch 4 \"a\" revision=5.2 55 s
         >> answer 3 allow etag=\"b\" revision=5.1
         << check 5 message inbound D 2 terms=t1",
    );
}

#[test]
fn an_allowance_that_does_not_count_may_tell_of_another_change() {
    watched("", "").play(
        ">> client D 2
         << check 3 message inbound D 2 terms=t1
         >> answer 2 allow etag=\"b\" revision=6.0
         << watch 4 \"b\" revision=6.0 55 s
         # Of the mapping of before, but with a restriction that the session has not heard of.
         >> answer 3 allow etag=\"c\" revision=5.7
         << check 5 message inbound D 2 terms=t1
         >> answer 5 allow etag=\"b\" revision=6.0 cache-control=max-age=60
         << venue D 2
         # The newest state has both, and nobody has told it yet.
         >> client D 3
         << check 6 message inbound D 3 terms=t1",
    );
}

#[test]
fn what_waits_for_its_turn_is_decided_anew_when_a_change_is_reported() {
    watched("", "exempt=B guard-outbound=8").play(
        ">> client F 2
         << check 3 message inbound F 2 terms=t1
         >> answer 3 allow etag=\"a\" revision=5.0 cache-control=max-age=60
         << venue F 2
         # The first is not decided; behind it one is allowed, one goes by a cached decision, and one needs none.
         >> client D 3 + D 4 + F 5 + B 6 + 0 7
         << check 4 message inbound D 3 terms=t1
         << check 5 message inbound D 4 terms=t1
         >> answer 5 allow etag=\"a\" revision=5.0
         >> venue 8 2 + 9 3 + 0 4
         << check 6 message outbound 8 2 terms=t1
         >> answer 2 allow etag=\"b\" revision=6.0 terms=t2 exempt=C guard-outbound=9
         << check 7 message inbound D 4 terms=t2
         << check 8 message inbound F 5 terms=t2
         << check 9 message inbound B 6 terms=t2
         << check 10 message outbound 9 3 terms=t2
         << watch 11 \"b\" revision=6.0 55 s
         >> answer 4 reject 6 no
         << venue 1 3 112=<1>|
         >> answer 9 reject 6 no
         >> answer 8 reject 6 no
         >> answer 7 reject 6 no
         << venue 1 4 112=<2>|
         << venue 1 5 112=<3>|
         << venue 1 6 112=<4>|
         << venue 0 7
         >> answer 6 reject 6 no
         << client 4 2 123=Y|36=3|
         >> answer 10 reject 6 no
         << client 4 3 123=Y|36=4|
         << client 0 4",
    );
}

#[test]
fn the_gap_fill_of_a_malformed_message_that_waits_is_not_asked_about_when_a_change_is_reported() {
    watched("", "guard-outbound=8").play(
        ">> venue 8 2
         << check 3 message outbound 8 2 terms=t1
         >> venue 8 3 58=|
         << report 4 outbound violation: a field has no value (tag 58)
         >> answer 2 allow etag=\"b\" revision=6.0 terms=t1 guard-outbound=8
         << watch 5 \"b\" revision=6.0 55 s
         >> answer 3 reject 6 no
         << client 4 2 123=Y|36=3|
         << client 4 3 123=Y|36=4|",
    );
}

#[test]
fn an_answer_made_in_a_newer_state_drops_what_was_cached() {
    let mut play = watched("", "");
    play.play(
        ">> client D 2 11=a|
         << check 3 message inbound D 2 terms=t1 11=a|
         >> answer 3 allow etag=\"a\" revision=5.0 cache-control=max-age=60
         << venue D 2 11=a|
         >> client D 3 + F 4
         << venue D 3
         << check 4 message inbound F 4 terms=t1
         >> answer 4 allow etag=\"b\" revision=6.0 terms=t1 cache-control=max-age=60
         << venue F 4
         >> client D 5 + F 6
         << check 5 message inbound D 5 terms=t1
         << check 6 message inbound F 6 terms=t1
         >> answer 5 allow etag=\"b\" revision=6.0 cache-control=max-age=60
         << venue D 5
         >> answer 6 allow etag=\"b\" revision=6.0 cache-control=max-age=60
         << venue F 6
         >> client D 7 + F 8
         << venue D 7
         << venue F 8
         # The same state, however the watch comes to tell of it.
         >> answer 2 allow etag=\"b\" revision=6.0
         << watch 7 \"b\" revision=6.0 55 s
         >> client D 9
         << venue D 9",
    );
    assert_eq!(play.count(Counter::CacheDrops), 1);
}

#[test]
fn the_terms_of_a_newer_mapping_are_asked_for_before_anything_passes_by_the_older_ones() {
    watched("", "exempt=B").play(
        ">> client D 2
         << check 3 message inbound D 2 terms=t1
         >> answer 3 terms terms=t2 want-tags=11 etag=\"b\" revision=6.0
         << check 4 message inbound D 2 terms=t2
         >> answer 4 terms terms=t1 want-tags=11 etag=\"a\" revision=5.0
         << check 5 message inbound D 2 terms=*
         # By a service that has a newer mapping than either, and says nothing of its terms but the name.
         >> answer 5 allow etag=\"c\" revision=7.0 terms=t3 cache-control=max-age=60
         << confirm 6 - revision=7.0
         << venue D 2
         >> client B 3
         << pause
         # The one that is asked may be behind.
         >> answer 6 allow etag=\"b\" revision=6.0 terms=t2 want-tags=11 exempt=B
         << confirm 7 - revision=7.0
         >> answer 7 allow etag=\"c\" revision=7.0 terms=t3 want-tags=11
         << watch 8 \"c\" revision=7.0 55 s
         << check 9 message inbound B 3 terms=t3
         << resume",
    );
}

#[test]
fn an_answer_in_another_state_is_not_kept() {
    for state in ["", "etag=\"x\"", "etag=\"x\" revision=5.0", "etag=\"x\" revision=4.0"] {
        watched("", "").play(&format!(
            ">> client D 2
             << check 3 message inbound D 2 terms=t1
             >> answer 3 allow cache-control=max-age=60 {state}
             << venue D 2
             >> client D 3
             << check 4 message inbound D 3 terms=t1"
        ));
    }
}

#[test]
fn a_watch_that_tells_of_an_older_state_drops_what_was_cached_and_changes_no_terms() {
    watched("", "exempt=B").play(
        ">> client D 2
         << check 3 message inbound D 2 terms=t1
         >> answer 3 allow etag=\"a\" revision=5.0 cache-control=max-age=60
         << venue D 2
         >> answer 2 allow etag=\"0\" revision=4.0 terms=t0 exempt=C
         << watch 4 \"a\" revision=5.0 55 s
         >> client B 3 + C 4 + D 5
         << venue B 3
         << check 5 message inbound C 4 terms=t1
         << check 6 message inbound D 5 terms=t1",
    );
}

#[test]
fn nothing_passes_between_a_failed_watch_and_the_confirmation_of_the_terms() {
    let mut play = watched("", "exempt=B guard-outbound=8");
    let millis = play.failed("answer 2 unreachable", 1_000);
    // No service can be reached, so these are the latest terms that the filter can know.
    play.play(&format!(
        ">> client B 2
         << venue B 2
         >> venue 9 2
         << client 9 2
         >> after {millis}
         << confirm 3 \"a\" revision=5.0
         >> client B 3 + D 4
         << pause
         >> venue 9 3 + 0 4
         >> answer 3 allow etag=\"b\" revision=6.0 terms=t2 want-tags=55 guard-outbound=9
         << watch 4 \"b\" revision=6.0 55 s
         << check 5 message inbound B 3 terms=t2
         << check 6 message inbound D 4 terms=t2
         << resume
         << check 7 message outbound 9 3 terms=t2
         >> answer 7 reject 6 no
         << client 4 3 123=Y|36=4|
         << client 0 4"
    ));
}

#[test]
fn a_confirmation_that_fails_lets_messages_go_on() {
    let mut play = watched("", "exempt=B");
    let millis = play.failed("answer 2 no-answer", 1_000);
    play.play(&format!(">> after {millis}\n<< confirm 3 \"a\" revision=5.0\n>> client B 2\n<< pause"));
    play.play_ticking(">> answer 3 no-answer\n<< tick\n<< venue B 2\n<< resume");
    assert_eq!(play.count(Counter::WatchesFailed), 2);
}

#[test]
fn an_answered_check_has_the_terms_confirmed_at_once() {
    let mut play = watched("", "exempt=B");
    play.failed("answer 2 unreachable", 1_000);
    play.play(
        ">> client D 2 + B 3
         << check 3 message inbound D 2 terms=t1
         >> answer 3 allow etag=\"a\" revision=5.0
         << confirm 4 \"a\" revision=5.0
         << venue D 2
         >> client B 4
         << pause
         >> answer 4 allow etag=\"a\" revision=5.0
         << watch 5 \"a\" revision=5.0 55 s
         << venue B 3
         << venue B 4
         << resume",
    );
    // A failed Check does not show that a service can be reached.
    let mut play = watched("", "exempt=B");
    play.failed("answer 2 unreachable", 1_000);
    play.play(
        ">> client D 2
         << check 3 message inbound D 2 terms=t1
         >> answer 3 unreachable
         << venue 1 2 112=<1>|
         >> client B 3
         << venue B 3",
    );
}

#[test]
fn what_one_session_finds_out_the_others_go_by() {
    let mut play = watched("", "exempt=B");
    play.failed("answer 2 unreachable", 1_000);
    let mut other = play.beside();
    other.play(&format!(
        ">> client A 1 554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN}
         >> answer 1 allow etag=\"a\" revision=5.0 watch=50 terms=t1 want-tags=11 exempt=B
         << venue A 1
         << watch 2 \"a\" revision=5.0 55 s
         >> client D 2
         << check 3 message inbound D 2 terms=t1"
    ));
    other.failed("answer 2 unreachable", 1_000);
    play.play(">> client B 2\n<< venue B 2");
    other.play(
        ">> answer 3 allow etag=\"a\" revision=5.0
         << confirm 4 \"a\" revision=5.0
         << venue D 2",
    );
    play.play(
        ">> client B 3
         << confirm 3 \"a\" revision=5.0
         << pause",
    );
}

#[test]
fn an_outage_can_be_bounded() {
    let mut play =
        watched(r#","terms":{"max_unconfirmed_s":2}"#, "exempt=B,F risk-reducing=F guard-outbound=8");
    play.failed("answer 2 unreachable", 1_000);
    play.play_ticking(
        ">> later 1999
         >> client B 2
         << venue B 2
         >> later 1
         >> client B 3 + 0 4
         << check 3 message inbound B 3 terms=t1
         >> venue 9 2
         << check 4 message outbound 9 2 terms=t1
         >> answer 3 unreachable
         << venue 1 3 112=<1>|
         << venue 0 4
         >> answer 4 unreachable
         << tick
         >> client F 5
         << check 5 message inbound F 5 terms=t1
         >> answer 5 unreachable
         << venue F 5
         >> client B 6
         << check 6 message inbound B 6 terms=t1
         >> answer 6 allow etag=\"a\" revision=5.0
         << confirm 7 \"a\" revision=5.0
         << report 8 inbound unavailable: 1 messages denied and 1 risk-reducing ones passed without an answer: the decision service cannot be reached
         << venue B 6
         >> answer 7 allow etag=\"a\" revision=5.0
         << watch 9 \"a\" revision=5.0 55 s
         >> client B 7
         << venue B 7",
    );
}

#[test]
fn terms_that_want_a_secret_are_refused() {
    for secret in ["554", "96", "95", "925"] {
        Play::new("FIX.4.4", SILENT).play(&format!(
            ">> client A 1 554={TOKEN}|
             << check 1 logon inbound A 1 bearer={TOKEN}
             >> answer 1 allow etag=\"a\" watch=50 terms=t1 want-tags=11,{secret}
             << report 2 inbound unavailable: 1 messages denied and 0 risk-reducing ones passed without an answer: {}
             << end client
             << tick 2000",
            Failure::Contradictory
        ));
        // In a session: everything is denied, until there are terms that can be followed.
        watched("", "exempt=B").play_ticking(&format!(
            ">> answer 2 allow etag=\"b\" revision=6.0 terms=t2 want-tags={secret} exempt=B
             << watch 3 \"b\" revision=6.0 55 s
             >> client B 2 + 0 3 + D 4
             << venue 1 2 112=<1>|
             << venue 0 3
             << venue 1 4 112=<2>|
             >> venue 9 2 + 0 3
             << tick
             >> after 200
             << tick
             >> answer 3 allow etag=\"c\" revision=7.0 terms=t3 want-tags=11 exempt=B
             << report 4 inbound unavailable: 2 messages denied and 0 risk-reducing ones passed without an answer: {}
             << watch 5 \"c\" revision=7.0 55 s
             >> client B 5
             << venue B 5
             >> after 200
             << check 6 message outbound 9 2 terms=t3
             >> answer 6 allow
             << client 9 2
             << client 0 3",
            Failure::Contradictory
        ));
        // Told with the answer to a Check.
        watched("", "exempt=B").play(&format!(
            ">> client D 2
             << check 3 message inbound D 2 terms=t1
             >> answer 3 terms etag=\"b\" revision=6.0 terms=t2 want-tags={secret} exempt=B
             << venue 1 2 112=<1>|
             >> client B 3
             << venue 1 3 112=<2>|"
        ));
    }
}

#[test]
fn a_service_that_names_no_terms_is_asked_as_ever() {
    let mut play = Play::new("FIX.4.4", SILENT);
    play.play(&format!(
        ">> client A 1 554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN}
         >> answer 1 allow etag=\"a\" watch=50 want-tags=11 exempt=B
         << venue A 1
         << watch 2 \"a\" 55 s
         >> client D 2 11=a|55=X|
         << check 3 message inbound D 2 11=a|"
    ));
    let millis = play.failed("answer 2 unreachable", 1_000);
    play.play(&format!(">> after {millis}\n<< watch 4 \"a\" 55 s"));
}

#[test]
fn states_that_change_again_and_again_hold_messages_up_and_never_for_good() {
    let mut play = watched("", "exempt=B");
    // The restrictions change; the terms do not.
    for id in 2..10 {
        play.play(&format!(
            ">> answer {id} allow etag=\"{id}\" revision=5.{id}\n<< watch {} \"{id}\" revision=5.{id} 55 s",
            id + 1
        ));
    }
    let mut id = 10;
    for seq in [2, 3] {
        let millis = play.failed(&format!("answer {id} allow etag=\"{id}\" revision=5.{id}"), 1_000);
        play.play(&format!(
            ">> client B {seq}
             << pause
             >> after {millis}
             << confirm {} \"{id}\" revision=5.{id}
             >> answer {} allow etag=\"{id}\" revision=5.{id}
             << watch {} \"{id}\" revision=5.{id} 55 s
             << venue B {seq}
             << resume",
            id + 1,
            id + 1,
            id + 2
        ));
        id += 2;
    }
}

#[test]
fn a_watch_that_is_cut_again_and_again_is_a_watch_again_each_time() {
    let mut play = watched("", "");
    for id in (2..40).step_by(2) {
        play.play(">> later 30000");
        let millis = play.failed(&format!("answer {id} no-answer"), 1_000);
        play.play(&format!(
            ">> after {millis}
             << confirm {} \"a\" revision=5.0
             >> answer {} allow etag=\"a\" revision=5.0
             << watch {} \"a\" revision=5.0 55 s",
            id + 1,
            id + 1,
            id + 2
        ));
    }
}

#[test]
fn a_service_that_stays_behind_does_not_hold_messages_up() {
    let mut play = watched("", "exempt=B");
    for id in 2..10 {
        play.play(&format!(
            ">> answer {id} allow etag=\"0\" revision=4.0 terms=t0
             << watch {} \"a\" revision=5.0 55 s",
            id + 1
        ));
    }
    play.failed("answer 10 allow etag=\"0\" revision=4.0 terms=t0", 1_000);
    play.play(">> client B 2\n<< venue B 2");
}

const UNKNOWN: &str = "
    >> client D 2
    << check 3 message inbound D 2 terms=t1
    >> answer 3 terms terms=t2 want-tags=11 etag=\"b\" revision=6.0
    << check 4 message inbound D 2 terms=t2
    >> answer 4 terms terms=t1 want-tags=11 etag=\"a\" revision=5.0
    << check 5 message inbound D 2 terms=*";

#[test]
fn a_renewal_brings_the_terms_that_were_asked_for() {
    let mut play = watched("", "guard-outbound=8");
    play.play(UNKNOWN);
    play.play(
        ">> client BE 3 925=fresh|
         << check 6 renewal inbound BE 3 fresh=fresh
         >> answer 5 allow etag=\"c\" revision=7.0 terms=t3
         << confirm 7 - revision=7.0
         << venue D 2
         >> venue 9 2
         >> answer 6 allow etag=\"d\" revision=7.0 terms=t3 want-tags=11 guard-outbound=9
         << watch 8 \"d\" revision=7.0 55 s bearer=fresh
         << venue 1 3 112=<1>|
         << check 9 message outbound 9 2 terms=t3 bearer=fresh
         >> client D 4
         << check 10 message inbound D 4 terms=t3 bearer=fresh",
    );
}

#[test]
fn a_renewal_that_was_answered_before_a_change_brings_back_no_older_state() {
    let mut play = watched("", "exempt=B");
    play.play(
        ">> client BE 2 925=fresh|
         << check 3 renewal inbound BE 2 fresh=fresh
         >> answer 2 allow etag=\"b\" revision=6.0 terms=t2 want-tags=11,55
         << watch 4 \"b\" revision=6.0 55 s
         >> answer 3 allow etag=\"a\" revision=5.0 watch=50 terms=t1 want-tags=11 exempt=B
         << watch 5 - revision=6.0 55 s bearer=fresh
         << venue 1 2 112=<1>|
         >> client B 3
         << check 6 message inbound B 3 terms=t2 bearer=fresh
         # Of a service that has not put the newer mapping in force.
         >> answer 6 allow etag=\"a\" revision=5.0 terms=t1 cache-control=max-age=60
         << venue B 3
         >> client B 4
         << check 7 message inbound B 4 terms=t2 bearer=fresh",
    );
}

#[test]
fn a_renewal_in_a_newer_state_has_what_waits_decided_anew() {
    watched("", "exempt=B").play(
        ">> client D 2 + D 3 + BE 4 925=fresh|
         << check 3 message inbound D 2 terms=t1
         << check 4 message inbound D 3 terms=t1
         << check 5 renewal inbound BE 4 fresh=fresh
         >> answer 4 allow etag=\"a\" revision=5.0
         >> answer 5 allow etag=\"b\" revision=6.0 watch=50 terms=t2 want-tags=11
         << check 6 message inbound D 3 terms=t2 bearer=fresh
         << watch 7 \"b\" revision=6.0 55 s bearer=fresh
         >> answer 3 reject 6 no
         << venue 1 2 112=<1>|
         >> answer 6 reject 6 no
         << venue 1 3 112=<2>|
         << venue 1 4 112=<3>|",
    );
}

#[test]
fn a_session_that_ends_while_its_terms_are_confirmed_asks_about_what_was_held() {
    let mut play = watched("", "guard-outbound=8");
    play.failed("answer 2 unreachable", 1_000);
    play.play(
        ">> venue 8 2 + 9 3 + 0 4
         << check 3 message outbound 8 2 terms=t1
         >> client D 2 + D 3
         << check 4 message inbound D 2 terms=t1
         << check 5 message inbound D 3 terms=t1
         >> answer 5 allow etag=\"a\" revision=5.0
         << confirm 6 \"a\" revision=5.0
         >> answer 4 logout 6 desk closed
         << venue 5 2 58=desk closed|
         << tick 2000
         << check 7 message outbound 9 3 terms=t1
         >> venue 9 5 + 5 6
         << check 8 message outbound 9 5 terms=t1
         >> answer 3 allow etag=\"a\" revision=5.0
         << client 8 2
         >> answer 8 allow etag=\"a\" revision=5.0
         >> answer 7 allow etag=\"a\" revision=5.0
         << client 9 3
         << client 0 4
         << client 9 5
         << client 5 6 58=desk closed|
         << end client
         << tick 2000",
    );
}

#[test]
fn while_no_service_can_be_reached_nothing_is_held_for_terms_that_none_can_tell() {
    let mut play = watched("", "exempt=B");
    play.play(&UNKNOWN.replace("terms=t2 want-tags=11", "terms=t2 want-tags=11 risk-reducing=F"));
    play.play(
        ">> answer 5 allow etag=\"c\" revision=7.0 terms=t3
         << confirm 6 - revision=7.0
         << venue D 2
         >> client B 3 + F 4 + 0 5
         << pause",
    );
    play.play_ticking(
        ">> answer 6 unreachable
         << tick
         << check 7 message inbound B 3 terms=t2
         << check 8 message inbound F 4 terms=t2
         << resume
         >> answer 7 unreachable
         << venue 1 3 112=<1>|
         >> answer 8 unreachable
         << venue F 4
         << venue 0 5",
    );
}
