//! A client that is silent for too long is dead: its session ends.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::Counter;

/// A session whose Logons have this HeartBtInt (108), the client's and the venue's.
fn logged_on(settings: &str, client: &str, venue: &str) -> Play {
    let mut play = Play::new("FIX.4.4", settings);
    play.play_ticking(&format!(
        ">> client A 1 98=0|{client}554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|{client}
         >> answer 1 allow
         {}<< venue A 1 98=0|{client}
         >> venue A 1 98=0|{venue}
         << client A 1 98=0|{venue}",
        if settings.contains("\"silent_heartbeats\":0") || client == "108=0|" || client.is_empty() {
            ""
        } else {
            "<< tick\n"
        }
    ));
    play
}

const SILENT: &str = "<< close session ended, the client is silent";

/// Ticks as they fall due: nothing comes of each but the next one.
fn pass(play: &mut Play, times: u32, seconds: u32) {
    for _ in 0..times {
        play.play(&format!(">> later {}", seconds * 1_000));
        play.play_ticking(">> after 0\n<< tick");
    }
}

#[test]
fn a_client_may_be_silent_for_four_heartbeats() {
    let mut play = logged_on("", "108=30|", "108=30|");
    pass(&mut play, 3, 30);
    play.play(&format!(">> later 29999\n>> venue 0 2\n<< client 0 2\n>> later 1\n>> after 0\n{SILENT}"));
    assert_eq!(play.count(Counter::SessionsSilent), 1);
}

#[test]
fn whatever_the_client_sends_counts_and_nothing_of_the_venues() {
    let mut play = logged_on("", "108=30|", "108=30|");
    pass(&mut play, 3, 30);
    play.play(">> client-bytes 8\n>> later 30000");
    play.play_ticking(">> after 0\n<< tick");
    pass(&mut play, 2, 30);
    play.play(&format!(">> venue 0 2\n<< client 0 2\n>> after 30000\n{SILENT}"));
}

#[test]
fn the_number_of_heartbeats_is_a_setting() {
    let mut play = logged_on(r#""limits":{"silent_heartbeats":2}"#, "108=30|", "108=30|");
    pass(&mut play, 3, 15);
    play.play(&format!(">> after 15000\n{SILENT}"));
    let mut play = logged_on(r#""limits":{"silent_heartbeats":0}"#, "108=30|", "108=30|");
    play.play(">> after 86400000");
}

#[test]
fn a_short_interval_has_a_floor() {
    let mut play = logged_on("", "108=1|", "108=1|");
    play.play_ticking(">> after 9999\n<< tick");
    play.play(&format!(">> after 1\n{SILENT}"));
}

/// The clock has a finer grain than the ticks.
#[test]
fn a_tick_never_comes_before_the_look_that_it_is_for() {
    let mut driver = Driver::new("");
    let logon = long(Direction::Inbound, "FIX.4.4", "A 1 98=0|108=30|554=s3cret|");
    driver.receive(Direction::Inbound, &logon, false);
    driver.answer(1, &Verdict::allow());
    driver.take();
    driver.wait_micros(30_000_700);
    for _ in 0..3 {
        driver.after(0);
        let [Effect::TickIn(millis)] = driver.take()[..] else { panic!("no tick follows") };
        driver.wait(millis.into());
    }
    driver.after(0);
    assert!(driver.is_closed());
}

#[test]
fn a_client_that_owes_no_heartbeats_may_be_silent() {
    for (client, venue) in [("108=0|", "108=0|"), ("", ""), ("108=0|", "108=30|")] {
        logged_on("", client, venue).play(">> after 86400000");
    }
    logged_on("", "108=30|", "108=0|").play(">> after 86400000");
}

#[test]
fn the_longer_interval_of_both_logons_counts() {
    for (client, venue) in [("108=30|", "108=60|"), ("108=60|", "108=30|"), ("108=60|", "")] {
        let mut play = logged_on("", client, venue);
        play.play_ticking(">> after 239999\n<< tick");
        play.play(&format!(">> after 1\n{SILENT}"));
    }
}

#[test]
fn so_does_that_of_a_logon_in_the_session() {
    let mut driver = Driver::new("");
    let say = |driver: &mut Driver, logon: &str| {
        driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", logon), false);
        driver.answer(1, &Verdict::allow());
    };
    say(&mut driver, "A 1 98=0|108=30|554=s3cret|");
    say(&mut driver, "A 1 98=0|108=60|141=Y|");
    driver.after(239_999);
    assert!(!driver.is_closed());
    driver.after(1);
    assert!(driver.is_closed());
}

/// A venue that takes nothing and says nothing holds up the reads, and the end of a client that has left is not seen.
#[test]
fn a_client_that_is_not_read_is_silent_once_the_venue_is_silent_too() {
    let mut play = logged_on(r#""limits":{"max_checks_in_flight":1}"#, "108=30|", "108=30|");
    play.play(
        ">> client D 2 11=a| + D 3 11=b|
         << check 2 message inbound D 2 11=a|
         << pause",
    );
    pass(&mut play, 6, 30);
    play.play(&format!(">> after 30000\n{SILENT}"));
}

#[test]
fn time_in_which_the_client_is_not_read_is_no_silence() {
    let mut play = logged_on(r#""limits":{"max_checks_in_flight":1}"#, "108=30|", "108=30|");
    play.play(
        ">> client D 2 11=a| + D 3 11=b|
         << check 2 message inbound D 2 11=a|
         << pause",
    );
    for seq in 2..12 {
        pass(&mut play, 1, 30);
        play.play(&format!(">> venue 0 {seq}\n<< client 0 {seq}"));
    }
    play.play(
        ">> answer 2 allow
         << venue D 2 11=a|
         << check 3 message inbound D 3 11=b|
         << resume
         >> answer 3 allow
         << venue D 3 11=b|",
    );
    pass(&mut play, 3, 30);
    play.play(&format!(">> after 30000\n{SILENT}"));
}
