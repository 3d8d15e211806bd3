//! What was decided without the service is reported, whatever the session does next.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::{Play, TOKEN, UNANSWERED_MS, long};
use fix_authz_core::command::Direction;
use fix_authz_core::failure::Failure;

const WORDS: &str = "messages denied and 0 risk-reducing ones passed without an answer";

/// A session with a watch, whose Check about an order has failed.
fn denied() -> Play {
    let mut play = Play::new("FIX.4.4", "");
    play.play(&format!(
        ">> client A 1 98=0|554={TOKEN}|
         << check 1 logon inbound A 1 bearer={TOKEN} 98=0|
         >> answer 1 allow etag=\"a\" watch=50
         << venue A 1 98=0|
         << watch 2 \"a\" 55 s
         >> client D 2
         << check 3 message inbound D 2
         >> answer 3 no-answer
         << venue 1 2 112=<1>|"
    ));
    play
}

#[test]
fn a_session_that_says_nothing_more_reports_after_a_while() {
    denied().play(&format!(
        ">> after 6999
         >> after 1
         << report 4 inbound unavailable: 1 {WORDS}: {}
         >> after 60000",
        Failure::NoAnswer
    ));
}

#[test]
fn an_answer_to_the_watch_has_it_reported_at_once() {
    denied().play(&format!(
        ">> answer 2 allow etag=\"a\"
         << report 4 inbound unavailable: 1 {WORDS}: {}
         << watch 5 \"a\" 55 s",
        Failure::NoAnswer
    ));
}

#[test]
fn a_session_that_is_gone_has_it_reported() {
    denied().play(&format!(
        ">> gone
         << report 4 inbound unavailable: 1 {WORDS}: {}",
        Failure::NoAnswer
    ));
    denied().play(&format!(
        ">> client D 0
         << report 4 inbound violation: MsgSeqNum (34) is not a positive number
         << close violation of the strict profile
         >> gone
         << report 5 inbound unavailable: 1 {WORDS}: {}",
        Failure::NoAnswer
    ));
}

/// One report a period, and the period grows: however long the outage, and however much the client sends.
#[test]
fn a_long_outage_makes_few_reports() {
    let mut driver = Driver::new("");
    let send = |driver: &mut Driver, message: &str| {
        driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", message), false);
        let effects = driver.take();
        let check = |effect: &Effect| if let Effect::Asked(asked) = effect { Some(asked.id) } else { None };
        effects.iter().find_map(check).unwrap_or_default()
    };
    let logon = send(&mut driver, &format!("A 1 98=0|554={TOKEN}|"));
    driver.answer(logon, &Verdict::allow());
    let mut reports = Vec::new();
    for seq in 2..3_602_u32 {
        let check = send(&mut driver, &format!("D {seq} 11=a|"));
        driver.answer(check, &Verdict::parse("no-answer"));
        driver.after(1_000);
        reports.extend(driver.take().into_iter().filter(|effect| matches!(effect, Effect::Reported(_))));
    }
    assert!((14..18).contains(&reports.len()), "{}", reports.len());
    let first = format!("{} messages denied", UNANSWERED_MS / 1_000);
    let reason = |effect: &Effect| match effect {
        Effect::Reported(asked) => asked.header("x-fix-reason").map(str::to_owned),
        _ => None,
    };
    assert!(reports.first().and_then(reason).is_some_and(|reason| reason.starts_with(&first)));
}
