//! The client or the venue ends its bytes (FIN): nothing of before is lost, the other side is told, and both close in time.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

const OUTBOUND: &str = "guard-outbound=8";

#[test]
fn the_venues_end_closes_the_clients_side_in_time_whatever_the_client_does() {
    let mut play = Play::logged_on("FIX.4.4", r#""limits":{"logout_timeout_ms":500}"#, "");
    play.play(
        ">> venue-end
         << end client
         << tick 500
         # A venue that has only half-closed still hears the client.
         >> client 0 2
         << venue 0 2
         >> after 499
         >> after 1
         << end venue
         << tick 500
         >> client 0 3
         >> after 500
         << close the venue has ended",
    );
}

#[test]
fn the_clients_end_closes_the_venues_side_in_time() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client-end
         << tick 2000
         << end venue
         >> venue 9 2
         << client 9 2
         >> after 2000
         << end client
         << tick 2000
         >> venue 9 3
         >> after 2000
         << close the client has ended",
    );
}

#[test]
fn the_other_sides_end_in_time_is_the_end_of_both() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client-end
         << tick 2000
         << end venue
         >> venue-last 5 2
         << client 5 2
         << end client
         >> gone
         >> after 60000",
    );
    Play::logged_on("FIX.4.4", "", "").play(
        ">> venue-last 5 2
         << client 5 2
         << end client
         << tick 2000
         >> client-last 5 2
         << venue 5 2
         << end venue
         >> gone
         >> after 60000",
    );
}

#[test]
fn what_came_before_an_end_is_decided_and_delivered_first() {
    Play::logged_on("FIX.4.4", "", OUTBOUND).play(
        ">> client-last D 2 11=a| + 0 3
         << check 2 message inbound D 2 11=a|
         << tick 60000
         >> after 2000
         >> answer 2 allow
         << venue D 2 11=a|
         << venue 0 3
         << tick 2000
         << end venue
         >> venue-last 8 2 37=x| + 5 3
         << check 3 message outbound 8 2 37=x|
         >> after 1999
         >> answer 3 allow
         << client 8 2 37=x|
         << client 5 3
         << end client",
    );
}

/// A venue that has closed answers what comes up with a reset, and Envoy closes the client's side for that.
#[test]
fn nothing_goes_up_while_the_venues_last_words_wait() {
    Play::logged_on("FIX.4.4", "", OUTBOUND).play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> venue-last 8 2 37=x|
         << check 3 message outbound 8 2 37=x|
         << tick 60000
         >> answer 2 allow
         >> client 0 3
         << pause
         >> answer 3 reject 6 no
         << client 4 2 123=Y|36=3|
         << end client
         << tick 2000
         << venue D 2 11=a|
         << venue 0 3
         << resume",
    );
}

#[test]
fn both_ends_at_once_are_told_once_all_is_delivered() {
    Play::logged_on("FIX.4.4", "", OUTBOUND).play(
        ">> client-last D 2 11=a| + 5 3
         << check 2 message inbound D 2 11=a|
         << tick 60000
         >> venue 8 2 37=x|
         << check 3 message outbound 8 2 37=x|
         >> venue-end
         >> answer 2 allow
         >> client-end
         >> answer 3 reject 6 no
         << client 4 2 123=Y|36=3|
         << end client
         << tick 2000
         << venue D 2 11=a|
         << venue 5 3
         << end venue
         >> venue-end",
    );
    // The client's end does not reach the venue before the venue's last words have reached the client.
    Play::logged_on("FIX.4.4", "", OUTBOUND).play(
        ">> venue-last 8 2 37=x|
         << check 2 message outbound 8 2 37=x|
         << tick 60000
         >> client-end
         << tick 2000
         >> answer 2 allow
         << client 8 2 37=x|
         << end client
         << end venue",
    );
}

/// Once the other side's time is up, what was taken in is decided, and nothing more is taken in.
#[test]
fn what_waits_when_the_time_is_up_is_decided_and_then_both_close() {
    Play::logged_on("FIX.4.4", "", OUTBOUND).play(
        ">> client-end
         << tick 2000
         << end venue
         >> venue 8 2 37=x|
         << check 2 message outbound 8 2 37=x|
         >> after 2000
         >> venue 9 3
         >> answer 2 allow
         << client 8 2 37=x|
         << end client
         << tick 2000",
    );
}

/// A message that waits in the session when the time is up is no more taken in than one that TCP still holds, even if the same
/// tick makes room for it.
#[test]
fn what_is_not_taken_in_when_the_time_is_up_stays_out() {
    let limits = r#""limits":{"logout_timeout_ms":1000,"max_pending_rejects":1,"reject_timeout_ms":1000}"#;
    Play::logged_on("FIX.4.4", limits, "").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> client D 3 11=b|
         << pause
         << tick 1000
         >> venue-end
         << end client
         << tick 1000
         >> after 1000
         << end venue
         << resume
         << tick 1000",
    );
}

