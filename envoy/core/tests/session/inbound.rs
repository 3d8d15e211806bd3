//! Client to venue: what is allowed passes as it stands, what is denied becomes a TestRequest and comes back as a reject.

use crate::support::driver::{Driver, Effect};
use crate::support::run::framed;
use crate::support::service::Verdict;
use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::Counter;

#[test]
fn what_is_allowed_passes_byte_for_byte() {
    // The transcript holds the bytes against the message as it was written, length and sum included.
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client D 0002 97=N|11=a|55=X|95=3|96=a=b|453=2|448=x|448=y|65703=CS|58= odd = text |
         << check 2 message inbound D 2 97=N|11=a|55=X|453=2|448=x|448=y|65703=CS|58= odd = text |
         >> answer 2 allow
         << venue D 0002 97=N|11=a|55=X|95=3|96=a=b|453=2|448=x|448=y|65703=CS|58= odd = text |",
    );
    assert_eq!(play.count(Counter::InboundForwarded), 1);
}

#[test]
fn bytes_that_are_no_utf_8_pass_too() {
    let mut driver = Driver::new("");
    driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", "A 1 554=s3cret|"), false);
    driver.answer(1, &Verdict::allow());
    driver.take();
    let order = framed(b"35=D\x0134=2\x0149=ALGO\x0156=VENUE\x0111=\xe9\xff\x02\x01");
    driver.receive(Direction::Inbound, &order, false);
    driver.answer(2, &Verdict::allow());
    let effects = driver.take();
    assert!(matches!(&effects[0], Effect::Asked(asked) if asked.http.raw_body == b"11=\xe9\xff\x02\x01"));
    assert_eq!(effects[1], Effect::Sent(Direction::Inbound, order));
}

#[test]
fn the_session_level_and_exempt_types_pass_unasked() {
    let mut play = Play::logged_on("FIX.4.4", "", "exempt=B,U1");
    for msg_type in ["0", "1", "2", "3", "4", "5", "B", "U1"] {
        play.play(&format!(
            ">> client {msg_type} 2 36=9|123=Y|
             << venue {msg_type} 2 36=9|123=Y|"
        ));
    }
    // 35=n is application, whatever some engines make of it, and so is a type that only looks like the session level.
    play.play(
        ">> client n 3 + 00 4 + U11 5
         << check 2 message inbound n 3
         << check 3 message inbound 00 4
         << check 4 message inbound U11 5",
    );
}

#[test]
fn a_check_carries_the_tags_that_were_wanted() {
    Play::logged_on("FIX.4.4", "", "want-tags=167,11").play(
        ">> client D 2 11=a|55=X|167=CS|95=1|96=x|167=OPT|
         << check 2 message inbound D 2 11=a|167=CS|167=OPT|",
    );
    Play::logged_on("FIX.4.4", "", "want-tags=").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2",
    );
}

#[test]
fn a_denied_message_is_rejected_in_the_place_of_the_venues_heartbeat() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client D 2 11=ord-1|167=CS|
         << check 2 message inbound D 2 11=ord-1|167=CS|
         >> answer 2 reject 6 Insufficient permissions
         << venue 1 2 112=<1>|
         # A Heartbeat of the venue's own, and one that answers the client, are not ours.
         >> venue 0 2 + 0 3 112=hello| + 0 4 112=0123456789abcdef|
         << client 0 2
         << client 0 3 112=hello|
         << client 0 4 112=0123456789abcdef|
         >> venue 0 5 369=2|112=<1>|
         << client j 5 369=2|45=2|372=D|379=ord-1|380=6|58=Insufficient permissions|
         # It converts once.
         >> venue 0 6 112=<1>|
         << client 0 6 112=<1>|
         # And the session trades on.
         >> client F 3 11=ord-2|
         << check 3 message inbound F 3 11=ord-2|
         >> answer 3 allow
         << venue F 3 11=ord-2|",
    );
    assert_eq!((play.count(Counter::InboundDenied), play.count(Counter::RejectsDelivered)), (1, 1));
}

#[test]
fn the_reject_speaks_the_version_of_the_session() {
    for (version, said) in [
        ("FIX.4.0", "3 2 45=2|58=no|"),
        ("FIX.4.1", "3 2 45=2|58=no|"),
        ("FIX.4.2", "j 2 45=2|372=D|379=x|380=0|58=no|"),
        ("FIX.4.3", "j 2 45=2|372=D|379=x|380=6|58=no|"),
        ("FIX.4.4", "j 2 45=2|372=D|379=x|380=6|58=no|"),
        ("FIXT.1.1", "j 2 45=2|372=D|379=x|380=6|58=no|"),
    ] {
        Play::logged_on(version, "", "").play(&format!(
            ">> client D 2 11=x|
             << check 2 message inbound D 2 11=x|
             >> answer 2 reject 6 no
             << venue 1 2 112=<1>|
             >> venue 0 2 112=<1>|
             << client {said}"
        ));
    }
}

