//! Several messages in one Check, where the service offers to judge them so.
//!
//! Each costs a call less than one by one. Only what came together is asked about together, so nobody waits for company; a
//! lone message is asked about as ever. All messages of a Check are alike in what its headers say, but for MsgType (35),
//! MsgSeqNum (34) and PossDupFlag (43), which stand before the body fields of each. 35 is in no body, so the cut is clear.
//!
//! Invariant: an answer that does not count them allows none.

use super::request::{self, Asked, BATCH, Envelope, Event, IDENTIFIERS};
use super::response;
use super::wire::HttpRequest;
use crate::command::Direction;
use crate::decision::{Answer, Decision, State, Terms};
use crate::failure::Failure;
use crate::message::Message;
use crate::msg_type::MsgType;

/// A Check that has this many bytes of body fields takes no further message: the service evaluates a Check as a whole, and
/// other Checks wait meanwhile.
const MAX_BODY: usize = 16_384;

/// Messages of one session and direction, about which one Check asks.
#[derive(Debug)]
pub struct Batch {
    http: HttpRequest,
    first: (MsgType, u64, bool),
    count: usize,
}

impl Batch {
    /// A Check about `message`.
    pub fn begin(envelope: Envelope<'_>, direction: Direction, message: &Message<'_>, terms: &Terms) -> Self {
        let http = request::http(envelope, Event::Message, direction, message, terms);
        Self { http, first: (message.msg_type, message.seq, message.poss_dup), count: 1 }
    }

    /// Whether `message` may be asked about with the others, up to `most` of them.
    pub fn takes(&self, message: &Message<'_>, most: usize) -> bool {
        let alike = |(tag, name): &(u32, &str)| {
            self.http.headers.get(*name).map(String::as_bytes) == message.get(*tag)
        };
        self.count < most
            && self.http.raw_body.len() + message.bytes.len() <= MAX_BODY
            && self.http.protocol == message.version.as_str()
            && IDENTIFIERS.iter().all(alike)
    }

    /// Asks about `message`, too.
    pub fn add(&mut self, envelope: Envelope<'_>, message: &Message<'_>, terms: &Terms) {
        let to = &mut self.http.raw_body;
        if self.count == 1 {
            let body = std::mem::take(to);
            write_head(self.first, to);
            to.extend_from_slice(&body);
        }
        write_head((message.msg_type, message.seq, message.poss_dup), to);
        request::write_body(envelope, message, terms, to);
        self.count += 1;
    }

    /// The Check: about one message, as it has always been; about several, with their number.
    pub fn request(mut self, envelope: Envelope<'_>) -> Asked {
        if self.count > 1 {
            self.http.headers.insert(BATCH.into(), self.count.to_string());
        }
        request::assemble(envelope, self.http)
    }
}

fn write_head((msg_type, seq, poss_dup): (MsgType, u64, bool), to: &mut Vec<u8>) {
    to.extend_from_slice(format!("35={msg_type}\x0134={seq}\x01").as_bytes());
    if poss_dup {
        to.extend_from_slice(b"43=Y\x01");
    }
}

/// What an answer says of the messages that its Check was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdicts {
    /// The service allowed all messages, in this state.
    Allowed(State),
    /// So many are allowed, and the one behind them is not; those behind that are not judged.
    Until(usize, Answer),
    /// None is allowed.
    Denied(Answer),
}

