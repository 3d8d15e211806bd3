//! A message in an exact frame that departs from the strict profile: what of it an answer needs.
//!
//! It is not forwarded. Its header is written anew, in the Logon's version and with the Logon's CompIDs, as a message that keeps the
//! profile: what takes the message's place in the sequence is made of that, and never of bytes that engines read differently. The ids of
//! third parties stay in it, for the reject that goes back to them.

use crate::command::Direction;
use crate::contract::identity::Identity;
use crate::frame::SOH;
use crate::message::{Departure, number};
use crate::msg_type::MsgType;
use crate::profile::Profile;
use crate::rewrite;
use crate::session_reject::SessionRejectReason;
use crate::tags;
use crate::violation::Violation;
use memchr::memchr;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The longest MsgType (35) that a reject repeats.
const MAX_REF_MSG_TYPE: usize = 16;
/// The longest tag that a reject repeats, with its sign.
const MAX_REF_TAG: usize = 10;

/// What is wrong with a message, as a session Reject (35=3) says it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// RefMsgType (372): the MsgType (35) that the sender wrote; empty if it is too long or not printable.
    pub msg_type: Vec<u8>,
    /// RefTagID (371): the tag that the sender wrote. `None` if the fault is not in a single field, or the tag is not a whole number.
    pub tag: Option<Vec<u8>>,
    /// SessionRejectReason (373).
    pub reason: SessionRejectReason,
    /// Text (58).
    pub text: Cow<'static, str>,
}

/// A message that departs from the profile, or that is not this session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// Its header as a message of its own.
    pub header: Vec<u8>,
    /// What is wrong with it.
    pub fault: Fault,
    /// It has another BeginString than the Logon.
    pub is_other_version: bool,
    /// It has another CompID than the Logon.
    pub is_other_comp_id: bool,
}

/// What [`Malformed::header`] has from the message besides [`tags::ROUTE_IDS`], where that can be read: a PossDupFlag (43) if it is Y.
const KEPT: [u32; 4] =
    [tags::POSS_DUP_FLAG, tags::SENDING_TIME, tags::ORIG_SENDING_TIME, tags::LAST_MSG_SEQ_NUM_PROCESSED];

impl Malformed {
    /// Reads what an answer needs of `bytes`, an exact frame. `None`: its MsgSeqNum (34) cannot be read, so nothing can take
    /// its place.
    ///
    /// Where a field stands more than once, the first one counts: that is what most engines read.
    pub fn read(
        bytes: &[u8],
        departure: Departure,
        direction: Direction,
        identity: &Identity,
        profile: &Profile,
    ) -> Option<Self> {
        let value = |tag: u32| first(bytes, tag);
        let number = number(value(tags::MSG_SEQ_NUM)?).filter(|number| *number > 0)?;
        let said = value(tags::MSG_TYPE).unwrap_or_default();
        let (sender, target) = match direction {
            Direction::Inbound => (&identity.sender, &identity.target),
            Direction::Outbound => (&identity.target, &identity.sender),
        };
        let is_other = |tag, own: &[u8]| value(tag).is_some_and(|id| is_printable(id) && id != own);
        let mut header = Vec::with_capacity(128);
        rewrite::compose(identity.version, &mut header, |body| {
            // A Heartbeat stands in for a type that cannot be one.
            let msg_type = MsgType::new(said).unwrap_or(MsgType::HEARTBEAT);
            rewrite::field(body, tags::MSG_TYPE, msg_type.as_bytes());
            rewrite::field(body, tags::MSG_SEQ_NUM, number.to_string().as_bytes());
            rewrite::field(body, tags::SENDER_COMP_ID, sender);
            rewrite::field(body, tags::TARGET_COMP_ID, target);
            let mut kept = [&KEPT[..], &tags::ROUTE_IDS].concat();
            for (tag, value) in fields(bytes) {
                let place = kept.iter().position(|each| each.to_string().as_bytes() == tag);
                let Some(tag) = place.map(|place| kept.swap_remove(place)) else { continue };
                if is_printable(value) && (tag != tags::POSS_DUP_FLAG || value == b"Y") {
                    rewrite::field(body, tag, value);
                }
            }
        });
        let reason = reason(bytes, departure);
        let is_repeatable = said.len() <= MAX_REF_MSG_TYPE && is_printable(said);
        Some(Self {
            header,
            fault: Fault {
                msg_type: if is_repeatable { said.to_vec() } else { Vec::new() },
                tag: blamed(bytes, departure, profile),
                reason,
                text: Cow::Borrowed(match reason {
                    SessionRejectReason::Other => departure.violation.text(),
                    reason => reason.text(),
                }),
            },
            is_other_version: value(tags::BEGIN_STRING) != Some(identity.version.as_str().as_bytes()),
            is_other_comp_id: is_other(tags::SENDER_COMP_ID, sender)
                || is_other(tags::TARGET_COMP_ID, target),
        })
    }