#[test]
fn answers_apply_in_the_order_of_the_messages() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 11=a| + 0 3 + D 4 11=b| + D 5 11=c| + D 6 11=d|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 4 11=b|
         << check 4 message inbound D 5 11=c|
         << check 5 message inbound D 6 11=d|
         >> answer 5 allow
         >> answer 3 reject 6 no b
         >> answer 2 allow
         << venue D 2 11=a|
         << venue 0 3
         << venue 1 4 112=<1>|
         # An answer counts once, and one to a question that was never put not at all.
         >> answer 2 reject 6 again
         >> answer 99 allow
         >> answer 4 reject 6 no c
         << venue 1 5 112=<2>|
         << venue D 6 11=d|
         # The rejects come back in whatever order the venue answers.
         >> venue 0 2 112=<2>| + 8 3 37=x| + 0 4 112=<1>|
         << client j 2 45=5|372=D|379=c|380=6|58=no c|
         << client 8 3 37=x|
         << client j 4 45=4|372=D|379=b|380=6|58=no b|",
    );
}

#[test]
fn no_answer_denies_with_not_available() {
    for failure in ["no-answer", "unreachable", "garbage"] {
        let mut play = Play::logged_on("FIX.4.2", "", "");
        play.play(&format!(
            ">> client D 2 11=x|
             << check 2 message inbound D 2 11=x|
             >> answer 2 {failure}
             << venue 1 2 112=<1>|
             >> venue 0 2 112=<1>|
             << client j 2 45=2|372=D|379=x|380=4|58=Authorization service not available|"
        ));
        assert_eq!(play.count(Counter::ChecksFailed), 1);
    }
}

#[test]
fn the_risk_reducing_pass_when_no_answer_is_to_be_had() {
    let mut play = Play::logged_on("FIX.4.4", "", "risk-reducing=F,q");
    play.play(
        ">> client F 2 11=x| + q 3 11=y| + F 4 11=z|
         << check 2 message inbound F 2 11=x|
         << check 3 message inbound q 3 11=y|
         << check 4 message inbound F 4 11=z|
         >> answer 2 unreachable
         << venue F 2 11=x|
         >> answer 3 garbage
         << venue q 3 11=y|
         # But a denial is a denial.
         >> answer 4 reject 6 no
         << report 5 inbound unavailable: 0 messages denied and 2 risk-reducing ones passed without an answer: \
             the decision service's answer cannot be decoded
         << venue 1 4 112=<1>|",
    );
    assert_eq!(play.count(Counter::RiskReducingForwarded), 2);
}

#[test]
fn a_denied_replay_that_was_never_answered_is_answered_and_stays_a_replay() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 43=Y|122=T|11=a| + D 3 43=Y|122=T|11=b| + D 9 43=N|11=c|
         << check 2 message inbound D 2 replay 11=a|
         << check 3 message inbound D 3 replay 11=b|
         << check 4 message inbound D 9 11=c|
         >> answer 2 allow
         << venue D 2 43=Y|122=T|11=a|
         >> answer 3 reject 6 no
         << venue 1 3 43=Y|122=T|112=<1>|
         >> answer 4 reject 6 no
         << venue 1 9 43=N|112=<2>|",
    );
}

#[test]
fn the_substitute_keeps_number_and_time_but_no_ids_and_nothing_that_belongs_to_the_body() {
    Play::logged_on("FIXT.1.1", "", "").play(
        ">> client D 2 50=desk|57=eq|115=fund|369=1|627=1|628=hop|1128=9|97=Y|212=3|213=<a>|11=x|58=hi|93=1|89=s|
         << check 2 message inbound D 2 97=Y|11=x|58=hi|
         >> answer 2 reject 6 no
         << venue 1 2 369=1|112=<1>|",
    );
}

#[test]
fn numbers_that_begin_anew_end_what_was_pending() {
    let denied = |play: &mut Play| {
        play.play(
            ">> client D 2 11=a|
             << check 2 message inbound D 2 11=a|
             >> answer 2 reject 6 no
             << venue 1 2 112=<1>|",
        );
    };
    let mut play = Play::logged_on("FIX.4.4", "", "");
    denied(&mut play);
    play.play(
        // A GapFill of the venue changes nothing, its Reset does.
        ">> venue 4 2 123=Y|36=3| + 4 3 123=N|36=1| + 0 1 112=<1>|
         << client 4 2 123=Y|36=3|
         << client 4 3 123=N|36=1|
         << client 0 1 112=<1>|",
    );
    let mut play = Play::logged_on("FIX.4.4", "", "");
    denied(&mut play);
    play.play(
        ">> client 4 3 123=Y|36=4|
         << venue 4 3 123=Y|36=4|
         >> client 4 4 36=1|
         << venue 4 4 36=1|
         >> venue 0 2 112=<1>|
         << client 0 2 112=<1>|",
    );
}
