//! The ids of messages: the service is asked about a message of either side with another id than the Logon, of any type.

use crate::support::transcript::Play;
use fix_authz_core::stats::Counter;

const IDS: [&str; 10] = ["50", "57", "115", "116", "128", "129", "142", "143", "144", "145"];

/// A running session of the client's desk, on behalf of a fund, with the venue's desk X.
fn session(terms: &str) -> Play {
    session_with("", terms)
}

fn session_with(settings: &str, terms: &str) -> Play {
    let mut play = Play::new("FIX.4.4", settings);
    play.play(&format!(
        ">> client A 1 50=desk|57=X|115=FUND|98=0|108=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|
         >> answer 1 allow {terms}
         << venue A 1 50=desk|57=X|115=FUND|98=0|108=0|
         >> venue A 1 50=X|57=desk|128=FUND|98=0|108=0|
         << client A 1 50=X|57=desk|128=FUND|98=0|108=0|"
    ));
    play
}

#[test]
fn an_exempt_message_on_behalf_of_another_firm_is_asked_about() {
    session("exempt=B").play(
        ">> client B 2 148=hello|
         << venue B 2 148=hello|
         >> client B 3 115=FUND|148=hello|
         << venue B 3 115=FUND|148=hello|
         >> client B 4 115=OTHERFIRM|148=hello|
         << check 2 message inbound B 4 148=hello|
         >> answer 2 reject 6 no
         << venue 1 4 50=desk|57=X|115=FUND|112=<1>|
         >> client B 5 115=FUND|148=again|
         << venue B 5 115=FUND|148=again|
         >> client B 6 115=OTHERFIRM|148=again|
         << check 3 message inbound B 6 148=again|
         >> answer 3 allow
         << venue B 6 115=OTHERFIRM|148=again|",
    );
}

#[test]
fn each_id_counts_for_each_type_that_passes_unasked() {
    for tag in IDS {
        for msg_type in ["0", "1", "2", "3", "4", "5", "B"] {
            let mut play = session("exempt=B");
            play.play(&format!(
                ">> client {msg_type} 2 {tag}=other|
                 << check 2 message inbound {msg_type} 2
                 >> answer 2 allow cache-control=max-age=60
                 << venue {msg_type} 2 {tag}=other|
                 >> venue {msg_type} 2 {tag}=other|
                 << check 3 message outbound {msg_type} 2
                 >> answer 3 allow cache-control=max-age=60
                 << client {msg_type} 2 {tag}=other|"
            ));
            assert_eq!(play.count(Counter::Violations), 0);
        }
    }
}

#[test]
fn what_both_session_layers_read_is_asked_about_each_time() {
    session("").play(
        ">> client 0 2 50=other|
         << check 2 message inbound 0 2
         >> answer 2 allow cache-control=max-age=60
         << venue 0 2 50=other|
         >> client 0 3 50=other|
         << check 3 message inbound 0 3
         >> answer 3 reject 6 no
         << venue 1 3 50=desk|57=X|115=FUND|112=<1>|
         >> client 0 4 50=desk|
         << venue 0 4 50=desk|",
    );
}

#[test]
fn an_answer_about_another_type_is_kept_for_the_ids_that_it_was_about() {
    let mut play = session("exempt=B");
    play.play(
        ">> client B 2 115=OTHERFIRM|148=a|
         << check 2 message inbound B 2 148=a|
         >> answer 2 allow cache-control=max-age=60
         << venue B 2 115=OTHERFIRM|148=a|
         >> client B 3 115=OTHERFIRM|148=b|
         << tick 5000
         << venue B 3 115=OTHERFIRM|148=b|
         >> client B 4 115=OTHERFIRM|148=c| + B 5 115=THIRDFIRM|148=d|
         << venue B 4 115=OTHERFIRM|148=c|
         << check 3 message inbound B 5 148=d|",
    );
}

#[test]
fn a_session_level_message_denied_or_undecided_is_replaced_in_place() {
    for (verdict, logged) in [("reject 6 no", false), ("no-answer", true)] {
        let gap_fill = r#""outbound":{"undecided":"gap_fill"},"limits":{"outbound_hold_ms":0}"#;
        let mut play = session_with(gap_fill, "");
        play.play(&format!(
            ">> client 2 2 7=1|16=0|129=other|
             << check 2 message inbound 2 2 7=1|16=0|
             >> answer 2 {verdict}
             << venue 1 2 50=desk|57=X|115=FUND|112=<1>|
             >> venue 4 2 57=other|123=N|36=9|
             << check 3 message outbound 4 2 123=N|36=9|
             >> answer 3 {verdict}
             << client 4 2 50=X|57=desk|128=FUND|123=Y|36=3|"
        ));
        assert_eq!(play.count(Counter::ChecksFailed) > 0, logged);
    }
}

#[test]
fn a_venue_may_leave_ids_out_and_has_those_of_its_logon() {
    let mut play = Play::new("FIX.4.4", "");
    play.play(
        ">> client A 1 50=desk|98=0|108=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|108=0|
         >> answer 1 allow
         << venue A 1 50=desk|98=0|108=0|
         >> venue A 1 50=engine-1|98=0|108=0|
         << check 2 message outbound A 1 98=0|108=0|
         >> venue W 2 50=engine-1|55=X|
         << check 3 message outbound W 2 55=X|
         >> answer 2 allow
         << client A 1 50=engine-1|98=0|108=0|
         >> answer 3 allow
         << client W 2 50=engine-1|55=X|
         >> venue W 3 50=engine-1|55=Y| + 0 4 50=engine-1|57=desk| + 0 5
         << client W 3 50=engine-1|55=Y|
         << client 0 4 50=engine-1|57=desk|
         << client 0 5
         >> venue W 6 50=engine-2|55=Y|
         << check 4 message outbound W 6 55=Y|
         >> answer 4 reject 6 no
         << client 4 6 50=engine-1|123=Y|36=7|
         >> client 0 2 57=engine-1|
         << check 5 message inbound 0 2",
    );
}

