//! Each rule of the strict profile by itself.

use crate::message::Field;
use crate::profile::Profile;
use crate::settings::Framing;
use crate::tags;
use crate::testing::{fix, read, show};
use crate::violation::Violation;

const HEAD: &str = "34=7|49=ALGO|56=VENUE|52=20261120-10:00:00|";

fn verdict(body: &str) -> Result<(), Violation> {
    let profile = Profile::new(&[(5001, 5002)], &[]);
    let mut fields = Vec::new();
    read(&fix("FIX.4.4", body), &profile, 64, &mut fields).map(|_| ())
}

#[test]
fn reads_header_and_fields() {
    let bytes = fix("FIX.4.4", &format!("35=D|{HEAD}43=Y|11=a|55=X|11=b|"));
    let mut fields = Vec::new();
    let message = read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
    assert_eq!((message.seq, message.sender, message.target), (7, &b"ALGO"[..], &b"VENUE"[..]));
    assert!(message.poss_dup);
    assert_eq!(message.msg_type.to_string(), "D");
    assert_eq!(message.get(55), Some(&b"X"[..]));
    assert_eq!(message.count(11), 2);
    assert_eq!(message.fields.first().map(|f| f.tag), Some(8));
    assert_eq!(message.fields.last().map(|f| f.tag), Some(10));
    let glued: Vec<u8> = message.fields.iter().flat_map(|f| message.raw(f).to_vec()).collect();
    assert_eq!(glued, bytes);
}

#[test]
fn refuses_what_engines_read_differently() {
    for (body, violation) in [
        ("0167=CS|", Violation::Tag),
        ("65703167=CS|", Violation::Tag),
        ("+167=CS|", Violation::Tag),
        (" 167=CS|", Violation::Tag),
        ("1_67=CS|", Violation::Tag),
        ("-167=CS|", Violation::Tag),
        ("=CS|", Violation::Tag),
        ("0=CS|", Violation::Tag),
        ("167|", Violation::Tag),
        ("|", Violation::Tag),
        ("167=|", Violation::EmptyValue),
        ("35=D|", Violation::RepeatedHeaderField),
        ("34=8|", Violation::RepeatedHeaderField),
        ("49=OTHER|", Violation::RepeatedHeaderField),
        ("8=FIX.4.4|", Violation::RepeatedHeaderField),
        ("9=5|", Violation::RepeatedHeaderField),
        ("10=123|", Violation::CheckSumNotLast),
        ("95=6|96=a|167=CS|", Violation::DataLength),
        ("1526=20|1525=3|1527=abc|167=CS|1=abcdefg|", Violation::DataLength),
        ("1525=3|1527=abc|1526=20|", Violation::DataLength),
        ("95=2|96=a|", Violation::DataLength),
        ("95=1|58=x|96=a|", Violation::DataLength),
        ("95=01|96=a|", Violation::DataLength),
        ("95=-1|96=a|", Violation::DataLength),
        ("95=+1|96=a|", Violation::DataLength),
        ("95=4294967297|96=a|", Violation::DataLength),
        ("95=99999999999999999999|96=a|", Violation::DataLength),
        ("95=1|", Violation::DataLength),
        ("96=a|", Violation::DataWithoutLength),
        ("5002=a|", Violation::DataWithoutLength),
        ("43=X|", Violation::Flag),
        ("50=\u{7f}|", Violation::Identifier),
        ("144=\u{7f}|", Violation::Identifier),
        // What the filter acts on has one reading: some engines read the last of several.
        ("123=Y|123=N|", Violation::RepeatedField),
        ("7=1|16=0|7=9|", Violation::RepeatedField),
        ("554=a|554=a|", Violation::RepeatedCredential),
        // Some engines end a value there.
        ("167=CS\0OPT|", Violation::Nul),
        ("\u{0}167=CS|", Violation::Tag),
        ("95=3|96=a\0b|", Violation::Nul),
    ] {
        assert_eq!(verdict(&format!("35=D|{HEAD}{body}")), Err(violation), "{body}");
    }
}

#[test]
fn sixteen_bits_are_not_enough_for_a_tag() {
    // 65703 is 167 to an engine that reads tags as 16 bits; here it is a tag of its own.
    let bytes = fix("FIX.4.4", &format!("35=D|{HEAD}65703=CS|"));
    let mut fields = Vec::new();
    let message = read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
    assert_eq!(message.get(167), None);
    assert_eq!(message.get(65703), Some(&b"CS"[..]));
}

