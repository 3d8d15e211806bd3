//! What stands where the venue's GapFill covers numbers: the rest of the GapFill, a reject again, or one that nobody has seen.
//!
//! What is put there is a replay: PossDupFlag (43) is Y, and OrigSendingTime (122) says when it was first sent. What nobody
//! has seen has the GapFill's.

use super::reject::{Rejected, reject_body, reject_type};
use super::substitute::{carried, compose, field, header_ids, number};
use crate::contract::identity::HeaderId;
use crate::message::Message;
use crate::tags;

/// A part of the GapFill `fill`: from the number `from` to that before `to`.
pub fn gap_fill_part(fill: &Message<'_>, ids: &[HeaderId], from: u64, to: u64, out: &mut Vec<u8>) {
    compose(fill.version, out, |body| {
        field(body, tags::MSG_TYPE, b"4");
        for each in carried(fill) {
            match each.tag {
                tags::MSG_SEQ_NUM => number(body, tags::MSG_SEQ_NUM, from),
                _ => body.extend_from_slice(fill.raw(each)),
            }
        }
        header_ids(body, ids);
        field(body, tags::GAP_FILL_FLAG, b"Y");
        number(body, tags::NEW_SEQ_NO, to);
    });
}

/// As [`reject`](super::reject()), but at the number `seq` that a GapFill of the venue's covers: a replay of what nobody has seen.
pub fn late_reject(fill: &Message<'_>, ids: &[HeaderId], seq: u64, rejected: &Rejected, out: &mut Vec<u8>) {
    compose(fill.version, out, |body| {
        field(body, tags::MSG_TYPE, reject_type(fill.version, rejected));
        number(body, tags::MSG_SEQ_NUM, seq);
        let dated = [tags::ORIG_SENDING_TIME, tags::SENDING_TIME].iter().find_map(|tag| fill.get(*tag));
        for each in carried(fill) {
            match each.tag {
                tags::MSG_SEQ_NUM | tags::POSS_DUP_FLAG | tags::ORIG_SENDING_TIME => {}
                _ => body.extend_from_slice(fill.raw(each)),
            }
        }
        replayed(body, dated);
        reject_body(fill.version, ids, rejected, body);
    });
}

/// A message of ours again, as a replay: the present SendingTime (52) and LastMsgSeqNumProcessed (369) are those of the
/// GapFill that covers it.
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

/// PossDupFlag (43) and OrigSendingTime (122).
fn replayed(body: &mut Vec<u8>, first_sent: Option<&[u8]>) {
    field(body, tags::POSS_DUP_FLAG, b"Y");
    if let Some(first_sent) = first_sent {
        field(body, tags::ORIG_SENDING_TIME, first_sent);
    }
}