    /// It is another session's.
    pub fn is_foreign(&self) -> bool {
        self.is_other_version || self.is_other_comp_id
    }
}

/// Printable ASCII, and not empty.
fn is_printable(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The fields of `bytes` as they are separated, whatever is in them: tag and value.
fn fields(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    bytes.split(|byte| *byte == SOH).filter_map(|field| {
        let equals = memchr(b'=', field)?;
        Some((field.get(..equals)?, field.get(equals + 1..)?))
    })
}

/// The value of the first field with this tag.
pub fn first(bytes: &[u8], tag: u32) -> Option<&[u8]> {
    let digits = tag.to_string();
    fields(bytes).find_map(|(found, value)| (found == digits.as_bytes()).then_some(value))
}

/// The tag that the sender wrote in the field at this offset.
fn tag_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let field = bytes.get(at..)?;
    field.get(..field.iter().position(|byte| matches!(*byte, b'=' | SOH))?)
}

/// The tag that the reject names.
fn blamed(bytes: &[u8], Departure { violation, at }: Departure, profile: &Profile) -> Option<Vec<u8>> {
    match violation {
        Violation::MissingHeaderField => {
            let header = [tags::MSG_SEQ_NUM, tags::SENDER_COMP_ID, tags::TARGET_COMP_ID];
            let missing = header.iter().find(|tag| first(bytes, **tag).is_none())?;
            Some(missing.to_string().into_bytes())
        }
        // What is missing is the length.
        Violation::DataWithoutLength => {
            let data = std::str::from_utf8(tag_at(bytes, at)?).ok()?.parse().ok()?;
            Some(profile.length_tag(data)?.to_string().into_bytes())
        }
        // Engines do not name the tag of a MsgType (35), which RefMsgType (372) repeats.
        Violation::MsgType => None,
        _ if at > 0 => tag_at(bytes, at).filter(|tag| is_number(tag)).map(<[u8]>::to_vec),
        _ => None,
    }
}

