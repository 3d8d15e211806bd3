//! The fast parser and the plain one read every message alike: random ones, and good ones that were tampered with.

#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "support/mod.rs"]
mod support;

use fix_authz_core::frame::{Frame, SOH, next_frame, next_frame_by};
use fix_authz_core::profile::Profile;
use fix_authz_core::settings::Framing;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use support::run::framed;
use support::{checks, slow_parser};

const MAX: usize = 1 << 16;
/// Fewer than some of the messages have, and more than others.
const MAX_FIELDS: usize = 20;

/// Fields that mean something to the profile, and such as nearly do.
const TELLING: [&str; 60] = [
    "34=7",
    "34=007",
    "34=0",
    "34=123456789",
    "34=1234567890",
    "34=12345678",
    "34=1234567x",
    "49=ALGO",
    "56=VENUE",
    "49=A B~!",
    "49=a-name-of-more-than-eight",
    "56=with\x7fdelete",
    "56=12345678\x02",
    "50=\u{80}",
    "43=Y",
    "43=N",
    "43=y",
    "43=YY",
    "115=X",
    "128=\t",
    "52=20261120-10:00:00.000",
    "35=D",
    "35=",
    "8=FIX.4.4",
    "9=5",
    "10=123",
    "95=3",
    "95=03",
    "95=1234567890",
    "96=a=b",
    "96=a",
    "90=1",
    "91=x",
    "93=1",
    "89=y",
    "1525=1",
    "1526=2",
    "1527=x",
    "88=3",
    "212=4",
    "213=<a/>",
    "5001=2",
    "5002=zz",
    "116=x",
    "129=\x7f",
    "144=y",
    "145=z",
    "7=1",
    "16=0",
    "36=9",
    "123=N",
    "112=id",
    "925=new",
    "1404=x",
    "58=a\0b",
    "627=1",
    "628=HOP",
    "628=HOP",
    "70001=1",
    "70002=x",
];

/// Bytes near the borders of what is a digit, a separator, printable.
const TELLING_BYTES: [u8; 18] =
    [0, SOH, 2, 0x1f, b' ', b'+', b'-', b'/', b'0', b'1', b'9', b':', b'<', b'=', b'>', b'~', 0x7f, 0xb1];

fn field() -> impl Strategy<Value = Vec<u8>> {
    let tag = prop_oneof![6 => 1_u32..1_000, 2 => 1_000_u32..100_000, 1 => 100_000_u32..2_000_000];
    let value = prop::collection::vec(prop_oneof![20 => b' '..=b'~', 1 => any::<u8>()], 0..24);
    prop_oneof![
        1 => select(&TELLING[..]).prop_map(|text| text.as_bytes().to_vec()),
        2 => (tag, value).prop_map(|(tag, value)| [format!("{tag}=").as_bytes(), &value].concat()),
    ]
}

/// A body with the header that must be there, in any order behind MsgType, and fields of all kinds.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let msg_type = select(&["D", "8", "AB", "UZZZZZZ1", "UZZZZZZ12", "", "D D"][..]);
    let header = Just(["34=12345", "49=ALGO", "56=VENUE", "52=20261120-10:00:00"]).prop_shuffle();
    (msg_type, header, 0_usize..12, prop::collection::vec(field(), 0..18)).prop_map(
        |(msg_type, header, kept, fields)| {
            let header = header.into_iter().take(kept.max(1)).map(|text| text.as_bytes().to_vec());
            let fields = std::iter::once(format!("35={msg_type}").into_bytes()).chain(header).chain(fields);
            fields.flat_map(|field| [field, vec![SOH]].concat()).collect()
        },
    )
}

#[derive(Debug, Clone)]
enum Tampering {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Cut(Index),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let byte = prop_oneof![4 => select(&TELLING_BYTES[..]), 1 => any::<u8>()].boxed();
    prop_oneof![
        (any::<Index>(), byte.clone()).prop_map(|(at, byte)| Tampering::Replace(at, byte)),
        (any::<Index>(), byte).prop_map(|(at, byte)| Tampering::Insert(at, byte)),
        any::<Index>().prop_map(Tampering::Remove),
        any::<Index>().prop_map(Tampering::Cut),
    ]
}

