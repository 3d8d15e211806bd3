//! A fresh credential in a running session: asked about, answered by the gateway, never seen by the venue.

use crate::support::transcript::{Play, TOKEN};
use fix_authz_core::stats::Counter;

const CUSTOM: &str = r#""renewal":{"custom":{"request":"U1","response":"U2"}}"#;

#[test]
fn a_user_request_is_answered_by_the_gateway_and_the_new_token_holds_from_there() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client BE 2 923=r1|924=1|553=me|554=fresh|
         << check 2 renewal inbound BE 2 fresh=fresh 923=r1|924=1|553=me|
         >> answer 2 allow
         << venue 1 2 112=<1>|
         >> client D 3 11=a|
         << check 3 message inbound D 3 bearer=fresh 11=a|
         >> venue 0 2 112=<1>|
         << client BF 2 923=r1|553=me|926=1|
         >> answer 3 allow
         << venue D 3 11=a|",
    );
    let counts = [Counter::Renewals, Counter::RenewalsRefused, Counter::Checks, Counter::RejectsDelivered];
    assert_eq!(counts.map(|counter| play.count(counter)), [1, 0, 3, 0]);
}

#[test]
fn the_answer_says_what_was_asked_and_how_it_went() {
    for (request, seen, verdict, answer) in [
        ("923=r|924=3|554=old|925=fresh|", "923=r|924=3|", "allow", "923=r|926=5|"),
        ("923=r|924=3|925=fresh|", "923=r|924=3|", "reject 6 not yours", "923=r|926=6|927=not yours|"),
        ("923=r|925=fresh|", "923=r|", "reject 401 6 expired", "923=r|926=4|927=expired|"),
        ("925=fresh|", "", "allow", "926=1|"),
        ("924=2|554=fresh|", "924=2|", "allow", "926=1|"),
        ("95=5|96=fresh|58=x|", "58=x|", "allow", "926=1|"),
        ("925=fresh|", "", "no-answer", "926=6|927=Authorization service not available|"),
        ("925=fresh|", "", "unreachable", "926=6|927=Authorization service not available|"),
        ("925=fresh|", "", "garbage", "926=6|927=Authorization service not available|"),
    ] {
        Play::logged_on("FIX.4.4", "", "exempt=BE risk-reducing=BE").play(&format!(
            ">> client BE 2 {request}
             << check 2 renewal inbound BE 2 fresh=fresh {seen}
             >> answer 2 {verdict}
             << venue 1 2 112=<1>|
             >> venue 0 2 112=<1>|
             << client BF 2 {answer}"
        ));
    }
}

#[test]
fn a_refused_renewal_leaves_the_session_as_it_was() {
    for verdict in ["reject 6 no", "reject 401 6 no"] {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client BE 2 925=fresh| + D 3 11=a|
             << check 2 renewal inbound BE 2 fresh=fresh
             << pause
             >> answer 2 {verdict}
             << venue 1 2 112=<1>|
             << check 3 message inbound D 3 11=a|
             << resume"
        ));
        assert_eq!((play.count(Counter::Renewals), play.count(Counter::RenewalsRefused)), (0, 1));
    }
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client BE 2 925=fresh|
         << check 2 renewal inbound BE 2 fresh=fresh
         >> answer 2 no-answer
         << venue 1 2 112=<1>|
         >> client D 3 11=a|
         << check 3 message inbound D 3 11=a|
         >> answer 3 allow
         << report 4 inbound unavailable: 1 messages denied and 0 risk-reducing ones passed without an answer: \
             the decision service did not answer in time
         << venue D 3 11=a|",
    );
    assert_eq!((play.count(Counter::RenewalsRefused), play.count(Counter::ChecksFailed)), (1, 1));
}

#[test]
fn what_is_before_stays_under_the_old_token_and_what_is_behind_waits() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 11=a| + BE 3 925=fresh| + D 4 11=b| + 0 5 + BE 6 925=newer| + D 7 11=c|
         << check 2 message inbound D 2 11=a|
         << check 3 renewal inbound BE 3 fresh=fresh
         << pause
         >> answer 3 allow
         << check 4 message inbound D 4 bearer=fresh 11=b|
         << check 5 renewal inbound BE 6 bearer=fresh fresh=newer
         >> answer 5 allow
         << check 6 message inbound D 7 bearer=newer 11=c|
         << resume
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         << venue 1 3 112=<2>|
         >> answer 4 allow
         << venue D 4 11=b|
         << venue 0 5
         << venue 1 6 112=<3>|
         >> venue 0 2 112=<3>| + 0 3 112=<1>|
         << client BF 2 926=1|
         << client j 3 45=2|372=D|379=a|380=6|58=no|",
    );
}

