//! How a session ends: by either side's half-close, by the decision service, in the middle of a message.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

#[test]
fn an_end_is_passed_on_once_all_before_it_is_done() {
    Play::logged_on("FIX.4.4", "", "guard-outbound=8").play(
        ">> client-last D 2 11=a| + 5 3
         << check 2 message inbound D 2 11=a|
         >> venue 8 2 37=x|
         << check 3 message outbound 8 2 37=x|
         >> venue-end
         >> answer 2 allow
         << venue D 2 11=a|
         << venue 5 3
         << end venue
         >> client-end
         >> answer 3 reject 6 no
         << client 4 2 123=Y|36=3|
         << end client
         >> venue-end",
    );
}

#[test]
fn an_end_on_a_quiet_session_is_passed_on_at_once_and_the_other_side_goes_on() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client-end
         << end venue
         >> venue 9 2
         << client 9 2
         >> venue-last 5 3
         << client 5 3
         << end client",
    );
}

#[test]
fn an_end_right_behind_the_logon_waits_for_its_answer() {
    Play::new("FIX.4.4", "").play(
        ">> client-last A 1 98=0|554=s3cret| + 5 2
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 allow
         << venue A 1 98=0|
         << venue 5 2
         << end venue",
    );
}

#[test]
fn an_end_in_the_middle_of_a_message_is_a_violation() {
    let cut = "the connection ended in the middle of a message";
    for (side, direction) in [("client", "inbound"), ("venue", "outbound")] {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> {side}-bytes 8=FIX.4.4|9=100|35=D|34=2|
             >> {side}-end
             << report 2 {direction} violation: {cut}
             << close violation of the strict profile"
        ));
        assert_eq!(play.count(Counter::Violations), 1);
    }
    Play::new("FIX.4.4", "").play(&format!(
        ">> client-bytes 8=FIX.4.4|9=100|35=A|
         >> client-end
         << report 1 inbound violation: {cut}
         << close violation of the strict profile"
    ));
}

#[test]
fn what_is_cut_off_behind_a_pipelined_logon_shows_once_the_logon_is_allowed() {
    Play::new("FIX.4.4", "").play(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> client-bytes 8=FIX.4.4|9=100|35=D|
         >> client-end
         >> answer 1 allow
         << venue A 1 98=0|
         << report 2 inbound violation: the connection ended in the middle of a message
         << close violation of the strict profile",
    );
}

#[test]
fn a_logout_takes_the_place_of_a_message_and_the_venues_answer_closes() {
    let mut play = Play::logged_on("FIX.4.4", "", "guard-outbound=8");
    play.play(
        ">> client D 2 11=a| + D 3 11=b|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         >> answer 2 logout 6 access token expired
         << venue 5 2 58=access token expired|
         << tick 2000
         # Nothing of the client's goes up any more.
         >> answer 3 allow
         >> client D 4 11=c|
         << pause
         # What the venue still had to say comes through, in order, and its Logout says why.
         >> venue 9 2 + 8 3 37=x| + 5 4 58=bye|
         << client 9 2
         << check 4 message outbound 8 3 37=x|
         >> answer 4 allow
         << client 8 3 37=x|
         << client 5 4 58=access token expired|
         << end client
         << resume
         << tick 2000
         >> client-end
         << close session ended by the decision service
         >> after 60000
         >> venue 9 5
         >> answer 4 allow",
    );
    assert_eq!(play.count(Counter::SessionsEnded), 1);
}

#[test]
fn a_logout_that_the_venue_does_not_answer_closes_in_time() {
    Play::logged_on("FIX.4.4", r#""limits":{"logout_timeout_ms":500}"#, "").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 logout 6 gone
         << venue 5 2 58=gone|
         << tick 500
         >> after 499
         >> venue 0 2
         << client 0 2
         >> after 1
         << close session ended, the venue did not answer the Logout
         >> after 60000",
    );
}

#[test]
fn a_replay_is_no_place_for_a_logout() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 43=Y|122=T|11=a| + D 3 11=b|
         << check 2 message inbound D 2 replay 11=a|
         << check 3 message inbound D 3 11=b|
         >> answer 2 logout 6 gone
         << venue 4 2 43=Y|122=T|123=Y|36=3|
         >> answer 3 logout 6 gone
         << venue 5 3 58=gone|
         << tick 2000",
    );
}

#[test]
fn nothing_happens_once_the_connection_is_gone() {
    Play::logged_on("FIX.4.4", "", "").play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> client-bytes 8=FIX
         >> gone
         >> answer 2 allow
         >> client D 3 11=b|
         >> venue 9 2
         >> after 60000
         >> gone",
    );
}

/// Bytes that nobody reads would make the close a reset, and the client might never see why it was logged out.
#[test]
fn a_client_that_goes_on_talking_is_read_until_it_has_closed_or_the_time_is_up() {
    let ended = |rest: &str| {
        let mut play = Play::logged_on("FIX.4.4", "", "");
        play.play(&format!(
            ">> client D 2 11=a|
             << check 2 message inbound D 2 11=a|
             >> answer 2 logout 6 stop
             << venue 5 2 58=stop|
             << tick 2000
             >> venue 5 2
             << client 5 2 58=stop|
             << end client
             << tick 2000
             >> client D 3 11=b|
             >> venue 0 3
             >> venue-end
             {rest}"
        ));
    };
    ended(
        ">> client 5 4
         >> client-end
         << close session ended by the decision service",
    );
    ended(
        ">> after 1999
         >> after 1
         << close session ended by the decision service",
    );
}
