//! What went on without a Check is accounted for, exactly, at intervals and at the end.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::{Play, long};
use fix_authz_core::command::{Direction, Fact};
use fix_authz_core::session_name::SessionName;

const KEPT: &str = "allow cache-control=max-age=600 scope=order:create:equity";

/// A session with one kept decision about D; the next Check is number 3.
fn warm(settings: &str) -> Play {
    let mut play = Play::logged_on("FIX.4.4", settings, "guard-outbound=8");
    play.play(&format!(
        ">> client D 2
         << check 2 message inbound D 2
         >> answer 2 {KEPT}
         << venue D 2"
    ));
    play
}

#[test]
fn numbers_are_told_at_intervals_only_when_they_changed() {
    warm("").play(
        ">> after 60000
         >> client D 3 + D 4
         << tick 5000
         << venue D 3
         << venue D 4
         >> after 4999
         >> client D 5
         << venue D 5
         >> after 1
         << account inbound:D:order:create:equity=3
         >> after 60000
         >> client D 6
         << tick 5000
         << venue D 6
         >> after 5000
         << account inbound:D:order:create:equity=4",
    );
}

#[test]
fn the_last_numbers_are_told_at_the_end_whoever_makes_it() {
    let passed = ">> client D 3
         << tick 5000
         << venue D 3";
    warm("").play(&format!(
        "{passed}
         >> gone
         << account inbound:D:order:create:equity=1
         >> gone"
    ));
    warm("").play(&format!(
        "{passed}
         >> client D 0
         << report 3 inbound violation: MsgSeqNum (34) is not a positive number
         << account inbound:D:order:create:equity=1
         << close violation of the strict profile
         >> gone"
    ));
    warm("").play(
        ">> gone
         >> after 5000",
    );
}

#[test]
fn directions_types_and_scopes_are_apart() {
    warm(r#""accounting":{"interval_ms":100}"#).play(
        ">> client G 3
         << check 3 message inbound G 3
         >> answer 3 allow cache-control=max-age=600
         << venue G 3
         >> venue 8 2
         << check 4 message outbound 8 2
         >> answer 4 allow cache-control=max-age=600 scope=trade:view:own
         << client 8 2
         >> client D 4 + G 5 + G 6
         << tick 100
         << venue D 4
         << venue G 5
         << venue G 6
         >> venue 8 3
         << client 8 3
         >> after 100
         << account inbound:D:order:create:equity=1 inbound:G:-=2 outbound:8:trade:view:own=1
         >> venue 8 4
         << tick 100
         << client 8 4
         >> after 100
         << account outbound:8:trade:view:own=2",
    );
}

#[test]
fn what_never_goes_on_is_not_counted() {
    warm("").play(
        ">> client G 3 + D 4
         << check 3 message inbound G 3
         >> answer 3 logout 6 no
         << venue 5 3 58=no|
         << tick 2000
         >> gone",
    );
}

#[test]
fn the_first_account_says_whose_it_is() {
    let mut driver = Driver::new("");
    driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIXT.1.1", "A 1 554=s3cret|"), false);
    driver.answer(1, &Verdict::allow());
    driver.receive(Direction::Inbound, &long(Direction::Inbound, "FIXT.1.1", "D 2 "), false);
    driver.answer(2, &Verdict::parse(KEPT));
    for seq in 3..5 {
        driver.receive(
            Direction::Inbound,
            &long(Direction::Inbound, "FIXT.1.1", &format!("D {seq} ")),
            false,
        );
        driver.after(5_000);
    }
    let effects = driver.take();
    let session = effects.iter().find_map(|effect| match effect {
        Effect::Asked(asked) => asked.header("x-fix-session"),
        _ => None,
    });
    let accounts: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Accounted(facts) => Some(facts.as_slice()),
            _ => None,
        })
        .collect();
    let name = |value: &str| Fact::Name(value.to_owned());
    let session = SessionName::new(session.unwrap_or_default().to_owned());
    let expected = [
        ("session", Fact::Proof(session.reveal().to_owned())),
        ("session", name(session.public())),
        ("begin_string", name("FIXT.1.1")),
        ("sender", name("ALGO")),
        ("target", name("VENUE")),
        ("inbound:D:order:create:equity", Fact::Count(1)),
    ];
    let [first, second] = accounts.as_slice() else { panic!("{accounts:?}") };
    assert_eq!(*first, expected.map(|(name, fact)| (name.to_owned(), fact)));
    assert_eq!(*second, [("inbound:D:order:create:equity".to_owned(), Fact::Count(2))]);
}

#[test]
fn accounting_may_be_off() {
    warm(r#""accounting":{"enabled":false}"#).play(
        ">> client D 3
         << venue D 3
         >> after 60000
         >> gone",
    );
}