#[test]
fn a_tag_that_the_filter_acts_on_stands_once() {
    for tag in tags::SINGLE_BODY {
        let profile = Profile::new(&[], &[]);
        let length = (1..2_000).find(|length| profile.data_tag(*length) == Some(tag));
        let field = format!("{}{tag}=x|", length.map(|length| format!("{length}=1|")).unwrap_or_default());
        assert_eq!(verdict(&format!("35=4|{HEAD}{field}58=y|")), Ok(()), "{tag}");
        let is_secret = profile.class(tag).is_secret();
        let repeated = if is_secret { Violation::RepeatedCredential } else { Violation::RepeatedField };
        assert_eq!(verdict(&format!("35=4|{HEAD}{field}58=y|{field}")), Err(repeated), "{tag}");
    }
}

#[test]
fn no_tag_is_above_the_highest() {
    let at_most = |max_tag: u32, body: &str| {
        let framing = Framing { max_tag, ..Framing::STRICT };
        let profile = Profile::new(&[], &[]).with_framing(&framing);
        let mut fields = Vec::new();
        read(&fix("FIX.4.4", &format!("35=D|{HEAD}{body}")), &profile, 64, &mut fields).map(|_| ())
    };
    assert_eq!(at_most(65_535, "65535=x|999=y|"), Ok(()));
    assert_eq!(at_most(65_535, "65703=CS|"), Err(Violation::TagTooHigh));
    assert_eq!(at_most(65_535, "65703=|"), Err(Violation::TagTooHigh));
    assert_eq!(at_most(1_000, "1001=x|"), Err(Violation::TagTooHigh));
    assert_eq!(at_most(tags::MAX, "999999=x|"), Ok(()));
}

#[test]
fn says_which_ids_and_secrets_there_are() {
    let has = |body: &str| {
        let (bytes, mut fields) = (fix("FIX.4.4", &format!("35=D|{HEAD}{body}")), Vec::new());
        let profile = Profile::new(&[], &[]).with_secrets(&[5_000]);
        let message = read(&bytes, &profile, 64, &mut fields).unwrap();
        (message.has_optional_ids, message.has_secrets)
    };
    assert_eq!(has("11=a|43=Y|"), (false, false));
    for tag in tags::OPTIONAL_IDS {
        assert_eq!(has(&format!("{tag}=x|")), (true, false), "{tag}");
    }
    for field in ["554=x|", "925=x|", "95=1|96=x|", "90=1|91=x|", "1401=1|1402=x|", "5000=x|"] {
        assert_eq!(has(field), (false, true), "{field}");
    }
}

#[test]
fn keeps_well_formed_data_and_hops() {
    assert_eq!(verdict(&format!("35=D|{HEAD}95=3|96=a=b|5001=1|5002=x|")), Ok(()));
    assert_eq!(verdict(&format!("35=D|{HEAD}627=2|628=A|628=B|")), Ok(()));
}

#[test]
fn refuses_a_header_that_lacks_or_bends() {
    for (body, violation) in [
        ("35=D|49=A|56=B|", Violation::MissingHeaderField),
        ("35=D|34=1|56=B|", Violation::MissingHeaderField),
        ("35=D|34=1|49=A|", Violation::MissingHeaderField),
        ("35=D|34=0|49=A|56=B|", Violation::MsgSeqNum),
        ("35=D|34=-1|49=A|56=B|", Violation::MsgSeqNum),
        ("35=D|34=+1|49=A|56=B|", Violation::MsgSeqNum),
        ("35=D|34=9223372036854775808|49=A|56=B|", Violation::MsgSeqNum),
        ("35=4|123=Y|34=0|49=A|56=B|36=9|", Violation::MsgSeqNum),
        ("35=4|34=x|49=A|56=B|36=9|", Violation::MsgSeqNum),
        ("+35=D|34=1|49=A|56=B|", Violation::MsgTypeNotThird),
        ("34=1|35=D|49=A|56=B|", Violation::MsgTypeNotThird),
        ("35=D/../x|34=1|49=A|56=B|", Violation::MsgType),
    ] {
        assert_eq!(verdict(body), Err(violation), "{body}");
    }
    for good in [
        "35=D|34=007|",
        "35=D|34=1000000000|",
        "35=D|34=9223372036854775807|",
        "35=4|34=0|36=9|",
        "35=4|34=0|123=N|36=9|",
    ] {
        assert_eq!(verdict(&format!("{good}49=A|56=B|")), Ok(()), "{good}");
    }
}

