//! Decisions that are kept: which messages they hold for, for how long, and what ends them.

use crate::support::transcript::{Play, TOKEN};
use fix_authz_core::stats::Counter;

/// No account is told, so that only messages show.
const SILENT: &str = r#""accounting":{"enabled":false}"#;

fn session(terms: &str) -> Play {
    Play::logged_on("FIX.4.4", SILENT, terms)
}

/// A session with a kept decision about D with 167=CS, which holds for 100 s; the next Check is number 3.
fn warm(settings: &str, kept: &str) -> Play {
    let comma = if settings.is_empty() { "" } else { "," };
    let mut play =
        Play::logged_on("FIX.4.4", &format!("{SILENT}{comma}{settings}"), "etag=\"a\" guard-outbound=8");
    play.play(&format!(
        ">> client D 2 11=a|167=CS|
         << check 2 message inbound D 2 11=a|167=CS|
         >> answer 2 allow cache-control=max-age=100{kept} vary=167
         << venue D 2 11=a|167=CS|"
    ));
    play
}

/// The decision of [`warm`] holds for this message.
fn assert_hit(play: &mut Play, seq: u64) {
    play.play(&format!(">> client D {seq} 11=x|167=CS|\n<< venue D {seq} 11=x|167=CS|"));
}

/// It does not; `check` is the number of the Check.
fn assert_miss(play: &mut Play, seq: u64, check: u32) {
    play.play(&format!(
        ">> client D {seq} 11=x|167=CS|
         << check {check} message inbound D {seq} 11=x|167=CS|
         >> answer {check} reject 6 no
         << venue 1 {seq} 112=<1>|"
    ));
}

fn counts(play: &Play, counters: &[Counter]) -> Vec<u32> {
    counters.iter().map(|counter| play.count(*counter)).collect()
}

#[test]
fn a_message_alike_in_what_counts_goes_on_at_once() {
    let mut play = warm("", "");
    play.play(
        ">> client D 3 11=b|167=CS| + D 4 167=CS|58=x| + D 5 11=c|167=FUT| + F 6 167=CS|
         << venue D 3 11=b|167=CS|
         << venue D 4 167=CS|58=x|
         << check 3 message inbound D 5 11=c|167=FUT|
         << check 4 message inbound F 6 167=CS|",
    );
    let of = [Counter::CacheHits, Counter::CacheMisses, Counter::Checks, Counter::InboundForwarded];
    assert_eq!(counts(&play, &of), [2, 3, 4, 3]);
}

#[test]
fn a_decision_holds_for_its_age_and_not_a_moment_longer() {
    let mut play = Play::logged_on("FIX.4.4", SILENT, "");
    play.play(
        ">> client D 2
         << check 2 message inbound D 2
         >> later 400
         >> answer 2 allow cache-control=max-age=1
         << venue D 2
         >> later 799
         >> client D 3
         << venue D 3
         >> later 200
         >> client D 4
         << venue D 4
         << check 3 message inbound D 4 refresh
         >> later 1
         >> client D 5
         << check 4 message inbound D 5
         >> answer 4 allow cache-control=max-age=1
         << venue D 5
         >> client D 6
         << venue D 6",
    );
}

#[test]
fn what_the_answer_does_not_grant_is_not_kept() {
    for said in [
        "",
        "cache-control=no-store",
        "cache-control=max-age=0",
        "cache-control=max-age=soon",
        "cache-control=max-age=60 vary=*",
        "cache-control=max-age=60 vary=0",
        "cache-control=max-age=60 scope=a^b",
        "vary=167",
    ] {
        session("").play(&format!(
            ">> client D 2
             << check 2 message inbound D 2
             >> answer 2 allow {said}
             << venue D 2
             >> client D 3
             << check 3 message inbound D 3"
        ));
    }
}

#[test]
fn denials_and_failures_are_not_kept() {
    session("risk-reducing=F").play(
        ">> client D 2 + F 3
         << check 2 message inbound D 2
         << check 3 message inbound F 3
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> answer 3 no-answer
         << venue F 3
         >> client D 4 + F 5
         << check 4 message inbound D 4
         << check 5 message inbound F 5",
    );
}