#[test]
fn what_is_never_decided_is_not_waited_for() {
    Play::logged_on("FIX.4.4", r#""limits":{"end_timeout_ms":9000}"#, "").play(
        ">> client-last D 2 11=a|
         << check 2 message inbound D 2 11=a|
         << tick 9000
         >> after 8999
         >> after 1
         << end venue
         << end client
         << tick 2000
         >> answer 2 allow
         >> after 2000
         << close the client has ended",
    );
}

#[test]
fn a_client_that_has_only_half_closed_gets_its_rejects() {
    let mut play = Play::logged_on("FIX.4.4", "", "");
    play.play(
        ">> client-last D 2 11=a|
         << check 2 message inbound D 2 11=a|
         << tick 60000
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         << tick 2000
         # A venue that heard of the end might close, and not answer.
         >> venue 0 2 112=<1>|
         << client j 2 45=2|372=D|379=a|380=6|58=no|
         << end venue
         >> venue-end
         << end client",
    );
    assert_eq!(play.count(Counter::RejectsDelivered), 1);
}

#[test]
fn a_venue_that_answers_no_test_request_is_told_the_end_all_the_same() {
    let denied = ">> client-last D 2 11=a|
         << check 2 message inbound D 2 11=a|
         << tick 60000
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         << tick 2000";
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        "{denied}
         >> after 2000
         << end venue
         << end client
         << tick 2000"
    ));
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        "{denied}
         >> venue-end
         << end client
         << end venue"
    ));
}

#[test]
fn an_end_right_behind_the_logon_waits_for_its_answer() {
    Play::new("FIX.4.4", "").play(
        ">> client-last A 1 98=0|554=s3cret| + 5 2
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 allow
         << venue A 1 98=0|
         << venue 5 2
         << tick 2000
         << end venue",
    );
    Play::new("FIX.4.4", "").play(
        ">> client-last A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 logout 6 no
         << end client
         << close logon refused",
    );
}

#[test]
fn a_message_that_an_end_cut_off_is_ignored() {
    let cut = "8=FIX.4.4|9=100|35=D|34=2|";
    let sides = [("client", "<< tick 2000\n<< end venue"), ("venue", "<< end client\n<< tick 2000")];
    for (side, told) in sides {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(">> {side}-bytes {cut}\n>> {side}-end\n{told}"));
        assert_eq!(play.count(Counter::Violations), 0);
    }
    Play::new("FIX.4.4", "").play(
        ">> client-bytes 8=FIX.4.4|9=100|35=A|
         >> client-end
         << close the client left without a Logon",
    );
    Play::new("FIX.4.4", "").play(&format!(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> client-bytes {cut}
         >> client-end
         >> answer 1 allow
         << venue A 1 98=0|
         << tick 2000
         << end venue"
    ));
}

/// The gateway's Logout is on its way to the venue.
const ENDING: &str = ">> client D 2 11=a|
    << check 2 message inbound D 2 11=a|
    >> answer 2 logout 6 killed
    << venue 5 2 58=killed|
    << tick 2000";

#[test]
fn a_client_that_ends_while_its_logout_is_on_the_way_still_gets_the_venues_answer() {
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        "{ENDING}
         >> client-end
         >> venue 9 2 + 5 3
         << client 9 2
         << client 5 3 58=killed|
         << end client
         << close session ended by the decision service"
    ));
}

#[test]
fn a_venue_that_ends_instead_of_answering_the_logout_ends_the_session() {
    Play::logged_on("FIX.4.4", "", "").play(&format!(
        "{ENDING}
         >> venue-last 9 2
         << client 9 2
         << end client
         << tick 2000
         >> client-end
         << close session ended by the decision service"
    ));
}

#[test]
fn a_logout_for_what_waited_for_the_venues_end_is_not_waited_for() {
    let mut play = Play::logged_on("FIX.4.4", "", OUTBOUND);
    play.play(
        ">> venue 8 2
         << check 2 message outbound 8 2
         >> venue-end
         << tick 60000
         >> client A 2 98=0|
         << pause
         >> answer 2 allow
         << client 8 2
         << end client
         << tick 2000
         << report 3 inbound violation: a second Logon on a live session
         << venue 5 2 58=The session is logged on already|
         << tick 2000
         << resume
         << tick 2000
         >> client-end
         << close session ended by a second Logon",
    );
}

#[test]
fn a_message_that_waits_for_a_limit_when_its_client_ends_is_still_decided() {
    let limits = r#""limits":{"denied_or_replayed_per_s":1,"denied_or_replayed_at_once":1}"#;
    let mut play = Play::logged_on("FIX.4.4", limits, "");
    // A long message counts more, so the next one waits for longer than a side has to end.
    play.event_of(&format!("client D 2 11=a|58={}|", "x".repeat(1_500)));
    play.event_of("answer 2 reject 6 no");
    play.event_of("client-last D 3 11=b|");
    play.event_of("venue-end");
    for _ in 0..100 {
        play.event_of("after 100");
    }
    assert_eq!(play.count(Counter::Checks), 3, "the Logon and both orders");
}
