//! A message of the gateway's own in the place of another: what it has from the header of the replaced message, and the frame around it.
//!
//! Invariant: all its ids are those of a Logon. The CompIDs of the replaced message are the Logon's; of [`tags::OPTIONAL_IDS`] the
//! substitute has exactly those that the Logon of its side has, whatever the replaced message has, for that may have been denied because
//! of such an id. The hops go with the OnBehalfOf ids, without which they have no meaning.
//!
//! So a substitute has the ids that the sender's own engine writes on a TestRequest, a Logout or a GapFill, and an engine that compares
//! the ids of each message with its session finds the ones that it expects. In QuickFIX/J, for instance, SubIDs and LocationIDs (50, 142,
//! 57, 143) are a part of the SessionID by which an acceptor finds the session of a Logon, and its engines write them on every message
//! of the session. OnBehalfOf and DeliverTo ids are no part of it: the engine writes none on administrative messages.

use crate::contract::identity::HeaderId;
use crate::frame::{SOH, check_sum, digits};
use crate::message::{Field, Message};
use crate::tags;
use crate::version::Version;

/// Header fields that a substitute takes over from the message that it replaces.
const CARRIED: [u32; 7] = [
    tags::MSG_SEQ_NUM,
    tags::SENDER_COMP_ID,
    tags::TARGET_COMP_ID,
    tags::POSS_DUP_FLAG,
    tags::SENDING_TIME,
    tags::ORIG_SENDING_TIME,
    tags::LAST_MSG_SEQ_NUM_PROCESSED,
];

/// The fields of `message` that a substitute takes over.
pub(super) fn carried<'a>(message: &Message<'a>) -> impl Iterator<Item = &'a Field> + use<'a> {
    message.fields.iter().filter(|field| CARRIED.contains(&field.tag))
}

/// Writes the header of `message` under another MsgType and with these optional ids, and behind it the body that `write` appends.
pub(super) fn substitute(
    message: &Message<'_>,
    ids: &[HeaderId],
    msg_type: &[u8],
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    compose(message.version, out, |body| {
        field(body, tags::MSG_TYPE, msg_type);
        carried(message).for_each(|field| body.extend_from_slice(message.raw(field)));
        header_ids(body, ids);
        write(body);
    });
}

/// Appends the ids.
pub(super) fn header_ids<'a>(out: &mut Vec<u8>, ids: impl IntoIterator<Item = &'a HeaderId>) {
    for (tag, value) in ids {
        field(out, *tag, value);
    }
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

/// Appends `tag=value<SOH>`.
pub(crate) fn field(out: &mut Vec<u8>, tag: u32, value: &[u8]) {
    out.extend_from_slice(tag.to_string().as_bytes());
    out.push(b'=');
    out.extend_from_slice(value);
    out.push(SOH);
}

/// As [`field`], of a number.
pub(super) fn number(out: &mut Vec<u8>, tag: u32, value: u64) {
    field(out, tag, value.to_string().as_bytes());
}
