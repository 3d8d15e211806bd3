//! A Logon with 141=Y in a running session, from either side.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

const TIME: &str = "20261120-10:00:00.000";
const RESET: &str = "98=0|108=30|141=Y|";

#[test]
fn the_clients_passes_without_a_credential_and_begins_the_numbers_anew() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(&format!(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> client A 1 {RESET}
         << report 3 inbound reset: the client's Logon with 141=Y begins the numbers anew
         << venue A 1 {RESET}
         >> venue 0 2 112=<1>|
         << client 0 2 112=<1>|
         >> venue A 1 {RESET}
         << report 4 outbound reset: the venue's Logon with 141=Y begins the numbers anew
         << client A 1 {RESET}
         >> client D 2 11=b|
         << check 5 message inbound D 2 11=b|
         >> answer 5 reject 6 no
         << venue 1 2 112=<2>|
         >> venue 0 2 112=<2>|
         << client j 2 45=2|372=D|379=b|380=6|58=no|"
    ));
    assert_eq!(play.count(Counter::Violations), 0);
}

#[test]
fn it_waits_for_its_turn() {
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        ">> client D 2 11=a| + A 1 {RESET} + D 2 11=b|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 2 11=b|
         >> answer 3 allow
         >> answer 2 allow
         << venue D 2 11=a|
         << report 4 inbound reset: the client's Logon with 141=Y begins the numbers anew
         << venue A 1 {RESET}
         << venue D 2 11=b|"
    ));
}

#[test]
fn the_venues_is_answered_by_the_clients_which_is_no_second_logon() {
    for answer in [RESET, "98=0|108=30|"] {
        Play::logged_on("FIX.4.4", "", "").play(&format!(
            ">> venue A 1 {RESET}
             << report 2 outbound reset: the venue's Logon with 141=Y begins the numbers anew
             << client A 1 {RESET}
             >> client A 1 {answer}
             << report 3 inbound reset: the client's Logon with 141=Y begins the numbers anew
             << venue A 1 {answer}
             >> client 0 2 + A 3 98=0|108=30|
             << venue 0 2
             << report 4 inbound violation: a second Logon on a live session
             << venue 5 3 58=The session is logged on already|
             << tick 2000"
        ));
    }
}

#[test]
fn a_credential_in_it_is_a_renewal() {
    let asked = format!(
        ">> client A 1 {RESET}554=fresh|
         << check 2 renewal inbound A 1 fresh=fresh {RESET}"
    );
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        "{asked}
         >> client 0 2
         << pause
         >> answer 2 allow
         << report 3 inbound reset: the client's Logon with 141=Y begins the numbers anew
         << venue A 1 {RESET}
         << venue 0 2
         << resume
         >> client D 3 11=a|
         << check 4 message inbound D 3 bearer=fresh 11=a|"
    ));
    for refusal in ["reject 6 no", "logout 6 no"] {
        Play::logged_on("FIX.4.4", "", "").play(&format!(
            "{asked}
             >> answer 2 {refusal}
             << client 5 1 58=no|
             << end client
             << tick 2000
             >> venue 0 2
             >> client-end
             << close Logon in the session refused"
        ));
    }
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        "{asked}
         >> answer 2 no-answer
         << client 5 1 58=Authorization service not available|
         << end client
         << tick 2000"
    ));
}

#[test]
fn no_secret_goes_upstream_with_it() {
    Play::new("FIX.4.4", r#""token":{"tags":[5000]}"#).play(&format!(
        ">> client A 1 98=0|5000=token|
         << check 1 logon inbound A 1 bearer=token 98=0|
         >> answer 1 allow
         << venue A 1 98=0|
         >> client A 1 {RESET}553=me|554=pw|925=new|
         << report 2 inbound reset: the client's Logon with 141=Y begins the numbers anew
         << venue A 1 {RESET}"
    ));
}

#[test]
fn a_second_logon_without_it_ends_the_session_in_sequence() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client A 2 98=0|108=30|554=other|
         << report 2 inbound violation: a second Logon on a live session
         << venue 5 2 58=The session is logged on already|
         << tick 2000
         >> venue 5 2
         << client 5 2 58=The session is logged on already|
         << end client
         << tick 2000",
    );
}

