//! The reject that a client must see: what of its message it speaks of, and how each version of FIX says it.
//!
//! A denied message gets a BusinessMessageReject (35=j), which came with FIX 4.2; before it there is only the session's Reject (35=3). A
//! message that departs from the strict profile gets that one in every version.

use super::substitute::{field, header_ids, number, substitute};
use crate::contract::identity::HeaderId;
use crate::decision::Denial;
use crate::malformed::Fault;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::tags;
use crate::version::Version;
use serde::{Deserialize, Serialize};

/// What a reject must say of the message that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// Its MsgSeqNum (34).
    pub seq: u64,
    /// The ids that route the reject back to who sent the message through the client: DeliverTo for OnBehalfOf, and so on.
    pub route: Vec<HeaderId>,
    /// Why it is rejected.
    pub cause: Cause,
}

/// Why a message is rejected, and what the reject says of it besides its number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It was denied.
    Denied {
        /// Its MsgType (35).
        msg_type: MsgType,
        /// The value of its business-level id, where it has one.
        business_id: Option<Vec<u8>>,
        /// What the client is told.
        denial: Denial,
    },
    /// It departs from the strict profile.
    Malformed(Fault),
}

impl Rejected {
    /// The longest id that is kept: many rejects may be on their way, and an id cut short would name another message.
    const MAX_BUSINESS_ID: usize = 256;

    /// What it takes in memory beside itself.
    pub fn bytes(&self) -> usize {
        let route: usize = self.route.iter().map(|(_, id)| id.len() + size_of::<HeaderId>()).sum();
        route
            + match &self.cause {
                Cause::Denied { business_id, denial, .. } => {
                    business_id.as_ref().map_or(0, Vec::len) + denial.text.len()
                }
                Cause::Malformed(fault) => fault.msg_type.len() + fault.tag.as_ref().map_or(0, Vec::len),
            }
    }

    /// What to remember of a message that was denied.
    pub fn new(message: &Message<'_>, denial: Denial) -> Self {
        let business_id = business_id_tag(message.msg_type)
            .and_then(|tag| message.get(tag))
            .filter(|id| id.len() <= Self::MAX_BUSINESS_ID)
            .map(<[u8]>::to_vec);
        Self::of(message, Cause::Denied { msg_type: message.msg_type, business_id, denial })
    }

    /// What to remember of a message that departs from the profile; `header` is what stands in for it.
    pub fn malformed(header: &Message<'_>, fault: Fault) -> Self {
        Self::of(header, Cause::Malformed(fault))
    }

    fn of(message: &Message<'_>, cause: Cause) -> Self {
        let back = |tag: &u32| Some((tags::mirrored(*tag), message.get(*tag)?.to_vec()));
        let ids = if message.has_optional_ids { &tags::ROUTE_IDS[..] } else { &[] };
        let route = ids.iter().filter_map(back).collect();
        Self { seq: message.seq, route, cause }
    }
}

/// The field that BusinessRejectRefID (379) repeats, by MsgType.
fn business_id_tag(msg_type: MsgType) -> Option<u32> {
    Some(match msg_type.as_bytes() {
        b"D" | b"F" | b"G" | b"H" | b"AB" | b"AC" | b"q" | b"r" | b"s" | b"t" | b"u" | b"CA" => 11,
        b"E" | b"K" | b"L" | b"M" | b"N" => 66,
        b"8" => 17,
        b"R" | b"AG" => 131,
        b"S" | b"Z" | b"a" | b"b" | b"i" => 117,
        b"AJ" => 693,
        b"AH" => 644,
        b"V" => 262,
        b"x" | b"c" | b"v" | b"z" => 320,
        b"e" | b"f" => 324,
        b"g" | b"h" => 335,
        b"J" | b"P" => 70,
        b"AE" | b"AR" => 571,
        b"AD" | b"AQ" => 568,
        b"AN" => 710,
        b"AF" => 584,
        b"BE" => 923,
        _ => return None,
    })
}

/// The venue's Heartbeat becomes the reject that the client must see.
pub fn reject(heartbeat: &Message<'_>, ids: &[HeaderId], rejected: &Rejected, out: &mut Vec<u8>) {
    substitute(heartbeat, &[], reject_type(heartbeat.version, rejected), out, |body| {
        reject_body(heartbeat.version, ids, rejected, body);
    });
}

pub(super) fn reject_type(version: Version, rejected: &Rejected) -> &'static [u8] {
    let is_denial = matches!(rejected.cause, Cause::Denied { .. });
    if is_denial && version.has_business_reject() { b"j" } else { b"3" }
}

