//! What a listener takes beyond the strict profile: BodyLength (9) with leading zeros, empty values, data with separators.

use crate::support::driver::{Driver, Effect};
use crate::support::service::Verdict;
use crate::support::transcript::Play;
use fix_authz_core::command::{CheckId, Direction};
use fix_authz_core::stats::Counter;
use fix_authz_core::testing::{fix, padded, show};

const PADDED: &str = r#""framing":{"padded_body_length":true}"#;
const HEAD: &str = "49=ALGO|56=VENUE|52=T|";
const BACK: &str = "49=VENUE|56=ALGO|52=T|";

/// With seven digits, as an engine writes it that leaves room for the longest.
fn seven(body: &str) -> Vec<u8> {
    padded("FIX.4.4", body, 7 - body.len().to_string().len())
}

/// What goes on when these bytes have come and, if there was one, the Check has this answer.
fn sent(driver: &mut Driver, from: Direction, bytes: &[u8], verdict: &Verdict) -> Vec<(Direction, String)> {
    driver.receive(from, bytes, false);
    let mut effects = driver.take();
    let asked: Option<CheckId> = effects.iter().find_map(|effect| match effect {
        Effect::Asked(asked) => Some(asked.id),
        _ => None,
    });
    if let Some(id) = asked {
        driver.answer(id, verdict);
        effects.extend(driver.take());
    }
    let sent = effects.into_iter().filter_map(|effect| match effect {
        Effect::Sent(to, bytes) => Some((to, show(&bytes))),
        _ => None,
    });
    sent.collect()
}

fn logged_on() -> Driver {
    let mut driver = Driver::new(PADDED);
    let logon = seven(&format!("35=A|34=1|{HEAD}98=0|108=0|554=s3cret|"));
    let upstream = fix("FIX.4.4", &format!("35=A|34=1|{HEAD}98=0|108=0|"));
    let on_its_way = sent(&mut driver, Direction::Inbound, &logon, &Verdict::allow());
    assert_eq!(on_its_way, [(Direction::Inbound, show(&upstream))], "the token is cut, the length made anew");
    let answer = seven(&format!("35=A|34=1|{BACK}98=0|108=0|"));
    let back = sent(&mut driver, Direction::Outbound, &answer, &Verdict::allow());
    assert_eq!(back, [(Direction::Outbound, show(&answer))]);
    driver
}

#[test]
fn what_is_allowed_goes_on_as_it_came() {
    let mut driver = logged_on();
    for seq in 2..12 {
        let body = format!("35=D|34={seq}|{HEAD}11=a|55={}|", "x".repeat(seq * 20));
        for order in [seven(&body), fix("FIX.4.4", &body)] {
            let on_its_way = sent(&mut driver, Direction::Inbound, &order, &Verdict::allow());
            assert_eq!(on_its_way, [(Direction::Inbound, show(&order))]);
        }
    }
    assert_eq!(driver.count(Counter::Violations), 0);
}

#[test]
fn what_is_denied_is_answered_in_the_one_form() {
    let mut driver = logged_on();
    let order = seven(&format!("35=D|34=2|{HEAD}11=a|"));
    let on_its_way = sent(&mut driver, Direction::Inbound, &order, &Verdict::reject());
    let [(Direction::Inbound, request)] = on_its_way.as_slice() else { panic!("{on_its_way:?}") };
    let Some((_, rest)) = request.split_once("|112=") else { panic!("{request}") };
    let id = &rest[..16];
    assert_eq!(*request, show(&fix("FIX.4.4", &format!("35=1|34=2|{HEAD}112={id}|"))));
    let heartbeat = seven(&format!("35=0|34=2|{BACK}112={id}|"));
    let back = sent(&mut driver, Direction::Outbound, &heartbeat, &Verdict::allow());
    let body = format!("35=j|34=2|{BACK}45=2|372=D|379=a|380=6|58=Insufficient permissions|");
    assert_eq!(back, [(Direction::Outbound, show(&fix("FIX.4.4", &body)))]);
}