#[test]
fn every_occurrence_counts_in_order_and_so_does_absence() {
    let bodies =
        ["167=CS|", "167=CS|167=CS|", "167=CS|167=FUT|", "167=FUT|167=CS|", "58=x|", "1670=CS|", "16=7CS|"];
    let mut play = session("");
    for (nth, body) in bodies.iter().enumerate() {
        let seq = nth + 2;
        // The last three lack the tag, so they are alike.
        let known = nth > 4;
        let ask = format!(
            "<< check {seq} message inbound D {seq} {body}\n>> answer {seq} allow cache-control=max-age=60 vary=167\n"
        );
        play.play(&format!(
            ">> client D {seq} {body}\n{}<< venue D {seq} {body}",
            if known { "" } else { &ask }
        ));
    }
    play.play(
        ">> client D 20 11=z|167=CS|58=y|167=FUT|
         << venue D 20 11=z|167=CS|58=y|167=FUT|
         >> client D 21 167=CS|167=FUT|167=CS|
         << check 7 message inbound D 21 167=CS|167=FUT|167=CS|",
    );
}

#[test]
fn whose_a_message_is_always_counts() {
    let mut play = session("guard-outbound=8");
    let kept = "cache-control=max-age=60";
    let ids = [
        "",
        "50=desk|",
        "50=desk2|",
        "115=fund|",
        "128=x|",
        "57=eq|",
        "142=ny|",
        "143=ldn|",
        "116=a|",
        "129=a|",
        "144=a|",
        "145=a|",
    ];
    for (nth, more) in ids.iter().enumerate() {
        let (seq, check) = (nth + 2, nth + 2);
        play.play(&format!(
            ">> client D {seq} {more}
             << check {check} message inbound D {seq}
             >> answer {check} allow {kept}
             << venue D {seq} {more}"
        ));
    }
    play.play(&format!(
        ">> venue 8 2
         << check 14 message outbound 8 2
         >> answer 14 allow {kept}
         << client 8 2
         >> venue 8 3 57=desk|
         << check 15 message outbound 8 3
         >> answer 15 reject 6 no
         << client 4 3 123=Y|36=4|
         >> client D 20 50=desk|11=z|
         << venue D 20 50=desk|11=z|"
    ));
}

#[test]
fn another_list_of_tags_drops_what_was_kept_for_the_type() {
    let mut play = warm("", "");
    play.play(
        ">> client F 3
         << check 3 message inbound F 3
         >> answer 3 allow cache-control=max-age=100
         << venue F 3
         >> client D 4 167=FUT|40=2|
         << check 4 message inbound D 4 167=FUT|40=2|
         >> answer 4 allow cache-control=max-age=100 vary=167,40
         << venue D 4 167=FUT|40=2|
         >> client D 5 167=FUT|40=2| + F 6
         << venue D 5 167=FUT|40=2|
         << venue F 6
         >> client D 7 167=CS|
         << check 5 message inbound D 7 167=CS|
         # The same tags in another order are the same list.
         >> answer 5 allow cache-control=max-age=100 vary=^40,^167
         << venue D 7 167=CS|
         >> client D 8 167=CS| + D 9 40=2|167=FUT|
         << venue D 8 167=CS|
         << check 6 message inbound D 9 40=2|167=FUT|",
    );
}