fn tamper(bytes: &mut Vec<u8>, all: &[Tampering]) {
    for one in all {
        match one {
            _ if bytes.is_empty() => {}
            Tampering::Replace(at, byte) => *at.get_mut(bytes) = *byte,
            Tampering::Insert(at, byte) => bytes.insert(at.index(bytes.len()), *byte),
            Tampering::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
            Tampering::Cut(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
}

fn profile() -> Profile {
    Profile::new(&[(5001, 5002), (5002, 5003), (70001, 70002), (93, 11)], &[213])
        .with_secrets(&[58, 5002, 70003])
        .with_framing(&Framing { max_tag: 600_000, ..Framing::STRICT })
}

fn assert_same(bytes: &[u8]) {
    let frame = next_frame(bytes, MAX);
    assert_eq!(frame, slow_parser::frame(bytes, MAX, &Framing::STRICT));
    let padded = Framing { padded_body_length: true, ..Framing::STRICT };
    assert_eq!(next_frame_by(bytes, MAX, &padded), slow_parser::frame(bytes, MAX, &padded));
    if let Ok(Frame::Complete { len, version, .. }) = frame {
        checks::assert_same_reading(&bytes[..len], version, &profile(), MAX_FIELDS);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_body_of_any_fields_is_read_alike(body in body(), tampering in prop::collection::vec(tampering(), 0..3)) {
        let mut body = body;
        tamper(&mut body, &tampering);
        assert_same(&framed(&body));
    }

    #[test]
    fn a_message_tampered_with_is_framed_alike(
        body in body(),
        tampering in prop::collection::vec(tampering(), 1..3),
        near_the_start in any::<bool>(),
    ) {
        let mut message = framed(&body);
        if near_the_start {
            let rest = message.split_off(message.len().min(16));
            tamper(&mut message, &tampering);
            message.extend(rest);
        } else {
            tamper(&mut message, &tampering);
        }
        assert_same(&message);
        assert_same(&framed(&message));
    }

    #[test]
    fn what_is_known_by_its_layout_is_read_as_the_one_that_it_is_like(
        body in body(),
        tampering in prop::collection::vec(tampering(), 1..4),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let message = framed(&body);
        let mut tampered = message.clone();
        tamper(&mut tampered, &tampering);
        checks::glance(&message, &tampered);
        checks::glance(&message, &checks::summed(tampered.clone()));
        checks::glance(&message, &framed(&tampered));
        checks::layouts(&bytes);
    }

    #[test]
    fn any_bytes_are_read_alike(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        assert_same(&bytes);
        assert_same(&framed(&[b"35=D\x01", &bytes[..]].concat()));
    }
}

/// Every byte in every place of a message, with the right sum and with the old.
#[test]
fn any_byte_in_any_place_is_read_alike() {
    let body = b"35=D\x0134=12345678\x0149=ALGO\x0156=A-LONGER-VENUE\x0143=N\x0195=3\x0196=a=b\x011234=x\x0110000=y\x0158=z\x01";
    for message in [framed(body), framed(b"35=0\x0134=123456789\x0149=A\x0156=B\x0195=3\x01")] {
        for place in 0..message.len() {
            for byte in 0..=u8::MAX {
                let mut bytes = message.clone();
                bytes[place] = byte;
                assert_same(&bytes);
                let summed = bytes.len() - 7;
                let sum: u32 = bytes[..summed].iter().map(|byte| u32::from(*byte)).sum();
                bytes[summed..].copy_from_slice(format!("10={:03}\x01", sum % 256).as_bytes());
                assert_same(&bytes);
            }
        }
    }
}

/// A layout takes the messages that it is for, and every byte in every place is seen to be another message or not.
#[test]
fn a_layout_knows_messages_that_differ_in_their_values_alone() {
    let body = b"35=D\x0134=12345678\x0149=ALGO\x0156=VENUE\x0152=20261120-10:00:00\x0111=ORDER-1\x0155=ACME\x0138=100\x0158=x=y\x01";
    let message = framed(body);
    let like = |from: &str, to: &str| {
        let text = String::from_utf8(body.to_vec()).unwrap().replace(from, to);
        checks::glance(&message, &framed(text.as_bytes()))
    };
    assert!(
        like("12345678", "12345679")
            && like("ORDER-1", "OTHER-2")
            && like("x=y", "=\u{7f}\u{2}")
            && like("=100", "=999")
    );
    // What decides is the same, or it is another matter.
    assert!(!like("ACME", "ACMF") && !like("ALGO", "ALGP"));
    // A number, in as many digits.
    assert!(!like("12345678", "1234567x") && !like("12345678", "00000000") && !like("12345678", "1234567"));
    assert!(!like("11=", "10=") && !like("11=", "12=") && !like("35=D", "35=F") && !like("x=y", "x\x01y"));
    assert!(!like("x=y", "x\0y") && !like("ORDER-1", "\0RDER-1"));
    let mut known = 0;
    for place in 0..message.len() {
        for byte in 0..=u8::MAX {
            let mut bytes = message.clone();
            bytes[place] = byte;
            known += usize::from(checks::glance(&message, &bytes));
            known += usize::from(checks::glance(&message, &checks::summed(bytes)));
        }
    }
    assert!(known > 5_000, "{known}");
}

/// What needs more than a glance leaves no layout.
#[test]
fn what_needs_more_than_a_glance_leaves_no_layout() {
    for more in ["43=N|", "43=Y|", "95=1|96=x|", "5001=1|5002=x|", "93=1|89=x|"] {
        let body = format!("35=D|34=7|49=A|56=B|{more}11=a|").replace('|', "\x01");
        let message = framed(body.as_bytes());
        assert!(!checks::glance(&message, &message), "{more}");
    }
    for body in [
        "35=D|34=123456789|49=A|56=B|11=a|".to_owned(),
        format!("35=D|34=7|49=A|56=B|58={}|", "x".repeat(1_024)),
    ] {
        let message = framed(body.replace('|', "\x01").as_bytes());
        assert!(!checks::glance(&message, &message), "{body}");
    }
}