#[test]
fn a_message_that_waits_is_as_good_when_it_is_read_again() {
    let mut driver = logged_on();
    let orders: Vec<Vec<u8>> = (2..4).map(|seq| seven(&format!("35=D|34={seq}|{HEAD}11=a|"))).collect();
    driver.receive(Direction::Inbound, &orders.concat(), false);
    let asked: Vec<CheckId> = driver
        .take()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Asked(asked) => Some(asked.id),
            _ => None,
        })
        .collect();
    driver.answer(asked[1], &Verdict::reject());
    driver.answer(asked[0], &Verdict::allow());
    let on_its_way: String = driver
        .take()
        .into_iter()
        .filter_map(|effect| match effect {
            Effect::Sent(Direction::Inbound, bytes) => Some(show(&bytes)),
            _ => None,
        })
        .collect();
    let (first, second) = on_its_way.split_at(orders[0].len());
    assert_eq!(first, show(&orders[0]));
    assert!(second.contains("|35=1|34=3|"), "{second}");
}

#[test]
fn a_wrong_length_stays_a_violation_with_zeros() {
    let good = show(&seven(&format!("35=D|34=2|{HEAD}11=a|")));
    for bad in [good.replacen("9=00000", "9=000000", 1), good.replacen("9=0", "9=", 1)] {
        let mut bytes: Vec<u8> = bad.bytes().map(|byte| if byte == b'|' { 1 } else { byte }).collect();
        let next = fix("FIX.4.4", &format!("35=0|34=3|{HEAD}"));
        bytes.extend_from_slice(&next);
        let mut driver = logged_on();
        let on_its_way = sent(&mut driver, Direction::Inbound, &bytes, &Verdict::allow());
        assert_eq!(on_its_way, [(Direction::Inbound, show(&next))], "{bad}");
        assert_eq!(driver.count(Counter::Violations), 1, "{bad}");
    }
}

#[test]
fn an_empty_value_passes_under_its_setting() {
    Play::logged_on("FIX.4.4", r#""framing":{"empty_values":true}"#, "want-tags=11").play(
        ">> client D 2 11=a|55=ACME|453=1|448=|447=D|452=1|58=|
         << check 2 message inbound D 2 11=a|
         >> answer 2 allow
         << venue D 2 11=a|55=ACME|453=1|448=|447=D|452=1|58=|
         >> client 4 3 123=|36=9|
         << report 3 inbound violation: a field has no value (tag 123)
         << venue 1 3 112=<1>|",
    );
}

#[test]
fn what_stands_in_data_is_no_field_to_the_service() {
    // An order of EVIL's would be allowed as one of ACME's if the service or the cache took it for two fields.
    let mut play = Play::logged_on("FIX.4.4", r#""framing":{"separators_in_data":true}"#, "");
    play.play(
        ">> client D 2 354=11|355=x|55=ACME|y|11=a|
         << check 2 message inbound D 2 354=11|355=x\x0055=ACME\x00y|11=a|
         >> answer 2 allow cache-control=max-age=60 vary=55,355
         << venue D 2 354=11|355=x|55=ACME|y|11=a|
         >> client D 3 354=11|355=x|55=ACME|y|11=a|
         << check 3 message inbound D 3 354=11|355=x\x0055=ACME\x00y|11=a|
         >> answer 3 allow cache-control=max-age=60 vary=55,355
         << venue D 3 354=11|355=x|55=ACME|y|11=a|
         >> client D 4 354=1|355=x|55=ACME|11=a|
         << check 4 message inbound D 4 354=1|355=x|55=ACME|11=a|
         >> answer 4 reject 6 no
         << venue 1 4 112=<1>|",
    );
}

#[test]
fn the_venues_data_with_a_message_in_it_passes_exactly() {
    let inner = "<RTRF>8=FIX.4.4|9=49|35=8|34=7|49=CME|56=FIRM|37=1|17=1|10=000|</RTRF>";
    let news = format!("n 2 212={}|213={inner}|", inner.len());
    Play::logged_on("FIX.4.4", r#""framing":{"separators_in_data":true}"#, "").play(&format!(
        ">> venue {news}
         << client {news}"
    ));
}