/// Writes all behind the header fields that are taken over from the venue's message. Of the venue's optional `ids` those of a third
/// party stay out: the reject goes to whom the rejected message came from.
pub(super) fn reject_body(version: Version, ids: &[HeaderId], rejected: &Rejected, body: &mut Vec<u8>) {
    header_ids(body, ids.iter().filter(|(tag, _)| !tags::ROUTE_IDS.contains(tag)));
    header_ids(body, &rejected.route);
    number(body, tags::REF_SEQ_NUM, rejected.seq);
    match &rejected.cause {
        Cause::Denied { msg_type, business_id, denial } => {
            if version.has_business_reject() {
                field(body, tags::REF_MSG_TYPE, msg_type.as_bytes());
                if let Some(id) = business_id {
                    field(body, tags::BUSINESS_REJECT_REF_ID, id);
                }
                number(body, tags::BUSINESS_REJECT_REASON, version.reject_reason(denial.reason).into());
            }
            field(body, tags::TEXT, &denial.text);
        }
        Cause::Malformed(fault) => session_reject_body(version, fault, body),
    }
}

/// RefTagID (371), RefMsgType (372) and SessionRejectReason (373) came with FIX 4.2; before it Text (58) names the tag.
fn session_reject_body(version: Version, fault: &Fault, body: &mut Vec<u8>) {
    let text = fault.text.as_ref();
    if !version.has_business_reject() {
        let named = fault.tag.as_ref().map(|tag| format!("{text} ({})", String::from_utf8_lossy(tag)));
        return field(body, tags::TEXT, named.as_deref().unwrap_or(text).as_bytes());
    }
    if let Some(tag) = &fault.tag {
        field(body, tags::REF_TAG_ID, tag);
    }
    if !fault.msg_type.is_empty() {
        field(body, tags::REF_MSG_TYPE, &fault.msg_type);
    }
    if let Some(code) = fault.reason.code(version) {
        number(body, tags::SESSION_REJECT_REASON, code.into());
    }
    field(body, tags::TEXT, text.as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::decision::{NOT_AUTHORIZED, NOT_AVAILABLE};
    use crate::profile::Profile;
    use crate::rewrite::testing::{denial, ids, rewrite};
    use crate::testing::{fix, read};

    #[test]
    fn the_reject_speaks_each_version() {
        let rejected = |version: &str, reason| {
            let order = fix(version, "35=D|34=7|49=A|56=B|11=ord-1|");
            let mut fields = Vec::new();
            let message = read(&order, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            let rejected = Rejected::new(&message, denial(reason));
            rewrite(version, "35=0|34=12|49=B|56=A|52=T|112=ab12|", |beat, out| {
                reject(beat, &[], &rejected, out)
            })
        };
        let tail = "58=Insufficient permissions|";
        for version in ["FIX.4.0", "FIX.4.1"] {
            assert_eq!(rejected(version, NOT_AUTHORIZED), format!("35=3|34=12|49=B|56=A|52=T|45=7|{tail}"));
        }
        for (version, reason, said) in [
            ("FIX.4.2", NOT_AUTHORIZED, 0),
            ("FIX.4.2", NOT_AVAILABLE, 4),
            ("FIX.4.3", NOT_AUTHORIZED, 6),
            ("FIX.4.4", NOT_AUTHORIZED, 6),
            ("FIXT.1.1", NOT_AUTHORIZED, 6),
        ] {
            assert_eq!(
                rejected(version, reason),
                format!("35=j|34=12|49=B|56=A|52=T|45=7|372=D|379=ord-1|380={said}|{tail}")
            );
        }
    }

    #[test]
    fn a_reject_has_the_venues_sub_ids_and_goes_back_the_way_that_the_message_came() {
        let order = fix("FIX.4.4", "35=D|34=7|49=A|56=B|115=OTHER|144=LDN|11=ord-1|");
        let mut fields = Vec::new();
        let order = read(&order, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
        let rejected = Rejected::new(&order, denial(NOT_AUTHORIZED));
        let venue = ids(&[(50, "X"), (143, "NYC"), (128, "FUND"), (129, "pm")]);
        let heartbeat = "35=0|34=12|49=B|56=A|50=Y|128=FUND|52=T|112=ab12|";
        let text = rewrite("FIX.4.4", heartbeat, |beat, out| reject(beat, &venue, &rejected, out));
        let head = "35=j|34=12|49=B|56=A|52=T|50=X|143=NYC|128=OTHER|145=LDN|45=7|";
        assert!(text.starts_with(head), "{text}");
    }

    #[test]
    fn a_reject_repeats_an_id_whole_or_not_at_all() {
        for (length, kept) in [(256, true), (257, false)] {
            let order = fix("FIX.4.4", &format!("35=D|34=7|49=A|56=B|11={}|", "x".repeat(length)));
            let mut fields = Vec::new();
            let message = read(&order, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            assert_eq!(
                matches!(
                    Rejected::new(&message, denial(NOT_AUTHORIZED)).cause,
                    Cause::Denied { business_id: Some(_), .. }
                ),
                kept,
                "{length}"
            );
        }
    }
}
