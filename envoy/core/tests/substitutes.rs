//! No id of a message that is not the Logon's too is in what the gateway writes in the message's place.

#![allow(missing_docs)]

#[path = "support/mod.rs"]
mod support;

use fix_authz_core::tags::OPTIONAL_IDS;
use fix_authz_core::testing::raw;
use proptest::prelude::*;
use support::substitutes;

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    /// The Logon's ids are chosen by the first byte; one of their values is `desk`.
    #[test]
    fn a_substitute_has_the_ids_of_the_logon_whatever_those_of_the_message(
        choice in any::<u8>().prop_filter("a line of its own", |byte| *byte != b'\n'),
        msg_type in prop::sample::select(&["D", "8", "0", "4", "AE"][..]),
        tags in prop::sample::subsequence(&OPTIONAL_IDS[..], 0..=OPTIONAL_IDS.len()),
        values in prop::collection::vec(prop_oneof![Just("desk".to_owned()), "[ -{}~]{1,5}"], OPTIONAL_IDS.len()),
        replay in any::<bool>(),
    ) {
        let ids: String = tags.iter().zip(values).map(|(tag, value)| format!("{tag}={value}|")).collect();
        let replay = if replay { "43=Y|122=T|" } else { "" };
        let body = format!("35={msg_type}|34=7|49=A|56=B|{replay}{ids}52=T|627=1|628=HOP|11=a|");
        substitutes::rewrite(&[&[choice, b'\n'][..], &raw(&body)].concat());
    }
}
