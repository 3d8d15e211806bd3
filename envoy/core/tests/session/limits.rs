//! Bounded memory: beyond its limits a session stops reading, and goes on when there is room.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::{Counter, Gauge};

#[test]
fn reads_pause_at_the_limit_of_checks_and_go_on_with_each_answer() {
    let mut play = Play::logged_on("FIX.4.4", r#""limits":{"max_checks_in_flight":2}"#, "");
    play.play(
        ">> client D 2 11=a| + D 3 11=b|
         << check 2 message inbound D 2 11=a|
         << check 3 message inbound D 3 11=b|
         >> client D 4 11=c| + D 5 11=d|
         << pause
         >> answer 3 allow
         << check 4 message inbound D 4 11=c|
         >> answer 2 allow
         << venue D 2 11=a|
         << venue D 3 11=b|
         << check 5 message inbound D 5 11=d|
         << resume
         >> answer 4 allow
         << venue D 4 11=c|",
    );
    assert_eq!(play.count(Counter::ReadsPaused), 1);
}

#[test]
fn reads_pause_at_the_limit_of_waiting_bytes() {
    let text = format!("58={}|", "x".repeat(1_100));
    Play::logged_on("FIX.4.4", r#""limits":{"max_queued_bytes":1024}"#, "want-tags=").play(&format!(
        ">> client D 2 {text} + D 3 + 0 4
         << check 2 message inbound D 2
         << pause
         >> answer 2 allow
         << venue D 2 {text}
         << check 3 message inbound D 3
         << resume
         >> answer 3 allow
         << venue D 3
         << venue 0 4"
    ));
}

#[test]
fn reads_pause_while_too_many_rejects_are_on_their_way() {
    Play::logged_on("FIX.4.4", r#""limits":{"max_pending_rejects":2}"#, "").play(
        ">> client D 2 + D 3 + D 4
         << check 2 message inbound D 2
         << check 3 message inbound D 3
         << check 4 message inbound D 4
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> answer 3 reject 6 no
         << venue 1 3 112=<2>|
         >> client 0 5 + D 6
         << pause
         << tick 300000
         >> answer 4 allow
         << venue D 4
         # The venue has caught up by one.
         >> venue 0 2 112=<1>|
         << client j 2 45=2|372=D|380=6|58=no|
         << venue 0 5
         << check 5 message inbound D 6
         << resume",
    );
}

#[test]
fn rejects_that_can_never_arrive_hold_up_nothing() {
    Play::logged_on("FIX.4.4", r#""limits":{"max_pending_rejects":1}"#, "").play(
        ">> client D 2
         << check 2 message inbound D 2
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> client 0 3
         << pause
         << tick 300000
         >> venue 4 2 36=1|
         << client 4 2 36=1|
         << venue 0 3
         << resume",
    );
}