#[test]
fn ids_of_a_logon_that_the_client_may_not_see_are_nobodys() {
    let mut play = session("");
    play.play(
        ">> venue A 2 50=engine-1|141=N|
         << check 2 message outbound A 2 141=N|
         >> answer 2 reject 6 no
         << client 4 2 50=X|57=desk|128=FUND|123=Y|36=3|
         >> venue W 3 50=engine-1|
         << check 3 message outbound W 3",
    );
}

#[test]
fn a_fill_that_names_another_is_asked_about_and_nothing_is_put_back() {
    let mut play = session("");
    play.play(
        ">> client D 2 11=a|
         << check 2 message inbound D 2 11=a|
         >> answer 2 reject 6 no
         << venue 1 2 50=desk|57=X|115=FUND|112=<1>|
         >> venue 0 2 112=<1>|
         << client j 2 50=X|57=desk|45=2|372=D|379=a|380=6|58=no|
         >> venue 4 2 43=Y|122=T|57=other|123=Y|36=3|
         << check 3 message outbound 4 2 replay 123=Y|36=3|
         >> answer 3 allow
         << client 4 2 43=Y|122=T|57=other|123=Y|36=3|",
    );
}

#[test]
fn an_id_that_is_refused_reaches_nobody_in_a_substitute() {
    for tag in IDS {
        let id = format!("{tag}=other|");
        session("guard-outbound=8").play(&format!(
            ">> client D 2 {id}11=a|
             << check 2 message inbound D 2 11=a|
             >> client D 3 43=Y|122=T|{id}11=b|
             << check 3 message inbound D 3 replay 11=b|
             >> client D 4 {id}58=|
             << report 4 inbound violation: a field has no value (tag 58)
             >> client D 5 {id}11=c|
             << check 5 message inbound D 5 11=c|
             >> answer 2 reject 6 no
             << venue 1 2 50=desk|57=X|115=FUND|112=<1>|
             >> answer 3 reject 6 no
             << venue 1 3 43=Y|122=T|50=desk|57=X|115=FUND|112=<2>|
             << venue 1 4 50=desk|57=X|115=FUND|112=<3>|
             >> venue 8 2 {id}58=a|
             << check 6 message outbound 8 2 58=a|
             >> answer 6 reject 6 no
             << client 4 2 50=X|57=desk|128=FUND|123=Y|36=3|
             >> answer 5 logout 6 no
             << venue 5 5 50=desk|57=X|115=FUND|58=no|
             << tick 2000
             >> venue 5 3 {id}
             << client 5 3 50=X|57=desk|128=FUND|58=no|
             << end client
             << tick 2000"
        ));
    }
}

#[test]
fn a_reject_goes_to_whom_the_message_came_from() {
    for (to, from) in [("", ""), ("115=OTHER|144=LDN|", "128=OTHER|145=LDN|"), ("115=FUND|", "128=FUND|")] {
        session("").play(&format!(
            ">> client D 2 {to}11=a|
             << check 2 message inbound D 2 11=a|
             >> answer 2 reject 6 no
             << venue 1 2 50=desk|57=X|115=FUND|112=<1>|
             >> venue 0 2 50=X|57=other|128=FUND|112=<1>|
             << client j 2 50=X|57=desk|{from}45=2|372=D|379=a|380=6|58=no|"
        ));
    }
}

#[test]
fn in_a_session_that_is_to_end_a_fill_covers_its_numbers_and_says_nothing_else() {
    Play::new("FIX.4.4", "").play(
        ">> client A 1 50=desk|57=X|115=FUND|98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> answer 1 allow etag=\"a\" watch=50
         << venue A 1 50=desk|57=X|115=FUND|98=0|
         << watch 2 \"a\" 55 s
         >> answer 2 logout 6 ended
         << tick 60000
         >> client 4 2 43=Y|122=T|115=OTHERFIRM|123=Y|36=7|58=a|
         << venue 4 2 43=Y|122=T|50=desk|57=X|115=FUND|123=Y|36=7|
         >> client 4 7 43=Y|122=T|115=OTHERFIRM|123=Y|36=7|
         << venue 4 7 43=Y|122=T|50=desk|57=X|115=FUND|123=Y|36=8|
         >> client 0 8 115=OTHERFIRM|
         << venue 5 8 50=desk|57=X|115=FUND|58=ended|
         << tick 2000",
    );
}

#[test]
fn version_and_comp_ids_of_the_venue_are_the_logons() {
    for message in [
        "35=8|34=2|49=VENUE|56=OTHER|52=T|",
        "35=0|34=2|49=OTHER|56=ALGO|52=T|",
        "35=W|34=2|49=ALGO|56=VENUE|52=T|",
        "35=5|34=2|49=venue|56=ALGO|52=T|",
    ] {
        let mut play = session("");
        play.play(&format!(
            ">> venue {message} + W 3 55=X|
             << report 2 outbound violation: BeginString, SenderCompID or TargetCompID is not the Logon's
             << close violation of the strict profile"
        ));
        assert_eq!(play.count(Counter::Violations), 1, "{message}");
    }
}
