//! Logouts: the session ends, has ended, or never began.

use super::substitute::{compose, field, number, substitute};
use crate::contract::identity::HeaderId;
use crate::decision::Denial;
use crate::message::Message;
use crate::tags;
use crate::version::Version;
use time::OffsetDateTime;

/// The session ends: a Logout in the place of the client's message.
pub fn logout(message: &Message<'_>, ids: &[HeaderId], denial: &Denial, out: &mut Vec<u8>) {
    substitute(message, ids, b"5", out, |body| field(body, tags::TEXT, &denial.text));
}

/// The session has ended: the venue's Logout says to the client why.
pub fn ended(logout: &Message<'_>, ids: &[HeaderId], denial: &Denial, out: &mut Vec<u8>) {
    substitute(logout, ids, b"5", out, |body| say_why(body, logout.version, denial));
}

/// Text (58), and on FIXT 1.1 SessionStatus (1409).
fn say_why(body: &mut Vec<u8>, version: Version, denial: &Denial) {
    field(body, tags::TEXT, &denial.text);
    if let (Version::Fixt11, Some(status)) = (version, denial.session_status) {
        number(body, tags::SESSION_STATUS, status.into());
    }
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

/// UTCTimestamp, to the millisecond where the version knows that.
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::decision::NOT_AUTHORIZED;
    use crate::rewrite::testing::{ORDER, denial, ids, rewrite};

    #[test]
    fn a_logout_takes_the_place_of_a_message() {
        let text = rewrite("FIX.4.2", ORDER, |message, out| {
            logout(message, &ids(&[(50, "desk")]), &denial(NOT_AUTHORIZED), out);
        });
        assert_eq!(text, "35=5|34=7|49=A|56=B|52=T|50=desk|58=Insufficient permissions|");
    }

    #[test]
    fn the_venues_logout_says_why_to_the_client() {
        let logout = "35=5|34=12|49=B|56=A|52=T|58=bye|1409=4|";
        let said =
            |version: &str| rewrite(version, logout, |m, out| ended(m, &[], &denial(NOT_AUTHORIZED), out));
        assert_eq!(said("FIX.4.4"), "35=5|34=12|49=B|56=A|52=T|58=Insufficient permissions|");
        assert_eq!(said("FIXT.1.1"), "35=5|34=12|49=B|56=A|52=T|58=Insufficient permissions|1409=8|");
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