#[test]
fn beyond_their_number_the_one_longest_unused_goes() {
    let mut play = Play::logged_on("FIX.4.4", &format!(r#"{SILENT},"cache":{{"max_entries":16}}"#), "");
    let mut asked = 1;
    let mut ask = |play: &mut Play, seq: u64, account: u64| {
        asked += 1;
        play.play(&format!(
            ">> client D {seq} 1={account}|
             << check {asked} message inbound D {seq} 1={account}|
             >> answer {asked} allow cache-control=max-age=60 vary=1
             << venue D {seq} 1={account}|"
        ));
    };
    (0..16).for_each(|account| ask(&mut play, account + 2, account));
    play.play(">> client D 18 1=0|\n<< venue D 18 1=0|");
    assert_eq!(play.count(Counter::CacheEvictions), 0);
    ask(&mut play, 19, 16);
    play.play(">> client D 20 1=0| + D 21 1=2| + D 22 1=16|\n<< venue D 20 1=0|\n<< venue D 21 1=2|\n<< venue D 22 1=16|");
    ask(&mut play, 23, 1);
    assert_eq!(play.count(Counter::CacheEvictions), 2);
}

#[test]
fn a_key_beyond_its_bound_is_not_kept() {
    // 9 bytes of direction and type, 14 of CompIDs: `49=ALGO|56=VENUE|` and the account.
    let settings = format!(r#"{SILENT},"cache":{{"max_entry_bytes":40}}"#);
    let mut play = Play::logged_on("FIX.4.4", &settings, "");
    let (fits, beyond) = ("x".repeat(40 - 9 - 17 - 3), "x".repeat(40 - 9 - 17 - 3 + 1));
    play.play(&format!(
        ">> client D 2 1={fits}| + D 3 1={beyond}|
         << check 2 message inbound D 2 1={fits}|
         << check 3 message inbound D 3 1={beyond}|
         >> answer 2 allow cache-control=max-age=60 vary=1
         << venue D 2 1={fits}|
         >> answer 3 allow cache-control=max-age=60 vary=1
         << venue D 3 1={beyond}|
         >> client D 4 1={fits}| + D 5 1={beyond}|
         << venue D 4 1={fits}|
         << check 4 message inbound D 5 1={beyond}|"
    ));
}

#[test]
fn a_replay_is_judged_afresh_and_teaches_nothing() {
    let mut play = warm("", "");
    play.play(
        ">> client D 2 43=Y|122=T|11=a|167=CS|
         << check 3 message inbound D 2 replay 11=a|167=CS|
         >> answer 3 allow cache-control=max-age=100 vary=
         << venue D 2 43=Y|122=T|11=a|167=CS|
         >> client F 3 43=Y|122=T|
         << check 4 message inbound F 3 replay
         >> answer 4 allow cache-control=max-age=100
         << venue F 3 43=Y|122=T|
         >> client F 4
         << check 5 message inbound F 4
         >> answer 5 allow
         << venue F 4",
    );
    assert_hit(&mut play, 5);
    // What is refused now is not kept for others either.
    play.play(
        ">> client D 2 43=Y|122=T|11=a|167=CS|
         << check 6 message inbound D 2 replay 11=a|167=CS|
         >> answer 6 reject 6 no
         << venue 1 2 43=Y|122=T|112=<1>|
         >> client D 6 11=x|167=CS|
         << check 7 message inbound D 6 11=x|167=CS|",
    );
}

#[test]
fn a_hit_keeps_its_place_behind_what_waits() {
    let mut play = warm("", "");
    play.play(
        ">> client F 3 + D 4 167=CS| + 0 5 + F 6 + D 7 167=CS|
         << check 3 message inbound F 3
         << check 4 message inbound F 6
         >> answer 4 reject 6 no
         >> answer 3 allow
         << venue F 3
         << venue D 4 167=CS|
         << venue 0 5
         << venue 1 6 112=<1>|
         << venue D 7 167=CS|",
    );
    assert_eq!(counts(&play, &[Counter::CacheHits, Counter::InboundForwarded]), [2, 5]);
}

#[test]
fn what_the_venue_sends_is_kept_too_and_apart() {
    let mut play = session("guard-outbound=8,D");
    play.play(
        ">> venue 8 2 1=acc|37=a|
         << check 2 message outbound 8 2 1=acc|37=a|
         >> answer 2 allow cache-control=max-age=60 vary=1
         << client 8 2 1=acc|37=a|
         >> venue 8 3 1=acc|37=b| + 8 4 1=other| + 8 5 1=acc|
         << client 8 3 1=acc|37=b|
         << check 3 message outbound 8 4 1=other|
         >> answer 3 reject 6 no
         << client 4 4 123=Y|36=5|
         << client 8 5 1=acc|
         >> client D 2
         << check 4 message inbound D 2
         >> answer 4 allow cache-control=max-age=60
         << venue D 2
         >> venue D 6
         << check 5 message outbound D 6",
    );
    assert_eq!(play.count(Counter::CacheHits), 2);
}

#[test]
fn with_the_cache_off_every_message_is_asked_about() {
    let mut play = Play::logged_on("FIX.4.4", r#""cache":{"enabled":false}"#, "");
    for seq in 2..5 {
        play.play(&format!(
            ">> client D {seq}
             << check {seq} message inbound D {seq}
             >> answer {seq} allow cache-control=max-age=60,stale-if-error=60
             << venue D {seq}"
        ));
    }
    play.play(
        ">> client D 5
         << check 5 message inbound D 5
         >> answer 5 no-answer
         << venue 1 5 112=<1>|",
    );
    assert_eq!(counts(&play, &[Counter::CacheHits, Counter::CacheMisses]), [0, 0]);
}

#[test]
fn a_refresh_that_is_allowed_begins_a_new_life() {
    let mut play = warm("", "");
    play.play(">> later 79999");
    assert_hit(&mut play, 3);
    play.play(
        ">> later 1
         >> client D 4 11=b|167=CS| + D 5 167=CS|
         << venue D 4 11=b|167=CS|
         << check 3 message inbound D 4 refresh 11=b|167=CS|
         << venue D 5 167=CS|
         >> later 19000
         >> answer 3 allow cache-control=max-age=100 vary=167
         >> later 79999",
    );
    assert_hit(&mut play, 6);
    play.play(
        ">> later 1
         >> client D 7 167=CS|
         << venue D 7 167=CS|
         << check 4 message inbound D 7 refresh 167=CS|",
    );
    assert_eq!(counts(&play, &[Counter::CacheRefreshes, Counter::Checks, Counter::CacheMisses]), [2, 4, 1]);
}

/// A refresh is out, of number 3.
fn refreshing(settings: &str) -> Play {
    let mut play = warm(settings, "");
    play.play(
        ">> later 80000
         >> client D 3 167=CS|
         << venue D 3 167=CS|
         << check 3 message inbound D 3 refresh 167=CS|",
    );
    play
}

#[test]
fn a_refresh_that_is_denied_drops_the_decision() {
    for verdict in
        ["reject 6 no", "allow", "allow cache-control=no-store", "allow cache-control=max-age=60 vary=40"]
    {
        let mut play = refreshing("");
        play.play(&format!(">> answer 3 {verdict}"));
        assert_miss(&mut play, 4, 4);
    }
}

#[test]
fn a_refresh_that_fails_is_not_tried_again_and_the_decision_lives_to_its_end() {
    for verdict in ["no-answer", "unreachable", "garbage"] {
        let mut play = refreshing("");
        play.play(&format!(">> answer 3 {verdict}"));
        assert_hit(&mut play, 4);
        play.play(">> later 19999");
        assert_hit(&mut play, 5);
        play.play(">> later 1");
        assert_miss(&mut play, 6, 4);
        assert_eq!(play.count(Counter::ChecksFailed), 1);
    }
}

#[test]
fn a_refresh_may_end_the_session_as_a_watch_may() {
    refreshing("").play(
        ">> answer 3 logout 6 killed
         << tick 60000
         >> client D 4 167=CS|
         << venue 5 4 58=killed|
         << tick 2000",
    );
    refreshing("").play(
        ">> answer 3 disconnect
         << close disconnected by the decision service",
    );
}

#[test]
fn a_refresh_takes_no_room_from_messages() {
    refreshing(r#""limits":{"max_checks_in_flight":2}"#).play(
        ">> client F 4 + F 5
         << check 4 message inbound F 4
         << pause
         >> answer 3 allow
         << check 5 message inbound F 5
         << resume
         >> answer 4 allow
         << venue F 4",
    );
    let mut play = warm(r#""limits":{"max_checks_in_flight":1}"#, "");
    play.play(">> later 99999");
    assert_hit(&mut play, 3);
    assert_eq!(play.count(Counter::CacheRefreshes), 0);
}

#[test]
fn refreshes_are_bounded() {
    let mut play = session("");
    for n in 2..12 {
        play.play(&format!(
            ">> client D {n} 1={n}|
             << check {n} message inbound D {n} 1={n}|
             >> answer {n} allow cache-control=max-age=10 vary=1
             << venue D {n} 1={n}|"
        ));
    }
    play.play(">> later 9000");
    for n in 2..10 {
        play.play(&format!(
            ">> client D {} 1={n}|\n<< venue D {} 1={n}|\n<< check {} message inbound D {} refresh 1={n}|",
            n + 20,
            n + 20,
            n + 10,
            n + 20
        ));
    }
    play.play(
        ">> client D 30 1=10|
         << venue D 30 1=10|
         >> answer 12 no-answer
         >> client D 31 1=10|
         << venue D 31 1=10|
         << check 20 message inbound D 31 refresh 1=10|",
    );
}

#[test]
fn a_stale_decision_stands_in_for_an_answer_that_failed() {
    let mut play = warm("", ",stale-if-error=50");
    play.play(
        ">> later 100000
         >> client D 3 167=CS| + D 4 167=FUT| + D 5 43=Y|122=T|167=CS|
         << check 3 message inbound D 3 167=CS|
         << check 4 message inbound D 4 167=FUT|
         << check 5 message inbound D 5 replay 167=CS|
         >> answer 3 no-answer
         << venue D 3 167=CS|
         >> answer 4 no-answer
         << venue 1 4 112=<1>|
         >> answer 5 no-answer
         << venue 1 5 43=Y|122=T|112=<2>|
         >> later 49999
         >> client D 6 167=CS|
         << check 6 message inbound D 6 167=CS|
         >> answer 6 garbage
         << venue D 6 167=CS|
         << report 7 inbound unavailable: 2 messages denied and 0 risk-reducing ones passed without an answer: \
         the decision service did not answer in time
         >> client D 7 167=CS|
         << check 8 message inbound D 7 167=CS|
         >> later 1
         >> answer 8 unreachable
         << venue 1 7 112=<3>|
         << tick 14000",
    );
    assert_eq!(counts(&play, &[Counter::CacheStale, Counter::CacheHits, Counter::ChecksFailed]), [2, 0, 5]);
}

#[test]
fn a_denial_ends_what_could_have_stood_in() {
    let mut play = warm("", ",stale-if-error=500");
    play.play(">> later 100000");
    assert_miss(&mut play, 3, 3);
    play.play(
        ">> client D 4 167=CS|
         << check 4 message inbound D 4 167=CS|
         >> answer 4 no-answer
         << venue 1 4 112=<2>|",
    );
}

#[test]
fn a_change_that_a_watch_tells_drops_everything() {
    let mut play = Play::new("FIX.4.4", SILENT);
    play.play(&format!(
        ">> client A 1 554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN}
         >> answer 1 allow etag=\"a\" watch=50
         << venue A 1
         << watch 2 \"a\" 55 s
         >> client D 2 + F 3
         << check 3 message inbound D 2
         << check 4 message inbound F 3
         >> answer 3 allow etag=\"a\" cache-control=max-age=60,stale-if-error=60
         << venue D 2
         # No change drops nothing.
         >> after 50000
         >> answer 2 allow etag=\"a\"
         << watch 5 \"a\" 55 s
         >> client D 4
         << check 6 message inbound D 4 refresh
         # What was to pass by a cached decision, in its turn, is asked about.
         >> answer 5 allow etag=\"b\"
         << check 7 message inbound D 4
         << watch 8 \"b\" 55 s
         # What was asked before holds for its own message, and for no other.
         >> answer 4 allow etag=\"a\" cache-control=max-age=60
         << venue F 3
         >> answer 7 allow etag=\"b\"
         << venue D 4
         >> answer 6 allow etag=\"b\" cache-control=max-age=60
         >> client D 5 + F 6
         << check 9 message inbound D 5
         << check 10 message inbound F 6
         >> answer 9 no-answer
         << venue 1 5 112=<1>|"
    ));
    assert_eq!(play.count(Counter::CacheDrops), 1);
}

#[test]
fn a_fresh_credential_drops_everything_and_a_refused_one_nothing() {
    for (verdict, kept) in [("allow", false), ("reject 6 no", true), ("no-answer", true)] {
        let mut play = warm("", "");
        play.play(&format!(
            ">> client BE 3 923=r|924=1|925=fresh|
             << check 3 renewal inbound BE 3 fresh=fresh 923=r|924=1|
             >> answer 3 {verdict}
             << venue 1 3 112=<1>|"
        ));
        if kept {
            assert_hit(&mut play, 4);
        } else {
            play.play(
                ">> client D 4 167=CS|
                 << check 4 message inbound D 4 bearer=fresh 167=CS|",
            );
        }
        assert_eq!(play.count(Counter::CacheDrops), u32::from(!kept));
    }
}

#[test]
fn a_session_that_is_to_end_uses_nothing_that_is_kept() {
    let mut play = refreshing("");
    play.play(
        ">> venue 8 2
         << check 4 message outbound 8 2
         >> answer 4 allow cache-control=max-age=60
         << client 8 2
         >> venue 8 3
         << client 8 3
         >> answer 3 logout 6 killed
         << tick 60000
         >> venue 8 4
         << check 5 message outbound 8 4
         >> answer 5 allow
         << client 8 4
         >> client D 4 167=CS|
         << venue 5 4 58=killed|
         << tick 2000
         >> venue 8 5
         << check 6 message outbound 8 5",
    );
}
