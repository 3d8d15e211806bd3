//! Messages that are like such as passed by a kept decision: they go on as those did, and no longer than the decision holds.

use crate::support::transcript::{Play, long};
use fix_authz_core::command::Direction;
use fix_authz_core::stats::Counter;
use fix_authz_core::testing::show;

/// A session with a kept decision about D with 167=CS, which holds for 100 s; messages of 13 to 15 passed by it: the first
/// left a layout behind, the second a precedent, the third passed as the second had. The next Check is number 3.
fn followed(settings: &str) -> Play {
    let comma = if settings.is_empty() { "" } else { "," };
    let settings = format!(r#""accounting":{{"enabled":false}}{comma}{settings}"#);
    let mut play = Play::logged_on("FIX.4.4", &settings, "etag=\"a\" guard-outbound=8");
    play.play(
        ">> client D 12 11=a|167=CS|
         << check 2 message inbound D 12 11=a|167=CS|
         >> answer 2 allow cache-control=max-age=100 vary=167
         << venue D 12 11=a|167=CS|",
    );
    (13..=15).for_each(|seq| passes(&mut play, seq, "11=b|167=CS|"));
    play
}

fn passes(play: &mut Play, seq: u64, body: &str) {
    play.play(&format!(">> client D {seq} {body}\n<< venue D {seq} {body}"));
}

fn is_denied(play: &mut Play, seq: u64, body: &str, check: u32) {
    play.play(&format!(
        ">> client D {seq} {body}
         << check {check} message inbound D {seq} {body}
         >> answer {check} reject 6 no
         << venue 1 {seq} 112=<1>|"
    ));
}

#[test]
fn many_at_once_go_on_as_one_write() {
    let mut play = followed("");
    let messages: Vec<String> = (20..70).map(|seq| format!("D {seq} 11=c|167=CS|")).collect();
    let wanted: Vec<String> = messages.iter().map(|message| format!("<< venue {message}")).collect();
    play.play(&format!(">> client {}\n{}", messages.join(" + "), wanted.join("\n")));
    assert_eq!(play.count(Counter::CacheHits), 53);
    assert_eq!(play.count(Counter::InboundForwarded), 54);
}

#[test]
fn one_that_differs_in_what_decides_is_asked_about_in_its_place() {
    let mut play = followed("");
    play.play(
        ">> client D 16 11=c|167=CS| + D 17 11=d|167=FX| + D 18 11=e|167=CS|
         << venue D 16 11=c|167=CS|
         << check 3 message inbound D 17 11=d|167=FX|
         >> answer 3 reject 6 no
         << venue 1 17 112=<1>|
         << venue D 18 11=e|167=CS|",
    );
}

#[test]
fn it_holds_for_the_decisions_age_and_not_a_moment_longer() {
    let mut play = followed("");
    play.play(">> later 79999");
    passes(&mut play, 16, "11=c|167=CS|");
    play.play(
        ">> later 1
         >> client D 17 11=d|167=CS|
         << venue D 17 11=d|167=CS|
         << check 3 message inbound D 17 refresh 11=d|167=CS|
         >> later 19999",
    );
    passes(&mut play, 18, "11=e|167=CS|");
    play.play(">> later 1");
    is_denied(&mut play, 19, "11=f|167=CS|", 4);
}

#[test]
fn a_decision_that_is_allowed_anew_is_followed_on() {
    let mut play = followed("");
    play.play(
        ">> later 80000
         >> client D 16 11=c|167=CS|
         << venue D 16 11=c|167=CS|
         << check 3 message inbound D 16 refresh 11=c|167=CS|
         >> answer 3 allow cache-control=max-age=100 vary=167
         >> later 79999",
    );
    passes(&mut play, 17, "11=d|167=CS|");
}

#[test]
fn with_the_decision_it_ends() {
    for (verdict, kept) in [("reject 6 no", false), ("allow", false), ("no-answer", true)] {
        let mut play = followed("");
        play.play(&format!(
            ">> later 80000
             >> client D 16 11=c|167=CS|
             << venue D 16 11=c|167=CS|
             << check 3 message inbound D 16 refresh 11=c|167=CS|
             >> answer 3 {verdict}"
        ));
        if kept {
            passes(&mut play, 17, "11=d|167=CS|");
        } else {
            is_denied(&mut play, 17, "11=d|167=CS|", 4);
        }
    }
}

/// The place of a decision that had to go is another's: what followed the one does not follow the other.
#[test]
fn a_decision_in_the_place_of_one_that_went_is_another() {
    let mut play = followed(r#""cache":{"max_entries":16}"#);
    for n in 0..16 {
        let (seq, check, body) = (16 + n, 3 + n, format!("11=c|167={}|", 10 + n));
        play.play(&format!(
            ">> client D {seq} {body}
             << check {check} message inbound D {seq} {body}
             >> answer {check} allow cache-control=max-age=100 vary=167
             << venue D {seq} {body}"
        ));
    }
    assert_eq!(play.count(Counter::CacheEvictions), 1);
    is_denied(&mut play, 32, "11=d|167=CS|", 19);
    passes(&mut play, 33, "11=d|167=25|");
}

#[test]
fn another_list_of_tags_ends_it() {
    let mut play = followed("");
    play.play(
        ">> client D 16 11=c|167=FX|
         << check 3 message inbound D 16 11=c|167=FX|
         >> answer 3 allow cache-control=max-age=100 vary=11,167
         << venue D 16 11=c|167=FX|",
    );
    is_denied(&mut play, 17, "11=d|167=CS|", 4);
}

#[test]
fn what_does_not_add_up_goes_no_further() {
    let bytes = long(Direction::Inbound, "FIX.4.4", "D 16 11=c|167=CS|");
    let text = show(&bytes);
    let (message, sum) = text.split_at(text.len() - "000|".len());
    let other = if sum == "000|" { "001|" } else { "000|" };
    followed("").play(&format!(
        ">> client D 16 11=c|167=CS| + {message}{other}
         << venue D 16 11=c|167=CS|
         << report 3 inbound violation: CheckSum (10) is not exact or not three digits: ignored"
    ));
}

#[test]
fn a_limit_holds_for_it() {
    let mut play = followed(r#""limits":{"messages_per_day":5}"#);
    passes(&mut play, 16, "11=c|167=CS|");
    play.play(
        ">> client D 17 11=d|167=CS|
         << report 3 inbound limit: 1 messages denied by `limits.messages_per_day` (5)
         << venue 1 17 112=<1>|",
    );
}
