//! What must hold for any bytes that the profile refuses: where garbled ones end, and the header that answers a malformed message.

use super::checks::profile;
use super::run::{MAX_MESSAGE, framed};
use super::stream;
use fix_authz_core::command::Direction;
use fix_authz_core::contract::identity::Identity;
use fix_authz_core::frame::{Frame, SOH, next_frame};
use fix_authz_core::garbled::{Garbled, end_of_garbled};
use fix_authz_core::malformed::{Fault, Malformed};
use fix_authz_core::message::{Departure, Message, parse};
use fix_authz_core::rewrite::{self, Rejected};
use fix_authz_core::settings::Framing;
use fix_authz_core::tags;
use fix_authz_core::testing::{fix, read, show};

const LONGEST: usize = 2_048;
const LOGON: &str = "35=A|34=1|49=ALGO|56=VENUE|50=desk|98=0|";

/// Garbled bytes end where the oracle says, however much of what follows has arrived.
pub fn garbled(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    if next_frame(bytes, MAX_MESSAGE).is_ok() {
        return;
    }
    let whole = stream::garbled(bytes);
    let near = whole.unwrap_or(bytes.len());
    for len in [near / 2, near.saturating_sub(1), near, near + 1, near + 6, near + 7, bytes.len()] {
        let Some(bytes) = bytes.get(..len) else { continue };
        let found = end_of_garbled(bytes, MAX_MESSAGE, &Framing::STRICT);
        match stream::garbled(bytes) {
            Some(end) => {
                assert_eq!(found, Ok(Garbled::Until(end)), "{}", show(bytes));
                assert!(end > 0 && end <= len && Some(end) == whole, "another end: {}", show(bytes));
            }
            None if len < MAX_MESSAGE => assert_eq!(found, Ok(Garbled::Partial), "{}", show(bytes)),
            None => assert!(found.is_err(), "{}", show(bytes)),
        }
    }
}

/// The header that is written for a malformed message keeps the profile, has the Logon's version and CompIDs, and the number of the message.
/// The bytes are tried as they stand and as a body with the right length and sum around them.
pub fn malformed(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    for direction in [Direction::Inbound, Direction::Outbound] {
        one_malformed(bytes, direction);
        one_malformed(&framed(bytes), direction);
    }
}

fn one_malformed(bytes: &[u8], direction: Direction) {
    let Ok(Frame::Complete { len, version, .. }) = next_frame(bytes, 1 << 16) else { return };
    let (bytes, mut fields) = (&bytes[..len], Vec::new());
    let Err(violation) = parse(bytes, version, profile(), 64, &mut fields) else { return };
    let departure = Departure::locate(bytes, profile(), 64, violation);
    let (logon, mut fields) = (fix("FIX.4.2", LOGON), Vec::new());
    let identity = Identity::of(&read(&logon, profile(), 64, &mut fields).unwrap());
    let malformed = Malformed::read(bytes, departure, direction, &identity, profile());
    let number = value(bytes, "34").and_then(number);
    let Some(malformed) = malformed else {
        return assert_eq!(number, None, "{}", show(bytes));
    };
    let mut fields = Vec::new();
    let header = read(&malformed.header, profile(), 64, &mut fields).unwrap();
    let (sender, target) = match direction {
        Direction::Inbound => ("ALGO", "VENUE"),
        Direction::Outbound => ("VENUE", "ALGO"),
    };
    assert_eq!(header.bytes.len(), malformed.header.len());
    assert_eq!((header.sender, header.target), (sender.as_bytes(), target.as_bytes()));
    assert_eq!((header.version, Some(header.seq)), (identity.version, number), "{}", show(bytes));
    assert_eq!(header.poss_dup, value(bytes, "43") == Some(b"Y"), "{}", show(bytes));
    assert_answer(&header, malformed.fault.clone());
    let is_plain = |text: &[u8]| text.iter().all(|byte| (b' '..=b'~').contains(byte));
    assert!(is_plain(&malformed.fault.msg_type) && malformed.fault.tag.as_deref().is_none_or(is_plain));
}

/// The session Reject about it, in the place of a message like `header`, keeps the profile and names its number.
fn assert_answer(header: &Message<'_>, fault: Fault) {
    let (tag, mut out, mut fields) = (fault.tag.clone(), Vec::new(), Vec::new());
    rewrite::reject(header, &[], &Rejected::malformed(header, fault), &mut out);
    let reject = read(&out, profile(), 64, &mut fields).unwrap();
    assert_eq!((reject.msg_type.as_bytes(), reject.seq), (&b"3"[..], header.seq));
    assert_eq!(reject.get(tags::REF_SEQ_NUM), Some(header.seq.to_string().as_bytes()));
    assert!(reject.get(371).is_none_or(|named| Some(named) == tag.as_deref()), "{}", show(&out));
}

/// The first field with this tag, split at separators.
fn value<'a>(bytes: &'a [u8], tag: &str) -> Option<&'a [u8]> {
    let prefix = format!("{tag}=");
    bytes.split(|byte| *byte == SOH).find_map(|field| field.strip_prefix(prefix.as_bytes()))
}

/// A MsgSeqNum (34) that is one.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.len() <= 19 && digits.iter().all(u8::is_ascii_digit);
    let number = is_number.then(|| show(digits).parse::<u64>().unwrap())?;
    (1..=i64::MAX as u64).contains(&number).then_some(number)
}
