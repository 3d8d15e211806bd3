//! The messages that the filter puts in the place of others.
//!
//! A substitute takes over the header of what it replaces, MsgSeqNum (34) first of all, so that neither side's
//! sequence is disturbed. PossDupFlag (43) and OrigSendingTime (122) stay, for a replay remains a replay. What belongs to
//! the replaced body or would be wrong on an administrative message goes: XmlData (212, 213), SecureData (90, 91),
//! MessageEncoding (347), ApplVerID and its like (1128, 1129, 1156), PossResend (97), and the signature (93, 89).

use crate::decision::Denial;
use crate::frame::{SOH, check_sum, digits};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::renewal::UserResponse;
use crate::tags;
use crate::version::Version;
use time::OffsetDateTime;

/// Header fields that a substitute takes over.
const CARRIED: [u32; 21] = [
    tags::MSG_SEQ_NUM,
    tags::SENDER_COMP_ID,
    tags::TARGET_COMP_ID,
    tags::SENDER_SUB_ID,
    tags::SENDER_LOCATION_ID,
    tags::TARGET_SUB_ID,
    tags::TARGET_LOCATION_ID,
    tags::ON_BEHALF_OF_COMP_ID,
    tags::ON_BEHALF_OF_SUB_ID,
    tags::ON_BEHALF_OF_LOCATION_ID,
    tags::DELIVER_TO_COMP_ID,
    tags::DELIVER_TO_SUB_ID,
    tags::DELIVER_TO_LOCATION_ID,
    tags::POSS_DUP_FLAG,
    tags::SENDING_TIME,
    tags::ORIG_SENDING_TIME,
    tags::LAST_MSG_SEQ_NUM_PROCESSED,
    tags::NO_HOPS,
    tags::HOP_COMP_ID,
    tags::HOP_SENDING_TIME,
    tags::HOP_REF_ID,
];

/// What a reject must say of the message that was denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Its MsgSeqNum (34).
    pub seq: u32,
    /// Its MsgType (35).
    pub msg_type: MsgType,
    /// The value of its business-level id, where it has one.
    pub business_id: Option<Vec<u8>>,
    /// What the client is told.
    pub denial: Denial,
}

impl Rejected {
    /// What it takes in memory beside itself.
    pub fn bytes(&self) -> usize {
        self.business_id.as_ref().map_or(0, Vec::len) + self.denial.text.len()
    }

    /// The longest id that is kept: many rejects may be on their way, and an id cut short would name another message.
    const MAX_BUSINESS_ID: usize = 256;