#[test]
fn a_request_without_a_credential_goes_the_ordinary_way() {
    for request in ["923=r|924=2|553=me|", "923=r|924=4|553=me|"] {
        Play::logged_on("FIX.4.4", "", "").play(&format!(
            ">> client BE 2 {request}
             << check 2 message inbound BE 2 {request}
             >> answer 2 allow
             << venue BE 2 {request}"
        ));
    }
}

#[test]
fn where_user_request_is_off_or_unknown_it_is_a_message_like_others() {
    let off = r#""renewal":{"user_request":false}"#;
    for (version, settings) in [("FIX.4.4", off), ("FIXT.1.1", off), ("FIX.4.3", ""), ("FIX.4.2", CUSTOM)] {
        Play::logged_on(version, settings, "").play(
            ">> client BE 2 924=4|553=me|
             << check 2 message inbound BE 2 924=4|553=me|
             >> answer 2 allow
             << venue BE 2 924=4|553=me|",
        );
    }
}

#[test]
fn versions_without_user_request_have_types_of_their_own() {
    for version in ["FIX.4.0", "FIX.4.2", "FIX.4.4", "FIXT.1.1"] {
        let mut play = Play::logged_on(version, CUSTOM, "");
        play.play(
            ">> client U1 2 923=r|553=me|925=fresh| + U3 3
             << check 2 renewal inbound U1 2 fresh=fresh 923=r|553=me|
             << pause
             >> answer 2 reject 6 no
             << venue 1 2 112=<1>|
             << check 3 message inbound U3 3
             << resume
             >> venue 0 2 112=<1>|
             << client U2 2 923=r|553=me|926=6|927=no|",
        );
    }
}

#[test]
fn the_credential_may_stand_in_a_tag_of_ones_own() {
    Play::logged_on("FIX.4.4", r#""renewal":{"tags":[5000,554]}"#, "").play(
        ">> client BE 2 554=old|925=x|5000=fresh|
         << check 2 renewal inbound BE 2 fresh=fresh
         >> answer 2 allow
         << venue 1 2 112=<1>|
         # It is a secret everywhere.
         >> client D 3 5000=x|11=a|
         << report 3 inbound secret: D 3 was denied, because tag 5000 is secret in it
         << venue 1 3 112=<2>|",
    );
}

#[test]
fn a_credential_that_stands_twice_is_a_violation() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client BE 2 925=fresh|925=other|
         << report 2 inbound violation: a credential field stands twice (tag 925)
         << venue 1 2 112=<1>|
         >> venue 0 2 112=<1>|
         << client 3 2 45=2|371=925|372=BE|373=13|58=Tag appears more than once|",
    );
}

#[test]
fn a_replayed_request_becomes_a_gap_fill_and_is_not_asked_about() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client BE 2 43=Y|122=T|925=fresh| + D 3 11=a| + BE 4 43=Y|122=T|925=fresh|
         << venue 4 2 43=Y|122=T|123=Y|36=3|
         << check 2 message inbound D 3 11=a|
         >> answer 2 allow
         << venue D 3 11=a|
         << venue 4 4 43=Y|122=T|123=Y|36=5|",
    );
    assert_eq!(play.count(Counter::Renewals), 0);
}

#[test]
fn basic_credentials_renew_with_their_username() {
    let basic = r#""token":{"scheme":"basic"}"#;
    Play::new("FIX.4.4", basic).play(
        ">> client A 1 553=me|554=s3cret|
         << check 1 logon inbound A 1 bearer=Basic bWU6czNjcmV0 553=me|
         >> answer 1 allow
         << venue A 1
         >> client D 2 11=a|
         << check 2 message inbound D 2 bearer=Basic bWU6czNjcmV0 11=a|
         >> client BE 3 553=me|925=n w|
         << check 3 renewal inbound BE 3 bearer=Basic bWU6czNjcmV0 fresh=Basic bWU6bit3 553=me|
         >> answer 3 allow
         >> answer 2 allow
         << venue D 2 11=a|
         << venue 1 3 112=<1>|
         # Without one, nothing is shown that could be allowed.
         >> client BE 4 925=x|
         << check 4 renewal inbound BE 4 bearer=Basic bWU6bit3
         >> answer 4 allow
         << venue 1 4 112=<2>|
         >> venue 0 2 112=<2>|
         << client BF 2 926=6|927=Authorization service not available|",
    );
    Play::new("FIX.4.4", basic).play(
        ">> client A 1 554=s3cret|
         << check 1 logon inbound A 1 no bearer
         >> answer 1 allow
         << venue A 1",
    );
}

