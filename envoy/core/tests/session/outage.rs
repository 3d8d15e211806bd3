//! Failures of the service are logged once a period for all sessions of a listener, and counted by their cause.

use crate::support::driver::{Driver, Effect, listener};
use crate::support::service::Verdict;
use crate::support::transcript::{TOKEN, WARNING_MS, long};
use fix_authz_core::command::{CheckId, Direction};
use fix_authz_core::failure::Failure;
use fix_authz_core::stats::Counter;
use std::sync::Arc;

fn send(driver: &mut Driver, message: &str) -> CheckId {
    driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIX.4.4", message), false);
    let check = |effect: &Effect| if let Effect::Asked(asked) = effect { Some(asked.id) } else { None };
    driver.take().iter().find_map(check).unwrap_or_default()
}

/// Sessions of one listener, past their Logons.
fn sessions<const N: usize>() -> [Driver; N] {
    let listener = listener("");
    std::array::from_fn(|nth| {
        let mut driver = Driver::on(Arc::clone(&listener), [u8::try_from(nth).unwrap_or_default(); 32]);
        let logon = send(&mut driver, &format!("A 1 98=0|554={TOKEN}|"));
        driver.answer(logon, &Verdict::allow());
        driver.take();
        driver
    })
}

fn fail(driver: &mut Driver, seq: u64, failure: Failure) {
    let check = send(driver, &format!("D {seq} 11=a|"));
    driver.answer(check, &Verdict::Failure(failure));
}

/// The warnings, and how often a timer for the next one was set.
fn warnings(driver: &mut Driver) -> (Vec<String>, usize) {
    let effects = driver.take();
    let timers = effects.iter().filter(|effect| **effect == Effect::TickIn(WARNING_MS)).count();
    let line = |effect| match effect {
        Effect::Logged(line) if line.contains("without a decision") => Some(line),
        _ => None,
    };
    (effects.into_iter().filter_map(line).collect(), timers)
}

const FIRST: &str =
    "without a decision of the service: 1 denied; because: the decision service did not answer in time (1)";

#[test]
fn many_failures_of_many_sessions_are_one_line_a_period() {
    let [mut first, mut second] = sessions();
    fail(&mut first, 2, Failure::NoAnswer);
    assert_eq!(warnings(&mut first), (vec![FIRST.to_owned()], 0));
    let mut timers = 0;
    for seq in 3..103 {
        fail(&mut first, seq, Failure::NoAnswer);
        let (lines, set) = warnings(&mut first);
        timers += set;
        fail(&mut second, seq, Failure::Grpc(Some(14)));
        let (more, also_set) = warnings(&mut second);
        timers += also_set;
        assert_eq!([lines, more].concat(), [""; 0]);
    }
    assert_eq!(timers, 1);
    first.after(u64::from(WARNING_MS));
    let summed = "without a decision of the service in the last 11 s: 200 denied; because: the decision service did not \
                  answer in time (100), the decision service answered with gRPC status 14 (100)";
    assert_eq!(warnings(&mut first), (vec![summed.to_owned()], 0));
}

#[test]
fn the_end_of_the_session_with_the_timer_loses_nothing() {
    let [mut first, mut second] = sessions();
    fail(&mut first, 2, Failure::NoAnswer);
    warnings(&mut first);
    fail(&mut second, 2, Failure::Unreachable);
    assert_eq!(warnings(&mut second), (vec![], 1));
    second.gone();
    let (lines, _) = warnings(&mut second);
    assert_eq!(lines.len(), 1);
    fail(&mut first, 3, Failure::NoAnswer);
    assert_eq!(warnings(&mut first), (vec![], 1), "another session sets the next timer");
}

#[test]
fn each_cause_has_a_counter() {
    let [mut driver] = sessions();
    let causes = [
        (Failure::NoAnswer, Counter::CallsTimedOut),
        (Failure::HeldBack, Counter::CallsHeldBack),
        (Failure::Reset, Counter::CallsReset),
        (Failure::Unreachable, Counter::CallsUnreachable),
        (Failure::BreakerFull, Counter::CallsBreakerFull),
        (Failure::NoCluster, Counter::CallsNoCluster),
        (Failure::NotSent, Counter::CallsNotSent),
        (Failure::Http(404), Counter::CallsHttpError),
        (Failure::Grpc(Some(12)), Counter::CallsGrpcError),
        (Failure::Undecodable, Counter::CallsUnusable),
    ];
    for ((failure, counter), seq) in causes.into_iter().zip(2..) {
        fail(&mut driver, seq, failure);
        assert_eq!(driver.count(counter), 1, "{failure}");
        assert_eq!(u64::from(driver.count(Counter::ChecksFailed)), seq - 1);
    }
}