#[test]
fn rejects_whose_messages_the_venue_asks_for_again_hold_up_nothing() {
    let mut play = Play::logged_on("FIX.4.4", r#""limits":{"max_pending_rejects":1}"#, "");
    play.play(
        ">> client D 3 11=b|
         << check 2 message inbound D 3 11=b|
         >> answer 2 reject 6 no
         << venue 1 3 112=<1>|
         >> client D 2 43=Y|11=a|
         << pause
         << tick 300000
         # The venue lacks 2, and has thrown 3 away.
         >> venue 2 2 7=2|16=0|
         << client 2 2 7=2|16=0|
         << check 3 message inbound D 2 replay 11=a|
         << resume
         >> answer 3 allow
         << venue D 2 43=Y|11=a|
         >> client D 3 43=Y|11=b|
         << check 4 message inbound D 3 replay 11=b|
         >> answer 4 reject 6 no
         << tick 10500
         << venue 1 3 43=Y|112=<2>|
         # Or had it set aside, and answers after all: the reject is sent once.
         >> venue 0 3 112=<1>| + 0 4 112=<2>|
         << client j 3 45=3|372=D|379=b|380=6|58=no|
         << client 0 4 112=<2>|",
    );
    assert_eq!(play.count(Counter::RejectsOverdue), 1);
}

#[test]
fn rejects_that_wait_for_too_long_hold_up_nothing() {
    let mut play =
        Play::logged_on("FIX.4.4", r#""limits":{"max_pending_rejects":1,"reject_timeout_ms":1000}"#, "");
    play.play(
        ">> client D 2
         << check 2 message inbound D 2
         >> answer 2 reject 6 no
         << venue 1 2 112=<1>|
         >> later 500
         >> client 0 3
         << pause
         << tick 1000
         >> after 499
         << tick 1000
         >> after 1
         << venue 0 3
         << resume",
    );
    assert_eq!(play.count(Counter::RejectsOverdue), 1);
}

#[test]
fn one_message_may_run_ahead_of_the_logons_answer() {
    let text = format!("58={}|", "x".repeat(170));
    Play::new("FIX.4.4", r#""limits":{"max_message_bytes":256}"#).play(&format!(
        ">> client A 1 98=0|554=s3cret|
         << check 1 logon inbound A 1 bearer=s3cret 98=0|
         >> client 0 2
         >> client 0 3 {text}
         << pause
         >> answer 1 allow
         << venue A 1 98=0|
         << venue 0 2
         << venue 0 3 {text}
         << resume"
    ));
}

#[test]
fn an_end_behind_a_full_queue_waits_for_it() {
    Play::logged_on("FIX.4.4", r#""limits":{"max_checks_in_flight":1}"#, "").play(
        ">> client-last D 2 + D 3 + 0 4
         << check 2 message inbound D 2
         << pause
         << tick 60000
         >> answer 2 allow
         << venue D 2
         << check 3 message inbound D 3
         >> answer 3 allow
         << venue D 3
         << venue 0 4
         << resume
         << tick 2000
         << end venue",
    );
}

/// Feeds a session that gets no answers until it takes no more: how many bytes that took.
fn swallowed(direction: Direction) -> usize {
    const CHUNK: usize = 4_096;
    let mut driver = Driver::new(r#""limits":{"max_checks_in_flight":64,"max_queued_bytes":16384}"#);
    driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", "A 1 554=s3cret|"), false);
    driver.answer(1, &Verdict::parse("allow guard-outbound=8"));
    let mut stream = Vec::new();
    for seq in 2..20_000 {
        let msg_type = if seq % 3 == 0 { "0" } else { "8" };
        stream.extend(long(direction, "FIX.4.4", &format!("{msg_type} {seq} 58=some text of some length|")));
    }
    let mut taken = 0;
    for chunk in stream.chunks(CHUNK) {
        let paused = driver.take().contains(&Effect::ReadsPaused);
        let takes = match direction {
            Direction::Inbound => !paused,
            Direction::Outbound => driver.takes_outbound(),
        };
        if !takes {
            return taken;
        }
        driver.receive(direction, chunk, false);
        taken += chunk.len();
    }
    panic!("all {taken} bytes were taken");
}

#[test]
fn a_session_without_answers_takes_a_bounded_number_of_bytes() {
    for direction in [Direction::Inbound, Direction::Outbound] {
        let taken = swallowed(direction);
        assert!(taken <= 16_384 + 2 * 4_096, "{taken} bytes");
    }
}

/// Whoever floods, a direction holds a full queue, what came with the bytes that filled it, and no more.
#[test]
fn what_waits_is_bounded_whoever_floods() {
    const QUEUE: u64 = 16_384;
    const READ: usize = 4_096;
    let settings = format!(r#""limits":{{"max_queued_bytes":{QUEUE},"max_message_bytes":4096}}"#);
    for (direction, msg_type) in [(Direction::Inbound, "D"), (Direction::Outbound, "8")] {
        let mut driver = Driver::new(&settings);
        driver.receive(
            Direction::Inbound,
            &long(Direction::Inbound, "FIX.4.4", "A 1 98=0|554=s3cret|"),
            false,
        );
        driver.answer(1, &Verdict::parse("allow guard-outbound=8"));
        driver.receive(Direction::Outbound, &long(Direction::Outbound, "FIX.4.4", "A 1 98=0|"), false);
        driver.take();
        let order = |seq| long(direction, "FIX.4.4", &format!("{msg_type} {seq} 58={}|", "x".repeat(1_000)));
        let flood: Vec<u8> = (2..2_000).flat_map(order).collect();
        let mut most = 0;
        let mut handed = 0;
        for read in flood.chunks(READ) {
            let paused = driver.take().contains(&Effect::ReadsPaused);
            if paused || (direction == Direction::Outbound && !driver.takes_outbound()) {
                break;
            }
            driver.receive(direction, read, false);
            handed += read.len();
            most = most.max(driver.level(Gauge::QueuedBytes));
        }
        assert!(handed < flood.len() / 50, "{direction:?}: nothing stops the sender");
        assert!((QUEUE..=QUEUE + READ as u64 + 2_048).contains(&most), "{direction:?}: {most}");
    }
}
