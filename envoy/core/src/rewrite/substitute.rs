//! A message under another's header: what of it is taken over, and the frame made anew around it.

use crate::frame::{SOH, check_sum, digits};
use crate::message::{Field, Message};
use crate::tags;
use crate::version::Version;

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

/// The fields of `message` that a substitute takes over.
pub(super) fn carried<'a>(message: &Message<'a>) -> impl Iterator<Item = &'a Field> + use<'a> {
    message.fields.iter().filter(|field| CARRIED.contains(&field.tag))
}

/// The header of `message` under another MsgType, with a body of its own.
pub(super) fn substitute(
    message: &Message<'_>,
    msg_type: &[u8],
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>),
) {
    compose(message.version, out, |body| {
        field(body, tags::MSG_TYPE, msg_type);
        carried(message).for_each(|field| body.extend_from_slice(message.raw(field)));
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