    /// What to remember of `message`.
    pub fn new(message: &Message<'_>, denial: Denial) -> Self {
        let business_id = business_id_tag(message.msg_type)
            .and_then(|tag| message.get(tag))
            .filter(|id| id.len() <= Self::MAX_BUSINESS_ID)
            .map(<[u8]>::to_vec);
        Self { seq: message.seq, msg_type: message.msg_type, business_id, denial }
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

/// Client to venue, denied: a TestRequest that every engine must answer with a Heartbeat carrying `id`.
pub fn test_request(message: &Message<'_>, id: &[u8], out: &mut Vec<u8>) {
    substitute(message, b"1", out, |body| field(body, tags::TEST_REQ_ID, id));
}

/// Denied without an answer of its own: a SequenceReset-GapFill over this one number.
pub fn gap_fill(message: &Message<'_>, out: &mut Vec<u8>) {
    substitute(message, b"4", out, |body| {
        field(body, tags::GAP_FILL_FLAG, b"Y");
        number(body, tags::NEW_SEQ_NO, message.seq + 1);
    });
}

/// A part of a GapFill of the venue's: from the number `from` to that before `to`.
pub fn gap_fill_part(fill: &Message<'_>, from: u32, to: u32, out: &mut Vec<u8>) {
    compose(fill.version, out, |body| {
        field(body, tags::MSG_TYPE, b"4");
        for carried in fill.fields.iter().filter(|field| CARRIED.contains(&field.tag)) {
            match carried.tag {
                tags::MSG_SEQ_NUM => number(body, tags::MSG_SEQ_NUM, from),
                _ => body.extend_from_slice(fill.raw(carried)),
            }
        }
        field(body, tags::GAP_FILL_FLAG, b"Y");
        number(body, tags::NEW_SEQ_NO, to);
    });
}

/// The session ends: a Logout in the place of the client's message.
pub fn logout(message: &Message<'_>, denial: &Denial, out: &mut Vec<u8>) {
    substitute(message, b"5", out, |body| field(body, tags::TEXT, &denial.text));
}

/// The session has ended: the venue's Logout says to the client why.
pub fn ended(logout: &Message<'_>, denial: &Denial, out: &mut Vec<u8>) {
    substitute(logout, b"5", out, |body| say_why(body, logout.version, denial));
}

/// Text (58), and on FIXT 1.1 SessionStatus (1409).
fn say_why(body: &mut Vec<u8>, version: Version, denial: &Denial) {
    field(body, tags::TEXT, &denial.text);
    if let (Version::Fixt11, Some(status)) = (version, denial.session_status) {
        number(body, tags::SESSION_STATUS, status);
    }
}

/// The venue's Heartbeat becomes the gateway's own answer to a request for renewal.
pub fn user_response(heartbeat: &Message<'_>, response: &UserResponse, out: &mut Vec<u8>) {
    substitute(heartbeat, response.msg_type.as_bytes(), out, |body| {
        let fields = [
            (tags::USER_REQUEST_ID, response.request_id.as_deref()),
            (tags::USERNAME, response.username.as_deref()),
            (tags::USER_STATUS, Some(response.status())),
            (tags::USER_STATUS_TEXT, response.text()),
        ];
        for (tag, value) in fields {
            if let Some(value) = value {
                field(body, tag, value);
            }
        }
    });
}

/// The venue's Heartbeat becomes the reject that the client must see.
pub fn reject(heartbeat: &Message<'_>, rejected: &Rejected, out: &mut Vec<u8>) {
    substitute(heartbeat, reject_type(heartbeat.version), out, |body| {
        reject_body(heartbeat.version, rejected, body);
    });
}

/// As [`reject`], but at the number `seq` that a GapFill of the venue's covers: a replay of what nobody has seen.
pub fn late_reject(fill: &Message<'_>, seq: u32, rejected: &Rejected, out: &mut Vec<u8>) {
    compose(fill.version, out, |body| {
        field(body, tags::MSG_TYPE, reject_type(fill.version));
        number(body, tags::MSG_SEQ_NUM, seq);
        let dated = [tags::ORIG_SENDING_TIME, tags::SENDING_TIME].iter().find_map(|tag| fill.get(*tag));
        for carried in fill.fields.iter().filter(|field| CARRIED.contains(&field.tag)) {
            match carried.tag {
                tags::MSG_SEQ_NUM | tags::POSS_DUP_FLAG | tags::ORIG_SENDING_TIME => {}
                _ => body.extend_from_slice(fill.raw(carried)),
            }
        }
        replayed(body, dated);
        reject_body(fill.version, rejected, body);
    });
}

/// A message of ours again, as a replay: its PossDupFlag (43), OrigSendingTime (122), and the present SendingTime (52) and
/// LastMsgSeqNumProcessed (369) are those of the GapFill that covers it.
pub fn put_back(kept: &Message<'_>, fill: &Message<'_>, out: &mut Vec<u8>) {
    let first_sent = [tags::ORIG_SENDING_TIME, tags::SENDING_TIME].iter().find_map(|tag| kept.get(*tag));
    compose(kept.version, out, |body| {
        for each in kept.fields.iter().filter(|field| !REMADE.contains(&field.tag)) {
            body.extend_from_slice(kept.raw(each));
            if each.tag == tags::MSG_SEQ_NUM {
                replayed(body, first_sent);
                // A replay is not older than what it repeats.
                if let Some(sent) = fill.get(tags::SENDING_TIME).max(first_sent) {
                    field(body, tags::SENDING_TIME, sent);
                }
                if let Some(last) = fill.get(tags::LAST_MSG_SEQ_NUM_PROCESSED) {
                    field(body, tags::LAST_MSG_SEQ_NUM_PROCESSED, last);
                }
            }
        }
    });
}

/// What a message that is put back has of its own.
const REMADE: [u32; 7] = [
    tags::BEGIN_STRING,
    tags::BODY_LENGTH,
    tags::CHECK_SUM,
    tags::POSS_DUP_FLAG,
    tags::ORIG_SENDING_TIME,
    tags::SENDING_TIME,
    tags::LAST_MSG_SEQ_NUM_PROCESSED,
];

fn replayed(body: &mut Vec<u8>, first_sent: Option<&[u8]>) {
    field(body, tags::POSS_DUP_FLAG, b"Y");
    if let Some(first_sent) = first_sent {
        field(body, tags::ORIG_SENDING_TIME, first_sent);
    }
}

fn reject_type(version: Version) -> &'static [u8] {
    if version.has_business_reject() { b"j" } else { b"3" }
}

fn reject_body(version: Version, rejected: &Rejected, body: &mut Vec<u8>) {
    number(body, tags::REF_SEQ_NUM, rejected.seq);
    if version.has_business_reject() {
        field(body, tags::REF_MSG_TYPE, rejected.msg_type.as_bytes());
        if let Some(id) = &rejected.business_id {
            field(body, tags::BUSINESS_REJECT_REF_ID, id);
        }
        number(body, tags::BUSINESS_REJECT_REASON, version.reject_reason(rejected.denial.reason).into());
    }
    field(body, tags::TEXT, &rejected.denial.text);
}

/// A Logon that goes nowhere: a Logout straight to the client, as its first message (34=1).
pub fn refuse_logon(logon: &Message<'_>, denial: &Denial, now: OffsetDateTime, out: &mut Vec<u8>) {
    compose(logon.version, out, |body| {
        field(body, tags::MSG_TYPE, b"5");
        number(body, tags::MSG_SEQ_NUM, 1);
        for (from, to) in [
            (tags::TARGET_COMP_ID, tags::SENDER_COMP_ID),
            (tags::TARGET_SUB_ID, tags::SENDER_SUB_ID),
            (tags::SENDER_COMP_ID, tags::TARGET_COMP_ID),
            (tags::SENDER_SUB_ID, tags::TARGET_SUB_ID),
        ] {
            if let Some(value) = logon.get(from) {
                field(body, to, value);
            }
        }
        field(body, tags::SENDING_TIME, timestamp(now, logon.version).as_bytes());
        say_why(body, logon.version, denial);
    });
}

/// UTCTimestamp.
fn timestamp(now: OffsetDateTime, version: Version) -> String {
    let (date, time) = (now.date(), now.time());
    let seconds = format!(
        "{:04}{:02}{:02}-{:02}:{:02}:{:02}",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    if version.has_milliseconds() { format!("{seconds}.{:03}", time.millisecond()) } else { seconds }
}

/// The header of `message` under another MsgType, with a body of its own.
fn substitute(message: &Message<'_>, msg_type: &[u8], out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    compose(message.version, out, |body| {
        field(body, tags::MSG_TYPE, msg_type);
        for carried in message.fields.iter().filter(|field| CARRIED.contains(&field.tag)) {
            body.extend_from_slice(message.raw(carried));
        }
        write(body);
    });
}