/// A whole number that may be negative, short enough to be repeated.
fn is_number(tag: &[u8]) -> bool {
    let digits = tag.strip_prefix(b"-").unwrap_or(tag);
    tag.len() <= MAX_REF_TAG && !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

fn reason(bytes: &[u8], Departure { violation, at }: Departure) -> SessionRejectReason {
    match violation {
        Violation::Tag | Violation::TagTooHigh => SessionRejectReason::InvalidTag,
        Violation::EmptyValue => SessionRejectReason::NoValue,
        Violation::MsgType => SessionRejectReason::InvalidMsgType,
        Violation::RepeatedHeaderField | Violation::RepeatedField | Violation::RepeatedCredential => {
            SessionRejectReason::Repeated
        }
        Violation::CheckSumNotLast => SessionRejectReason::OutOfOrder,
        Violation::MissingHeaderField | Violation::DataWithoutLength => {
            SessionRejectReason::RequiredTagMissing
        }
        Violation::Flag | Violation::Nul | Violation::Identifier => SessionRejectReason::DataFormat,
        Violation::DataLength if at > 0 && !announces(bytes, at) => SessionRejectReason::DataFormat,
        Violation::DataLength => SessionRejectReason::ValueIncorrect,
        _ => SessionRejectReason::Other,
    }
}

/// The field at this offset has a number.
fn announces(bytes: &[u8], at: usize) -> bool {
    let field = bytes.get(at..).unwrap_or_default();
    let end = memchr(SOH, field).unwrap_or(field.len());
    let value = field.get(..end).and_then(|field| field.get(memchr(b'=', field)? + 1..));
    value.is_some_and(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::message::{Field, parse};
    use crate::testing::{fix, read, show};
    use crate::version::Version;

    const LOGON: &str = "35=A|34=1|49=ALGO|56=VENUE|98=0|";

    fn malformed(body: &str) -> Option<Malformed> {
        let profile = Profile::new(&[], &[]);
        let (logon, mut fields) = (fix("FIX.4.4", LOGON), Vec::new());
        let identity = Identity::of(&read(&logon, &profile, 64, &mut fields).unwrap());
        let bytes = fix("FIX.4.4", body);
        let mut fields: Vec<Field> = Vec::new();
        let violation = parse(&bytes, Version::Fix44, &profile, 64, &mut fields).unwrap_err();
        let departure = Departure::locate(&bytes, &profile, 64, violation);
        Malformed::read(&bytes, departure, Direction::Inbound, &identity, &profile)
    }

    #[test]
    fn its_header_keeps_the_profile_and_has_the_logons_ids() {
        for body in [
            "35=D|34=7|49=ALGO|56=VENUE|52=T|50=desk|115=FIRM|58=|",
            "35=D|56=|34=7|52=T|115=FIRM|115=other|49=|11=a|",
            "35=D|34=7|34=8|52=T|50=desk|115=FIRM|49=ALGO|56=VENUE|",
            "35=D|34=7|52=T|57=|50=desk|115=FIRM|43=maybe|49=ALGO|56=VENUE|",
            "35=D|34=0007|52=T|122=|50=desk|129=\u{7}|115=FIRM|49=ALGO|56=VENUE|=|",
        ] {
            let header = malformed(body).unwrap().header;
            let same = fix("FIX.4.4", "35=D|34=7|49=ALGO|56=VENUE|52=T|115=FIRM|");
            assert_eq!(show(&header), show(&same), "{body}");
        }
        let replay = malformed("35=D|34=7|43=Y|49=ALGO|56=VENUE|122=S|58=|").unwrap().header;
        assert_eq!(show(&replay), show(&fix("FIX.4.4", "35=D|34=7|49=ALGO|56=VENUE|43=Y|122=S|")));
    }

    #[test]
    fn without_a_number_there_is_no_answer() {
        for body in [
            "35=D|49=ALGO|56=VENUE|58=|",
            "35=D|34=|49=ALGO|56=VENUE|",
            "35=D|34=0|49=ALGO|56=VENUE|58=|",
            "35=D|34=-7|49=ALGO|56=VENUE|58=|",
            "35=D|34=9223372036854775808|49=ALGO|56=VENUE|58=|",
        ] {
            assert_eq!(malformed(body), None, "{body}");
        }
    }

    #[test]
    fn another_session_is_told_by_ids_that_can_be_read() {
        let foreign = |body: &str| malformed(body).unwrap().is_foreign();
        assert!(foreign("35=D|34=7|49=OTHER|56=VENUE|58=|"));
        assert!(foreign("35=D|34=7|49=ALGO|56=OTHER|58=|"));
        assert!(!foreign("35=D|34=7|49=|56=VENUE|58=|"));
        assert!(!foreign("35=D|34=7|56=VENUE|58=|"));
        assert!(!foreign("35=D|34=7|49=AL\u{7}GO|56=VENUE|"));
    }

    #[test]
    fn a_reject_repeats_only_what_is_short_and_plain() {
        let said = |body: &str| {
            let fault = malformed(body).unwrap().fault;
            (show(&fault.msg_type), fault.tag.map(|tag| show(&tag)))
        };
        let head = "34=7|49=ALGO|56=VENUE|";
        assert_eq!(said(&format!("35=DDDDDDDDDDDDDDDD|{head}")), ("DDDDDDDDDDDDDDDD".into(), None));
        assert_eq!(said(&format!("35=DDDDDDDDDDDDDDDDD|{head}")), (String::new(), None));
        assert_eq!(said(&format!("35=\u{7}|{head}")), (String::new(), None));
        assert_eq!(said(&format!("35=D|{head}-12345678=x|")), ("D".into(), Some("-12345678".into())));
        assert_eq!(said(&format!("35=D|{head}12345678901=x|")), ("D".into(), None));
        assert_eq!(said(&format!("35=D|{head}--1=x|")), ("D".into(), None));
        assert_eq!(said(&format!("35=D|{head}96=x|")), ("D".into(), Some("95".into())));
    }
}
