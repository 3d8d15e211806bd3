//! Two strict session layers with the core between them: whatever is denied, no number is missing and none is used twice.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

#[path = "model/consistency.rs"]
mod consistency;
#[path = "model/engine.rs"]
mod engine;
#[path = "model/mishap.rs"]
mod mishap;
#[path = "model/services.rs"]
mod services;
#[path = "support/mod.rs"]
mod support;
#[path = "model/world.rs"]
mod world;

use fix_authz_core::command::Direction;
use fix_authz_core::session::Departure;
use mishap::Garbled;
use proptest::prelude::*;
use world::{Limits, Step, Undecided, Watched, World};

fn step() -> impl Strategy<Value = Step> {
    let side = || prop_oneof![Just(Direction::Inbound), Just(Direction::Outbound)];
    let denied = prop::bool::weighted(0.35);
    prop_oneof![
        20 => (side(), any::<bool>(), denied).prop_map(|(from, asked, denied)| Step::Trade { from, asked, denied }),
        2 => side().prop_map(Step::Test),
        2 => (side(), 0_usize..3, 0_usize..16)
            .prop_map(|(from, msg_type, body)| Step::Misspeak { from, msg_type, body }),
        1 => (side(), any::<bool>(), prop::bool::weighted(0.35), prop::sample::select(Garbled::ALL.to_vec()))
            .prop_map(|(from, asked, denied, garbled)| Step::Garble { from, asked, denied, garbled }),
        3 => (side(), any::<bool>()).prop_map(|(from, with_token)| Step::BeginAnew { from, with_token }),
        2 => side().prop_map(Step::Beat),
        2 => Just(Step::Renew),
        2 => prop_oneof![6 => Just(Watched::Change), 2 => Just(Watched::Kill), 1 => Just(Watched::Disconnect)]
            .prop_map(Step::Watched),
        3 => (side(), 0_u64..12, 0_u64..6).prop_map(|(from, back, count)| Step::AskAgain { from, back, count }),
        20 => (side(), 1_usize..300).prop_map(|(from, bytes)| Step::Carry { from, bytes }),
        20 => (side(), 1_usize..5).prop_map(|(to, messages)| Step::Deliver { to, messages }),
        24 => (0_usize..8).prop_map(Step::Answer),
        2 => (0_usize..8).prop_map(Step::Fail),
        1 => (0_usize..8).prop_map(Step::Expire),
        3 => (0_u64..20_000).prop_map(Step::Wait),
        2 => (0_u64..3_000).prop_map(Step::Tick),
        1 => prop_oneof![Just(Departure::Drain), Just(Departure::Stop)].prop_map(Step::Drain),
        1 => Just(Step::Break),
        1 => (side(), any::<bool>()).prop_map(|(from, stays)| Step::Finish { from, stays }),
        3 => any::<bool>().prop_map(Step::Connect),
    ]
}

/// Limits of messages, and of denials where the session may end by itself.
fn limits(may_end: bool) -> impl Strategy<Value = Limits> {
    let or_none = |most: u32| prop_oneof![Just(0), 1..most];
    let denials = if may_end { or_none(6).boxed() } else { Just(0).boxed() };
    let denied = prop_oneof![Just(0), 5..50_u32];
    (or_none(6), or_none(30), denials, or_none(6), denied).prop_map(
        |(messages_per_s, messages_per_day, denials_per_minute, in_flight, denied_per_s)| Limits {
            messages_per_s,
            messages_per_day,
            denials_per_minute,
            in_flight,
            denied_per_s,
        },
    )
}

/// The number that a session begins with, up to the highest ones.
fn first() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => Just(1),
        1 => Just(999_999_990),
        1 => Just((1 << 32) - 10),
        1 => Just(i64::MAX as u64 - 5_000),
    ]
}

/// What follows for reports that were held for so many milliseconds.
fn undecided() -> impl Strategy<Value = Undecided> {
    let hold_ms = || prop_oneof![1 => Just(0), 3 => Just(1_000), 3 => Just(10_000)];
    prop_oneof![3 => hold_ms().prop_map(Undecided::End), 1 => hold_ms().prop_map(Undecided::GapFill)]
}

fn change() -> impl Strategy<Value = services::Change> {
    prop_oneof![
        3 => (0_usize..6).prop_map(services::Change::Policy),
        2 => any::<bool>().prop_map(services::Change::Restricted),
    ]
}

fn service_step() -> impl Strategy<Value = consistency::Step> {
    use consistency::Step;
    let side = || prop_oneof![3 => Just(Direction::Inbound), 2 => Just(Direction::Outbound)];
    prop_oneof![
        30 => (side(), 0_usize..3, prop::bool::weighted(0.4), prop::bool::weighted(0.4))
            .prop_map(|(from, msg_type, bad, future)| Step::Send { from, msg_type, bad, future }),
        1 => Just(Step::Renew),
        24 => (0_usize..8).prop_map(Step::Evaluate),
        24 => (0_usize..8).prop_map(Step::Answer),
        4 => change().prop_map(Step::Change),
        8 => (0_usize..2, any::<bool>()).prop_map(|(service, store)| Step::Apply { service, store }),
        1 => (0_usize..2).prop_map(Step::Stop),
        2 => (0_usize..2).prop_map(Step::Start),
        4 => (0_u64..2_000).prop_map(Step::Wait),
        1 => (20_000_u64..70_000).prop_map(Step::Wait),
    ]
}

/// As many random histories as `PROPTEST_CASES` says.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(150);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn no_gap_no_number_twice_and_nothing_unapproved(
        limits in limits(true),
        undecided in undecided(),
        first in first(),
        steps in prop::collection::vec(step(), 1..250),
    ) {
        let mut world = World::new(limits, false, undecided, first);
        world.step(&Step::Connect(true));
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }

    #[test]
    fn nor_where_several_are_asked_about_at_once(
        limits in limits(true),
        undecided in undecided(),
        first in first(),
        steps in prop::collection::vec(step(), 1..250),
    ) {
        let mut world = World::new(limits, true, undecided, first);
        world.step(&Step::Connect(true));
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }

    #[test]
    fn while_the_connection_holds_every_denial_is_answered(
        limits in limits(false),
        undecided in prop_oneof![Just(Undecided::GapFill(1_000)), Just(Undecided::End(600_000))],
        first in first(),
        steps in prop::collection::vec(step(), 1..250),
        batching in any::<bool>(),
    ) {
        let mut world = World::new(limits, batching, undecided, first).answers_all();
        world.step(&Step::Connect(true));
        for step in steps.iter().filter(|step| !matches!(
            step,
            Step::Break | Step::Finish { .. } | Step::Drain(_) | Step::Expire(_) | Step::Watched(Watched::Kill | Watched::Disconnect)
        )) {
            world.step(step);
        }
        world.settle();
        world.assert_all_rejected();
    }

    #[test]
    fn what_passes_was_allowed_in_a_state_that_was_not_out_of_date(
        count in 1_usize..3,
        batch in prop::bool::weighted(0.3),
        hold_ms in prop_oneof![Just(0), Just(1_000), Just(600_000)],
        steps in prop::collection::vec(service_step(), 1..200),
    ) {
        let mut world = consistency::World::new(count, batch, hold_ms);
        for step in &steps {
            world.step(step);
        }
        world.settle();
    }
}
