//! The first message: held, asked about, let through without its token or refused.

use crate::support::transcript::Play;
use fix_authz_core::failure::Failure;
use fix_authz_core::stats::Counter;

#[test]
fn a_logon_is_held_until_it_is_allowed_and_loses_its_token() {
    let mut play = Play::new("FIX.4.4", "");
    play.play(
        ">> connect
         << tick 10000
         >> client A 1 98=0|108=0|553=me|554=s3cret|141=Y|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|553=me|141=Y|
         >> after 9999
         >> answer 1 allow username=accepted
         << venue A 1 98=0|108=0|553=me|141=Y|
         >> after 60000
         >> venue A 1 98=0|108=0|141=Y|
         << client A 1 98=0|108=0|141=Y|",
    );
    assert_eq!((play.count(Counter::Connections), play.count(Counter::LogonsAllowed)), (1, 1));
}

#[test]
fn the_token_may_stand_in_raw_data_or_in_a_tag_of_the_venues_own() {
    let logs_on = |settings: &str, body: &str, seen: &str, left: &str| {
        Play::new("FIX.4.4", settings).play(&format!(
            ">> client A 1 98=0|{body}108=0|
             << check 1 logon inbound A 1 bearer=s3cret 98=0|{seen}108=0|
             >> answer 1 allow
             << venue A 1 98=0|{left}108=0|"
        ));
    };
    logs_on("", "95=6|96=s3cret|", "", "");
    logs_on("", "554=s3cret|95=3|96=sig|", "", "");
    logs_on(r#""token":{"strip":false}"#, "554=s3cret|", "", "554=s3cret|");
    logs_on(r#""token":{"tags":[5000]}"#, "5000=s3cret|", "", "");
    let pair = r#""token":{"tags":[5002]},"data_fields":{"pairs":[[5001,5002]]}"#;
    logs_on(pair, "5001=6|5002=s3cret|5003=x|", "5003=x|", "5003=x|");
    let bare = r#""token":{"tags":[96]},"data_fields":{"without_length":[96]}"#;
    logs_on(bare, "96=s3cret|", "", "");
    logs_on(bare, "95=6|96=s3cret|", "", "");
}

#[test]
fn no_secret_of_the_logon_goes_upstream() {
    let everywhere = "90=1|91=a|95=6|96=s3cret|925=s3cret|1401=1|1402=b|1403=1|1404=c|554=s3cret|";
    let sent = |settings: &str, body: &str, verdict: &str, left: &str| {
        let seen = if body.contains("553=me|") { "553=me|" } else { "" };
        Play::new("FIX.4.4", settings).play(&format!(
            ">> client A 1 98=0|{body}108=0|
             << check 1 logon inbound A 1 bearer=s3cret 98=0|{seen}108=0|
             >> answer 1 {verdict}
             << venue A 1 98=0|{left}108=0|"
        ));
    };
    sent("", everywhere, "allow", "");
    sent(r#""renewal":{"tags":[5001]}"#, "554=s3cret|5001=x|", "allow", "");
    // A Username is the identity's, or it is cut.
    sent("", "553=me|554=s3cret|", "allow", "");
    sent("", "553=me|554=s3cret|", "allow username=no", "");
    sent("", "553=me|554=s3cret|", "allow username=accepted", "553=me|");
    // The venue's own credentials, by setting; but never the token.
    let pass = r#""secrets":{"in_logon":"pass"},"token":{"tags":[5000]}"#;
    sent(pass, "5000=s3cret|553=me|554=pw|95=3|96=sig|", "allow", "553=me|554=pw|95=3|96=sig|");
    sent(pass, "5000=s3cret|553=me|554=s3cret|95=6|96=s3cret|925=x|", "allow", "553=me|925=x|");
    // A Logon that is signed goes on as it is.
    let signed = r#""token":{"strip":false}"#;
    sent(signed, "553=me|554=s3cret|925=x|", "allow", "553=me|554=s3cret|925=x|");
}

#[test]
fn a_logon_with_a_second_credential_is_refused_by_setting() {
    let refuse = r#""secrets":{"in_logon":"refuse"}"#;
    for more in ["925=s3cret|", "95=3|96=sig|", "1401=1|1402=x|"] {
        let mut play = Play::new("FIX.4.4", refuse);
        play.play(&format!(
            ">> client A 1 98=0|141=Y|554=s3cret|{more}
             << report 1 inbound secret: a Logon with a second credential was refused
             << client 5 1 58=Logon holds another credential|
             << end client
             << tick 2000
             >> answer 1 allow
             >> client-end
             << close logon refused"
        ));
        assert_eq!((play.count(Counter::LogonsRefused), play.count(Counter::LogonsAllowed)), (1, 0));
    }
    Play::new("FIX.4.4", refuse).play(
        ">> client A 1 98=0|553=me|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|553=me|
         >> answer 1 allow
         << venue A 1 98=0|",
    );
}

#[test]
fn the_token_goes_with_every_check_of_the_session() {
    // The transcript shows a Check's bearer wherever it is not the Logon's.
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> venue 8 2 37=x|
         << check 3 message outbound 8 2 37=x|
         >> client D 3 11=a|11=b|=|
         << report 4 inbound violation: a tag is not a number from 1 to 999999 without sign, space or leading zero",
    );
}

#[test]
fn a_logon_without_a_token_is_asked_about_without_one() {
    Play::new("FIX.4.4", "").play(
        ">> client A 1 98=0|108=0|141=Y|
         << check 1 logon inbound A 1 no bearer 98=0|108=0|141=Y|
         >> answer 1 logout 6 no access token
         << client 5 1 58=no access token|
         << end client
         << tick 2000
         >> client-end
         << close logon refused",
    );
}

#[test]
fn a_refused_logon_is_answered_with_logout_and_nothing_goes_upstream() {
    for (version, verdict, answer) in [
        ("FIX.4.2", "reject 6 status=5 no", "5 1 58=no|"),
        ("FIX.4.4", "logout 6 status=8 access token expired", "5 1 58=access token expired|"),
        ("FIXT.1.1", "logout 6 status=8 access token expired", "5 1 58=access token expired|1409=8|"),
        ("FIXT.1.1", "logout 6 no", "5 1 58=no|"),
        ("FIX.4.0", "logout 6 no", "35=5|34=1|49=VENUE|56=ALGO|52=20261120-10:00:00|58=no|"),
    ] {
        let mut play = Play::new(version, r#""refusal":{"keep_numbers":false}"#);
        play.play(&format!(
            ">> client A 9 98=0|108=0|554=s3cret| + D 10 11=a|
             << check 1 logon inbound A 9 bearer=s3cret 98=0|108=0|
             >> answer 1 {verdict}
             << client {answer}
             << end client
             << tick 2000
             >> client-end
             << close logon refused
             >> client D 11 11=b|
             >> client-end
             >> answer 1 allow
             >> after 60000"
        ));
        assert_eq!(play.count(Counter::LogonsRefused), 1);
    }
}

#[test]
fn a_refused_logon_gets_no_logout_that_would_be_counted_unless_it_begins_the_numbers_anew() {
    let refused = |seq: u32, body: &str, answer: &str| {
        Play::new("FIX.4.4", "").play(&format!(
            ">> client A {seq} 98=0|108=0|{body}554=s3cret|
             << check 1 logon inbound A {seq} bearer=s3cret 98=0|108=0|{body}
             >> answer 1 logout 6 access token expired{answer}
             << end client
             << tick 2000
             >> client-end
             << close logon refused"
        ));
    };
    refused(9, "", "");
    refused(9, "141=N|", "");
    // An engine that awaits 1 counts the Logout, and then awaits 2, where the venue will begin with 1.
    refused(1, "", "");
    refused(1, "789=1|", "");
    refused(1, "141=Y|", "\n<< client 5 1 58=access token expired|");
    refused(9, "141=Y|", "\n<< client 5 1 58=access token expired|");
}

#[test]
fn a_logon_that_cannot_be_decided_is_refused() {
    let failures = [
        ("no-answer", Failure::NoAnswer),
        ("unreachable", Failure::Unreachable),
        ("garbage", Failure::Undecodable),
    ];
    for (failure, why) in failures {
        let mut play = Play::new("FIX.4.4", "");
        play.play(&format!(
            ">> client A 1 98=0|108=0|141=Y|554=s3cret|
             << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|141=Y|
             >> answer 1 {failure}
             << report 2 inbound unavailable: 1 messages denied and 0 risk-reducing ones passed without an answer: {why}
             << client 5 1 58=Authorization service not available|
             << end client
             << tick 2000
             >> client-end
             << close logon refused"
        ));
        assert_eq!(play.count(Counter::ChecksFailed), 1);
    }
}

#[test]
fn what_is_pipelined_behind_the_logon_waits_for_it() {
    Play::new("FIX.4.4", "").play(
        ">> client A 1 98=0|108=0|554=s3cret| + 1 2 112=hello| + D 3 11=a|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|
         >> client 0 4 + F 5 11=b|
         >> answer 1 allow
         << venue A 1 98=0|108=0|
         << venue 1 2 112=hello|
         << check 2 message inbound D 3 11=a|
         << check 3 message inbound F 5 11=b|
         >> answer 2 allow
         << venue D 3 11=a|
         << venue 0 4
         >> answer 3 allow
         << venue F 5 11=b|",
    );
}

#[test]
fn a_reject_survives_the_answer_to_the_logon_that_it_overtook() {
    // The venue's Logon with 141=Y begins the numbers that the pipelined order already counts by.
    Play::new("FIX.4.4", "").play(
        ">> client A 1 98=0|108=0|141=Y|554=s3cret| + D 2 11=a|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|141=Y|
         >> answer 1 allow
         << venue A 1 98=0|108=0|141=Y|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> venue A 1 98=0|108=0|141=Y| + 0 2 112=<1>|
         << client A 1 98=0|108=0|141=Y|
         << client j 2 45=2|372=D|379=a|380=6|58=no|",
    );
}

#[test]
fn a_client_that_leaves_without_a_logon_is_let_go() {
    Play::new("FIX.4.4", "").play(
        ">> client-end
         << close the client left without a Logon",
    );
}

#[test]
fn a_logon_that_takes_too_long_is_given_up() {
    let report = "report 1 inbound violation: no Logon was authorized in time";
    Play::new("FIX.4.4", "").play(&format!(
        ">> after 9999
         >> client-bytes 8=FIX.4.4|9=
         >> after 1
         << {report}
         << close violation of the strict profile
         >> client D 1"
    ));
    Play::new("FIX.4.4", r#""limits":{"logon_timeout_ms":50}"#).play(
        ">> connect
         << tick 50
         >> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> after 50
         << report 2 inbound violation: no Logon was authorized in time
         << close violation of the strict profile
         >> answer 1 allow",
    );
}

#[test]
fn a_logon_may_be_cut_off_without_a_word() {
    let mut play = Play::new("FIXT.1.1", "");
    play.play(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 disconnect
         << close logon refused
         >> client 0 2",
    );
    assert_eq!((play.count(Counter::LogonsRefused), play.count(Counter::SessionsDisconnected)), (1, 0));
}