/// `8=…|9=…|` what `write` appends `10=…|`.
pub(crate) fn compose(version: Version, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::with_capacity(256);
    write(&mut body);
    let start = out.len();
    field(out, tags::BEGIN_STRING, version.as_str().as_bytes());
    field(out, tags::BODY_LENGTH, body.len().to_string().as_bytes());
    out.extend_from_slice(&body);
    let sum = check_sum(out.get(start..).unwrap_or_default());
    field(out, tags::CHECK_SUM, &digits(sum));
}

fn field(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    out.extend_from_slice(tag.to_string().as_bytes());
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(SOH);
}

fn number(out: &mut Vec<u8>, tag: u32, value: u32) {
    field(out, tag, value.to_string().as_bytes());
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::decision::{NOT_AUTHORIZED, NOT_AVAILABLE};
    use crate::profile::Profile;
    use crate::testing::{fix, read, show};

    fn rewrite(version: &str, body: &str, with: impl FnOnce(&Message<'_>, &mut Vec<u8>)) -> String {
        let bytes = fix(version, body);
        let mut fields = Vec::new();
        let profile = Profile::new(&[], &[]);
        let message = read(&bytes, &profile, 64, &mut fields).unwrap();
        let mut out = b"before".to_vec();
        with(&message, &mut out);
        let out = out.strip_prefix(b"before").unwrap();
        read(out, &profile, 64, &mut Vec::new()).unwrap();
        let text = show(out);
        // The body alone, as length and sum were just checked.
        text.split_once("|35=").map(|(_, rest)| format!("35={}", rest.rsplit_once("10=").unwrap().0)).unwrap()
    }

    fn denial(reason: u8) -> Denial {
        Denial::new(b"Insufficient permissions", reason, Some(8))
    }

    const ORDER: &str =
        "35=D|34=7|49=A|56=B|50=desk|52=T|1128=9|212=3|213=abc|97=Y|5000=x|11=ord-1|167=CS|93=1|89=s|";

    #[test]
    fn a_test_request_keeps_the_number_and_the_header() {
        let text = rewrite("FIXT.1.1", ORDER, |message, out| test_request(message, b"ab12", out));
        assert_eq!(text, "35=1|34=7|49=A|56=B|50=desk|52=T|112=ab12|");
    }

    #[test]
    fn a_gap_fill_covers_one_number_and_stays_a_replay() {
        let replay = "35=D|34=7|49=A|56=B|43=Y|52=T|122=S|11=x|";
        assert_eq!(rewrite("FIX.4.4", replay, gap_fill), "35=4|34=7|49=A|56=B|43=Y|52=T|122=S|123=Y|36=8|");
    }

    #[test]
    fn a_logout_takes_the_place_of_a_message() {
        let text = rewrite("FIX.4.2", ORDER, |message, out| logout(message, &denial(NOT_AUTHORIZED), out));
        assert_eq!(text, "35=5|34=7|49=A|56=B|50=desk|52=T|58=Insufficient permissions|");
    }

    #[test]
    fn the_venues_logout_says_why_to_the_client() {
        let logout = "35=5|34=12|49=B|56=A|52=T|58=bye|1409=4|";
        let said = |version: &str| rewrite(version, logout, |m, out| ended(m, &denial(NOT_AUTHORIZED), out));
        assert_eq!(said("FIX.4.4"), "35=5|34=12|49=B|56=A|52=T|58=Insufficient permissions|");
        assert_eq!(said("FIXT.1.1"), "35=5|34=12|49=B|56=A|52=T|58=Insufficient permissions|1409=8|");
    }

    #[test]
    fn the_reject_speaks_each_version() {
        let rejected = |version: &str, reason| {
            let order = fix(version, "35=D|34=7|49=A|56=B|11=ord-1|");
            let mut fields = Vec::new();
            let message = read(&order, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            let rejected = Rejected::new(&message, denial(reason));
            rewrite(version, "35=0|34=12|49=B|56=A|52=T|112=ab12|", |beat, out| reject(beat, &rejected, out))
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
    fn a_reject_repeats_an_id_whole_or_not_at_all() {
        for (length, kept) in [(256, true), (257, false)] {
            let order = fix("FIX.4.4", &format!("35=D|34=7|49=A|56=B|11={}|", "x".repeat(length)));
            let mut fields = Vec::new();
            let message = read(&order, &Profile::new(&[], &[]), 64, &mut fields).unwrap();
            assert_eq!(
                Rejected::new(&message, denial(NOT_AUTHORIZED)).business_id.is_some(),
                kept,
                "{length}"
            );
        }
    }

    #[test]
    fn a_refused_logon_turns_the_header_round() {
        let now = OffsetDateTime::from_unix_timestamp_nanos(1_795_168_800_123_000_000).unwrap();
        let logon = "35=A|34=9|49=A|50=desk|56=B|98=0|554=tok|";
        let refused = |version: &str| rewrite(version, logon, |m, out| refuse_logon(m, &denial(6), now, out));
        let head = "35=5|34=1|49=B|56=A|57=desk|";
        let tail = "58=Insufficient permissions|";
        assert_eq!(refused("FIX.4.0"), format!("{head}52=20261120-10:00:00|{tail}"));
        assert_eq!(refused("FIX.4.4"), format!("{head}52=20261120-10:00:00.123|{tail}"));
        assert_eq!(refused("FIXT.1.1"), format!("{head}52=20261120-10:00:00.123|{tail}1409=8|"));
    }
}
