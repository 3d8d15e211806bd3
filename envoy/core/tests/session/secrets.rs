//! Secrets in messages behind the Logon: refused or cut, never passed on.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

const CUT: &str = r#""secrets":{"in_messages":"cut"}"#;

#[test]
fn a_user_request_that_nobody_answers_does_not_carry_its_token_upstream() {
    // UserRequest is no request for renewal before FIX 4.4.
    let mut play = Play::logged_on("FIX.4.2", "", "exempt=BE");
    play.play(
        ">> client BE 2 923=r|924=1|553=me|925=fresh|
         << report 2 inbound secret: BE 2 was denied, because tag 925 is secret in it
         << venue 1 2 112=<1>|
         >> venue 0 2 112=<1>|
         << client j 2 45=2|372=BE|379=r|380=0|58=Message holds a credential|",
    );
    assert_eq!((play.count(Counter::InboundDenied), play.count(Counter::Violations)), (1, 0));
    Play::logged_on("FIX.4.2", CUT, "exempt=BE").play(
        ">> client BE 2 923=r|924=1|553=me|925=fresh|
         << report 2 inbound secret: tag 925 is secret in BE 2 and was cut from it
         << venue BE 2 923=r|924=1|553=me|",
    );
}

#[test]
fn passwords_and_the_settings_own_tags_are_secret_in_every_message() {
    let own = r#""token":{"tags":[5000]},"renewal":{"tags":[5001]}"#;
    for (tag, field) in [
        (554, "554=pw|"),
        (925, "925=pw|"),
        (1402, "1401=1|1402=x|"),
        (1404, "1403=1|1404=x|"),
        (5000, "5000=s3cret|"),
        (5001, "5001=s3cret|"),
    ] {
        for msg_type in ["D", "B", "0", "5"] {
            let mut play = Play::new("FIX.4.4", own);
            play.play(&format!(
                ">> client A 1 98=0|5000=s3cret|
                 << check 1 logon inbound A 1 bearer=s3cret 98=0|
                 >> answer 1 allow exempt=B
                 << venue A 1 98=0|
                 >> client {msg_type} 2 11=a|{field}58=x|
                 << report 2 inbound secret: {msg_type} 2 was denied, because tag {tag} is secret in it
                 << venue 1 2 112=<1>|"
            ));
        }
    }
}

#[test]
fn raw_data_is_secret_where_a_credential_is_meant_to_stand() {
    let custom = r#""renewal":{"user_request":false,"custom":{"request":"U1","response":"U2"}}"#;
    let session = || Play::logged_on("FIX.4.4", custom, "exempt=B,BE,U1");
    // Content of a News.
    session().play(
        ">> client B 2 148=x|95=3|96=a=b|90=1|91=c|
         << venue B 2 148=x|95=3|96=a=b|90=1|91=c|",
    );
    session().play(
        ">> client BE 2 923=r|95=3|96=a=b|
         << report 2 inbound secret: BE 2 was denied, because tag 96 is secret in it
         << venue 1 2 112=<1>|",
    );
    session().play(
        ">> client U1 2 923=r|90=1|91=c|
         << report 2 inbound secret: U1 2 was denied, because tag 91 is secret in it
         << venue 1 2 112=<1>|",
    );
}

#[test]
fn what_is_cut_is_cut_before_anybody_decides() {
    let mut play = Play::logged_on("FIX.4.4", CUT, "exempt=B");
    play.play(
        ">> client D 2 11=a|554=pw|1401=1|1402=x|167=CS|
         << report 2 inbound secret: tag 554 is secret in D 2 and was cut from it
         << check 3 message inbound D 2 11=a|167=CS|
         >> answer 3 allow
         << venue D 2 11=a|167=CS|
         >> client B 3 554=pw|148=x| + B 4 148=x| + D 5 554=pw|
         << report 4 inbound secret: tag 554 is secret in B 3 and was cut from it
         << venue B 3 148=x|
         << venue B 4 148=x|
         << report 5 inbound secret: tag 554 is secret in D 5 and was cut from it
         << check 6 message inbound D 5
         >> answer 6 reject 6 no
         << venue 1 5 112=<1>|",
    );
    assert_eq!(play.count(Counter::InboundForwarded), 3);
}

#[test]
fn a_message_like_one_that_was_cut_is_cut_too() {
    let mut play = Play::logged_on("FIX.4.4", CUT, "exempt=B");
    for seq in 2..40 {
        let report = seq;
        play.play(&format!(
            ">> client B {seq} 554=pw{}|148=x|
             << report {report} inbound secret: tag 554 is secret in B {seq} and was cut from it
             << venue B {seq} 148=x|",
            seq % 10
        ));
    }
}

#[test]
fn a_refused_replay_is_answered_and_order_is_kept() {
    Play::logged_on("FIX.4.4", "", "exempt=B").play(
        ">> client B 2 43=Y|122=T|554=pw|
         << report 2 inbound secret: B 2 was denied, because tag 554 is secret in it
         << venue 1 2 43=Y|122=T|112=<1>|
         >> client D 3 11=a| + B 4 554=pw|
         << check 3 message inbound D 3 11=a|
         << report 4 inbound secret: B 4 was denied, because tag 554 is secret in it
         >> answer 3 allow
         << venue D 3 11=a|
         << venue 1 4 112=<2>|",
    );
}

#[test]
fn secrets_of_the_venues_own_are_its_own() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> venue B 2 554=pw|
         << client B 2 554=pw|",
    );
}
