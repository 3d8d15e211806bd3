//! The messages that the filter puts in the place of others.
//!
//! A substitute has the number (34), the CompIDs and the times of what it replaces, so that neither side's sequence is disturbed.
//! PossDupFlag (43) and OrigSendingTime (122) stay, for a replay remains a replay. The other ids are not those of the replaced
//! message but the Logon's: each function here is given them as `ids` (see [`substitute`]). What belongs to the replaced body or would be wrong on an administrative message goes: XmlData (212, 213), SecureData (90, 91),
//! MessageEncoding (347), ApplVerID and its like (1128, 1129, 1156), PossResend (97), and the signature (93, 89).

mod logout;
mod reject;
mod replay;
mod substitute;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod testing;

pub use logout::{ended, logout, refuse_logon};
pub use reject::{Cause, Rejected, reject};
pub use replay::{gap_fill_part, late_reject, put_back};
pub(crate) use substitute::{compose, field};

use crate::contract::identity::HeaderId;
use crate::message::Message;
use crate::renewal::UserResponse;
use crate::tags;
use substitute::{number, substitute};

/// Client to venue, denied: a TestRequest that every engine must answer with a Heartbeat carrying `id`.
pub fn test_request(message: &Message<'_>, ids: &[HeaderId], id: &[u8], out: &mut Vec<u8>) {
    substitute(message, ids, b"1", out, |body| field(body, tags::TEST_REQ_ID, id));
}

/// Denied without an answer of its own: a SequenceReset-GapFill over this one number.
pub fn gap_fill(message: &Message<'_>, ids: &[HeaderId], out: &mut Vec<u8>) {
    substitute(message, ids, b"4", out, |body| {
        field(body, tags::GAP_FILL_FLAG, b"Y");
        number(body, tags::NEW_SEQ_NO, message.seq + 1);
    });
}

/// The venue's Heartbeat becomes the gateway's own answer to a request for renewal.
pub fn user_response(heartbeat: &Message<'_>, ids: &[HeaderId], response: &UserResponse, out: &mut Vec<u8>) {
    substitute(heartbeat, ids, response.msg_type.as_bytes(), out, |body| {
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

#[cfg(test)]
mod tests {
    use super::testing::{ORDER, ids, rewrite};
    use super::*;

    #[test]
    fn a_test_request_keeps_the_number_and_has_the_ids_of_the_logon() {
        let text = |ids: &[HeaderId]| {
            rewrite("FIXT.1.1", ORDER, |order, out| test_request(order, ids, b"ab12", out))
        };
        assert_eq!(text(&[]), "35=1|34=7|49=A|56=B|52=T|112=ab12|");
        let logon = ids(&[(50, "x"), (57, "eq"), (115, "FUND")]);
        assert_eq!(text(&logon), "35=1|34=7|49=A|56=B|52=T|50=x|57=eq|115=FUND|112=ab12|");
    }

    #[test]
    fn a_gap_fill_covers_one_number_and_stays_a_replay() {
        let replay = "35=D|34=7|49=A|56=B|43=Y|52=T|122=S|11=x|";
        assert_eq!(
            rewrite("FIX.4.4", replay, |replay, out| gap_fill(replay, &[], out)),
            "35=4|34=7|49=A|56=B|43=Y|52=T|122=S|123=Y|36=8|"
        );
    }
}