/// Reads the body of an answer about `count` messages.
///
/// # Errors
/// As of an answer about one; and where what it allows is not the number that it must be.
pub fn verdicts(body: &[u8], count: usize) -> Result<Verdicts, Failure> {
    match response::counted(body)? {
        (Answer::Decided(Decision::Forward(_), state), Some(allowed)) if allowed == count => {
            Ok(Verdicts::Allowed(state))
        }
        // From a service that knows nothing of the others, for one.
        (Answer::Decided(Decision::Forward(_), _), _) => Err(Failure::Contradictory),
        (denied, None) => Ok(Verdicts::Denied(denied)),
        (denied, Some(allowed)) if allowed < count => Ok(Verdicts::Until(allowed, denied)),
        (_, Some(_)) => Err(Failure::Contradictory),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::contract::grpc;
    use crate::contract::request::Peers;
    use crate::contract::wire::{
        CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, OkHttpResponse,
        Status,
    };
    use crate::decision::Denial;
    use crate::session_name::SessionName;
    use crate::settings::Settings;
    use crate::testing::{fix, raw, read};
    use time::OffsetDateTime;

    /// The Check about these messages, each taken if it may be.
    fn asked(bodies: &[&str], most: usize) -> (HttpRequest, usize) {
        let settings = Settings::from_json(br#"{"check":{"cluster":"authz"}}"#).unwrap();
        let (profile, peers, terms) = (settings.profile(), Peers::default(), Terms::default());
        let session = SessionName::new("c1".into());
        let envelope = Envelope {
            id: "c1-2",
            session: &session,
            peers: &peers,
            authorization: None,
            revision: None,
            settings: &settings,
            profile: &profile,
            now: OffsetDateTime::UNIX_EPOCH,
        };
        let mut batch: Option<Batch> = None;
        let mut left_out = 0;
        for body in bodies {
            let (bytes, mut fields) = (fix("FIX.4.4", body), Vec::new());
            let message = read(&bytes, &profile, 64, &mut fields).unwrap();
            match &mut batch {
                None => batch = Some(Batch::begin(envelope, Direction::Inbound, &message, &terms)),
                Some(batch) if batch.takes(&message, most) => batch.add(envelope, &message, &terms),
                Some(_) => left_out += 1,
            }
        }
        let request = batch.unwrap().request(envelope);
        let request: CheckRequest = grpc::unframe(&request.frame()).unwrap();
        (request.attributes.unwrap().request.unwrap().http.unwrap(), left_out)
    }

    #[test]
    fn a_lone_message_is_asked_about_as_ever() {
        let (http, _) = asked(&["35=D|34=7|49=A|56=B|11=1|"], 64);
        assert_eq!(http.raw_body, raw("11=1|"));
        assert_eq!(http.headers.get("x-fix-batch"), None);
    }

    #[test]
    fn messages_stand_one_behind_another() {
        let bodies = [
            "35=D|34=7|49=A|56=B|11=1|554=pw|",
            "35=F|34=8|43=Y|49=A|56=B|41=1|11=2|",
            "35=AB|34=9|49=A|56=B|",
        ];
        let (http, left_out) = asked(&bodies, 64);
        assert_eq!(left_out, 0);
        assert_eq!(http.raw_body, raw("35=D|34=7|11=1|35=F|34=8|43=Y|41=1|11=2|35=AB|34=9|"));
        let header = |name: &str| http.headers.get(name).map(String::as_str);
        assert_eq!(header("x-fix-batch"), Some("3"));
        assert_eq!((header("x-fix-msg-type"), header("x-fix-msg-seq-num")), (Some("D"), Some("7")));
        assert_eq!((http.path.as_str(), http.id.as_str()), ("/fix/inbound/D", "c1-2"));
        assert_eq!(asked(&bodies, 2).1, 1);
    }

    #[test]
    fn takes_only_what_its_headers_are_true_of() {
        let first = "35=D|34=7|49=A|56=B|50=s|";
        for (second, left_out) in [
            ("35=D|34=8|49=A|56=B|50=s|", 0),
            ("35=D|34=8|49=A|56=B|50=t|", 1),
            ("35=D|34=8|49=A|56=B|", 1),
            ("35=D|34=8|49=A|56=B|50=s|57=x|", 1),
            ("35=D|34=8|49=C|56=B|50=s|", 1),
        ] {
            assert_eq!(asked(&[first, second], 64).1, left_out, "{second}");
        }
        let long = format!("35=D|34=8|49=A|56=B|50=s|58={}|", "x".repeat(MAX_BODY));
        assert_eq!(asked(&[first, &long], 64).1, 1);
    }

    fn answer(code: i32, action: &str, allowed: &[&str]) -> Vec<u8> {
        let header = |(key, value): (&str, &str)| HeaderValueOption {
            header: Some(HeaderValue { key: key.into(), value: value.into() }),
        };
        let said = allowed.iter().map(|count| ("x-fix-allowed", *count));
        let headers = std::iter::once(("x-fix-action", action)).chain(said).map(header).collect();
        let status = Some(Status { code });
        grpc::frame(&match code {
            0 => {
                CheckResponse { status, ok_response: Some(OkHttpResponse { headers }), ..Default::default() }
            }
            _ => {
                let denied_response = Some(DeniedHttpResponse { headers, body: "no".into() });
                CheckResponse { status, denied_response, ..Default::default() }
            }
        })
    }

    #[test]
    fn what_is_not_counted_is_not_allowed() {
        let said = |code, action: &str, allowed: &[&str]| verdicts(&answer(code, action, allowed), 3);
        let denial = || Denial::new(b"no", 6, None);
        let decided = |decision| Answer::Decided(decision, State::default());
        assert_eq!(said(0, "forward", &["3"]), Ok(Verdicts::Allowed(State::default())));
        for allowed in [&["2"][..], &["4"], &["0"], &[], &["x"], &["-3"], &["3", "3"]] {
            assert_eq!(said(0, "forward", allowed), Err(Failure::Contradictory), "{allowed:?}");
        }
        assert_eq!(said(7, "reject", &[]), Ok(Verdicts::Denied(decided(Decision::Reject(denial())))));
        assert_eq!(said(7, "reject", &["0"]), Ok(Verdicts::Until(0, decided(Decision::Reject(denial())))));
        assert_eq!(said(7, "logout", &["2"]), Ok(Verdicts::Until(2, decided(Decision::Logout(denial())))));
        assert_eq!(said(7, "disconnect", &["1"]), Ok(Verdicts::Until(1, decided(Decision::Disconnect))));
        for allowed in [&["3"][..], &["x"], &["1", "1"]] {
            assert_eq!(said(7, "reject", allowed), Err(Failure::Contradictory), "{allowed:?}");
        }
        assert_eq!(verdicts(b"", 3), Err(Failure::Grpc(None)));
    }
}