#[test]
fn with_other_ids_than_the_first_it_never_reaches_the_venue() {
    let logout = |ids: &str| format!("35=5|34=1|{ids}|52={TIME}|");
    let cases = [
        ("50", logout("49=VENUE|56=ALGO|57=other"), ""),
        ("57", logout("49=VENUE|50=other|56=ALGO"), ""),
        ("142", "5 1 ".to_owned(), "554=t0ken|"),
        ("115", "5 1 ".to_owned(), ""),
    ];
    for (id, logout, credential) in cases {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client A 1 {id}=other|{RESET}{credential}
             << report 2 inbound violation: a Logon in the session has other ids than the first
             << client {logout}58=The Logon has other ids than the session|
             << end client
             << tick 2000"
        ));
        assert_eq!((play.count(Counter::Violations), play.count(Counter::InboundForwarded)), (1, 0));
    }
}

#[test]
fn how_often_is_bounded() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    for report in 2..11 {
        play.play(&format!(
            ">> client A 1 {RESET}
             << report {report} inbound reset: the client's Logon with 141=Y begins the numbers anew
             << venue A 1 {RESET}"
        ));
    }
    play.play(&format!(
        ">> client A 1 {RESET}
         << report 11 inbound violation: a second Logon on a live session
         << client 5 1 58=The session is logged on already|
         << end client
         << tick 2000"
    ));
}

#[test]
fn a_session_that_is_to_end_ends_with_it_out_of_the_venues_sight() {
    Play::logged_on("FIX.4.4", r#""limits":{"violations_per_minute":1}"#, "").play(&format!(
        ">> venue 8 2 58=|
         << report 2 outbound violation: a field has no value (tag 58)
         << report 3 outbound limit: session ended by `limits.violations_per_minute` (1)
         << client 4 2 123=Y|36=3|
         << tick 60000
         >> client A 1 {RESET}
         << client 5 1 58=Session ended: too many malformed messages of the venue|
         << end client
         << tick 2000"
    ));
}

#[test]
fn a_refused_answer_to_the_venues_becomes_a_logout_in_sequence() {
    let began = format!(
        ">> venue A 1 {RESET}
         << report {{}} outbound reset: the venue's Logon with 141=Y begins the numbers anew
         << client A 1 {RESET}"
    );
    let mut ordered = Play::new("FIX.4.4", "");
    ordered.play(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 allow etag=a watch=50
         << venue A 1 98=0|
         << watch 2 a 55 s
         >> venue A 1 98=0|
         << client A 1 98=0|",
    );
    ordered.play(&began.replace("{}", "3"));
    ordered.play(&format!(
        ">> answer 2 logout 6 stopped
         << tick 60000
         >> client A 1 {RESET}
         << venue 5 1 58=stopped|
         << tick 2000
         >> venue 5 2
         << client 5 2 58=stopped|
         << end client
         << tick 2000"
    ));
    let mut denied = Play::logged_on("FIX.4.4", "", "");
    denied.play(&began.replace("{}", "2"));
    denied.play(&format!(
        ">> client A 1 {RESET}554=other|
         << check 3 renewal inbound A 1 fresh=other {RESET}
         >> answer 3 reject 6 expired
         << venue 5 1 58=expired|
         << tick 2000
         >> venue 5 2
         << client 5 2 58=expired|
         << end client
         << tick 2000"
    ));
}

/// A violation of the venue's waits for what came before it, which may end the session: then the connections close once, for that.
#[test]
fn a_violation_behind_a_refused_one_closes_nothing_anew() {
    const CLOSE: &str = "<< close Logon in the session refused";
    let refused = |end: &str, first: &str, later: &str| {
        Play::logged_on("FIX.4.4", "", "").play(&format!(
            ">> client A 1 {RESET}554=other|
             << check 2 renewal inbound A 1 fresh=other {RESET}
             {end}
             >> venue 35=8|34=2|49=OTHER|56=ALGO|52=T|
             >> answer 2 reject 6 expired
             << client 5 1 58=expired|
             << end client
             {first}
             << report 3 outbound violation: BeginString, SenderCompID or TargetCompID is not the Logon's
             >> after 2000
             {later}"
        ));
    };
    refused("", "<< tick 2000", CLOSE);
    refused(">> client-end\n<< tick 60000", CLOSE, "");
}

#[test]
fn what_the_client_sends_behind_its_logon_is_answered_though_the_venues_comes_later() {
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        ">> client A 1 {RESET} + D 2 58=|
         << report 2 inbound reset: the client's Logon with 141=Y begins the numbers anew
         << venue A 1 {RESET}
         << report 3 inbound violation: a field has no value (tag 58)
         << venue 1 2 112=<1>|
         >> venue A 1 {RESET} + 0 2 112=<1>|
         << report 4 outbound reset: the venue's Logon with 141=Y begins the numbers anew
         << client A 1 {RESET}
         << client 3 2 45=2|371=58|372=D|373=4|58=Tag specified without a value|"
    ));
}