#[test]
fn bounds_the_number_of_fields() {
    let many = "58=x|".repeat(70);
    assert_eq!(verdict(&format!("35=D|{HEAD}{many}")), Err(Violation::TooManyFields));
}

fn read_as(framing: &Framing, body: &str) -> Result<Vec<(u32, String)>, Violation> {
    let profile = Profile::new(&[], &[]).with_framing(framing);
    let bytes = fix("FIX.4.4", body);
    let mut fields = Vec::new();
    let message = read(&bytes, &profile, 64, &mut fields)?;
    let shown = |field: &Field| (field.tag, show(message.value(field)));
    let inner = message.fields.get(2..message.fields.len() - 1).unwrap();
    Ok(inner.iter().map(shown).collect())
}

#[test]
fn empty_values_are_taken_under_their_setting_but_for_what_the_filter_acts_on() {
    let lenient = Framing { empty_values: true, ..Framing::STRICT };
    let body = format!("35=D|{HEAD}453=1|448=|447=D|58=|");
    assert_eq!(read_as(&Framing::STRICT, &body), Err(Violation::EmptyValue));
    let fields = read_as(&lenient, &body).unwrap();
    let last: Vec<(u32, String)> = fields.into_iter().rev().take(4).collect();
    let tags: Vec<u32> = last.iter().map(|field| field.0).collect();
    assert_eq!(tags, [58, 447, 448, 453]);
    assert_eq!(last.get(2).map(|field| field.1.as_str()), Some(""));
    for body in [
        "35=|34=1|49=A|56=B|",
        "35=D|34=|49=A|56=B|",
        "35=D|34=1|49=|56=B|",
        "35=D|34=1|49=A|56=B|50=|",
        "35=D|34=1|49=A|56=B|43=|",
        "35=4|34=1|49=A|56=B|123=|36=2|",
        "35=D|34=1|49=A|56=B|554=|",
        "35=D|34=1|49=A|56=B|95=|96=|",
        "35=D|34=1|49=A|56=B|95=0|96=|",
        "35=D|34=1|49=A|56=B|=|",
        "35=D|34=1|49=A|56=B||",
    ] {
        assert!(read_as(&lenient, body).is_err(), "{body}");
    }
}

#[test]
fn data_with_separators_ends_where_its_length_says_under_its_setting() {
    let counted = Framing { separators_in_data: true, ..Framing::STRICT };
    let inner = "<RTRF>8=FIX.4.2|9=49|35=8|34=7|49=CME|56=FIRM|37=1|17=1|10=000|</RTRF>";
    let body = format!("35=n|{HEAD}212={}|213={inner}|58=x|", inner.len());
    assert!(read_as(&Framing::STRICT, &body).is_err());
    let fields = read_as(&counted, &body).unwrap();
    assert!(fields.ends_with(&[(213, inner.to_owned()), (58, "x".to_owned())]));
    for by in [-2, -1, 1, 2, 4, 6, 1_000] {
        let length = inner.len().saturating_add_signed(by);
        let wrong = format!("35=n|{HEAD}212={length}|213={inner}|58=x|");
        // A separator is due where the length says, and a field behind it.
        assert!(read_as(&counted, &wrong).is_err(), "{wrong}");
    }
    // What has no separator in it is read as ever, and so is what is no data.
    assert!(read_as(&counted, &format!("35=D|{HEAD}354=3|355=a=b|")).is_ok());
    assert!(read_as(&counted, &format!("35=D|{HEAD}355=a|")).is_err());
    // The data reaches to the last separator before CheckSum (10), and no further.
    assert!(read_as(&counted, &format!("35=D|{HEAD}354=5|355=a|b|c|")).is_ok());
    assert!(read_as(&counted, &format!("35=D|{HEAD}354=7|355=a|b|c|")).is_err());
    assert!(read_as(&counted, &format!("35=D|{HEAD}354=13|355=a|b|c|")).is_err());
}