#[test]
fn a_renewal_may_end_the_session() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client D 2 11=a| + BE 3 925=fresh| + D 4 11=b|
         << check 2 message inbound D 2 11=a|
         << check 3 renewal inbound BE 3 fresh=fresh
         << pause
         >> answer 3 logout 6 another's token
         << check 4 message inbound D 4 11=b|
         << resume
         >> answer 2 allow
         << venue D 2 11=a|
         << venue 5 3 58=another's token|
         << tick 2000",
    );
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client BE 2 925=fresh|
         << check 2 renewal inbound BE 2 fresh=fresh
         >> answer 2 disconnect
         << close disconnected by the decision service",
    );
    assert_eq!(play.count(Counter::SessionsDisconnected), 1);
}

/// A session past its Logon that watches; the watch is Check 2.
fn watching() -> Play {
    let mut play = Play::new("FIX.4.4", "");
    play.play(&format!(
        ">> client A 1 554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN}
         >> answer 1 allow etag=\"a\" watch=50 exempt=B
         << venue A 1
         << watch 2 \"a\" 55 s"
    ));
    play
}

#[test]
fn a_renewal_starts_the_watch_anew_and_forgets_the_old_one() {
    watching().play(
        ">> client BE 2 925=fresh|
         << check 3 renewal inbound BE 2 fresh=fresh
         >> answer 3 allow etag=\"b\" watch=20 exempt=C
         << watch 4 \"b\" 25 s bearer=fresh
         << venue 1 2 112=<1>|
         >> client B 3 + C 4
         << check 5 message inbound B 3 bearer=fresh
         # The old token's end is not the session's.
         >> answer 2 logout 6 access token expired
         >> answer 5 allow
         << venue B 3
         << venue C 4
         >> after 20000
         >> answer 4 allow etag=\"b\"
         << watch 6 \"b\" 25 s bearer=fresh",
    );
    // What the answer does not say stays.
    watching().play(
        ">> client BE 2 925=fresh|
         << check 3 renewal inbound BE 2 fresh=fresh
         >> answer 3 allow
         << watch 4 \"a\" 55 s bearer=fresh
         << venue 1 2 112=<1>|
         >> client B 3
         << venue B 3",
    );
    // A refused one changes nothing.
    watching().play(
        ">> client BE 2 925=fresh|
         << check 3 renewal inbound BE 2 fresh=fresh
         >> answer 3 reject 6 no
         << venue 1 2 112=<1>|
         >> after 50000
         >> answer 2 allow etag=\"a\"
         << watch 4 \"a\" 55 s",
    );
}

#[test]
fn watches_do_not_pile_up_with_renewals() {
    let mut play = watching();
    for nth in 0..5 {
        let (seq, check) = (nth + 2, 2 * nth + 3);
        let bearer = if nth == 0 { "" } else { " bearer=fresh" };
        let last = nth == 4;
        let next =
            if last { "tick".to_owned() } else { format!("watch {} \"a\" 55 s bearer=fresh", check + 1) };
        let script = format!(
            ">> client BE {seq} 925=fresh|
             << check {check} renewal inbound BE {seq}{bearer} fresh=fresh
             >> answer {check} allow
             << {next}
             << venue 1 {seq} 112=<{}>|",
            nth + 1
        );
        if last {
            play.play_ticking(&script);
        } else {
            play.play(&script);
        }
    }
    play.play(
        ">> answer 2 no-answer
         >> after 1000
         << watch 12 \"a\" 55 s bearer=fresh",
    );
}

#[test]
fn a_renewal_in_a_doomed_session_is_its_end() {
    watching().play(
        ">> answer 2 logout 6 killed
         << tick 60000
         >> client BE 2 925=fresh|
         << venue 5 2 58=killed|
         << tick 2000",
    );
    // Ordered while the renewal is out: its message is the one, and its answer comes too late.
    watching().play(
        ">> client BE 2 925=fresh| + D 3 11=a|
         << check 3 renewal inbound BE 2 fresh=fresh
         << pause
         >> answer 2 logout 6 killed
         << tick 60000
         << venue 5 2 58=killed|
         << tick 2000
         >> answer 3 allow etag=\"b\" watch=50
         >> venue 5 2
         << client 5 2 58=killed|
         << end client
         << resume
         << tick 2000
         >> client-end
         << close session ended by the decision service",
    );
}

#[test]
fn an_unanswered_test_request_counts_among_the_pending_ones() {
    Play::logged_on("FIX.4.4", r#""limits":{"max_pending_rejects":1}"#, "").play(
        ">> client BE 2 925=fresh| + 0 3
         << check 2 renewal inbound BE 2 fresh=fresh
         << pause
         >> answer 2 allow
         << venue 1 2 112=<1>|
         << tick 300000
         >> venue 0 2 112=<1>|
         << client BF 2 926=1|
         << venue 0 3
         << resume",
    );
}
