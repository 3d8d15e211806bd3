//! How the decision service ends a session.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

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
