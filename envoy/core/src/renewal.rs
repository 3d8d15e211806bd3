//! Renewal in the session: the requests that bring a fresh credential, and what the gateway answers.
//!
//! UserRequest (35=BE) and UserResponse (35=BF) exist from FIX 4.4; versions before it have types of the counterparties'
//! own, with the same fields. Only a request with a credential is one of renewal: the rest is the venue's business.

use crate::credential::{self, Credential};
use crate::decision::Denial;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::settings::{Settings, Token};
use crate::tags;
use crate::version::Version;
use crate::violation::Violation;

/// UserStatus (926).
const LOGGED_IN: &[u8] = b"1";
const PASSWORD_INCORRECT: &[u8] = b"4";
const PASSWORD_CHANGED: &[u8] = b"5";
const OTHER: &[u8] = b"6";

/// UserRequestType (924): a password is changed.
const CHANGE: &[u8] = b"3";

/// Which messages ask for renewal: the settings' form of it, made once.
#[derive(Debug)]
pub struct Renewals {
    user_request: bool,
    /// The request and its answer.
    custom: Option<(MsgType, MsgType)>,
    tags: Vec<u32>,
    token: Token,
}

impl Renewals {
    /// What the settings say. They were checked, so a custom type that is none does not occur.
    pub fn new(settings: &Settings) -> Self {
        Self {
            user_request: settings.renewal.user_request,
            custom: settings.renewal.custom.as_ref().and_then(|custom| custom.types().ok()),
            tags: settings.renewal_tags(),
            token: settings.token.clone(),
        }
    }

    /// The type of the answer, if `msg_type` can ask for renewal.
    #[inline]
    pub fn answered_by(&self, msg_type: MsgType, version: Version) -> Option<MsgType> {
        if msg_type == MsgType::USER_REQUEST && self.user_request && version.has_user_request() {
            return Some(MsgType::USER_RESPONSE);
        }
        self.custom.filter(|custom| custom.0 == msg_type).map(|custom| custom.1)
    }

    /// Whether messages of this type are meant to carry a credential, in any FIX version.
    pub fn brings_credentials(&self, msg_type: MsgType) -> bool {
        let custom = self.custom.is_some_and(|custom| custom.0 == msg_type);
        msg_type == MsgType::LOGON || msg_type == MsgType::USER_REQUEST || custom
    }

    /// The fresh credential of a message that can ask for renewal.
    ///
    /// # Errors
    /// It stands there more than once.
    pub fn credential(&self, message: &Message<'_>) -> Result<Option<Credential>, Violation> {
        credential::find(message, &self.tags, &self.token)
    }
}

/// The gateway's own answer to a request for renewal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserResponse {
    /// Its MsgType (35).
    pub msg_type: MsgType,
    /// UserRequestID (923), where the request has one.
    pub request_id: Option<Vec<u8>>,
    /// Username (553), where the request has one.
    pub username: Option<Vec<u8>>,
    /// The request was for a change (924=3).
    change: bool,
    /// Why it was refused, if it was.
    refused: Option<Denial>,
}

impl UserResponse {
    /// The longest id that is repeated: cut short it would name another request.
    const MAX_ID: usize = 256;

    /// The answer to `request`, so far that of success.
    pub fn to(request: &Message<'_>, msg_type: MsgType, settings: &Settings) -> Self {
        let kept = |tag| {
            let value =
                request.get(tag).filter(|value| value.len() <= Self::MAX_ID && !settings.is_secret(tag));
            value.map(<[u8]>::to_vec)
        };
        Self {
            msg_type,
            request_id: kept(tags::USER_REQUEST_ID),
            username: kept(tags::USERNAME),
            change: request.get(tags::USER_REQUEST_TYPE) == Some(CHANGE),
            refused: None,
        }
    }

    /// The answer of refusal.
    pub fn refuse(self, denial: Denial) -> Self {
        Self { refused: Some(denial), ..self }
    }

    /// UserStatus (926).
    pub fn status(&self) -> &'static [u8] {
        match (&self.refused, self.change) {
            (None, false) => LOGGED_IN,
            (None, true) => PASSWORD_CHANGED,
            (Some(denial), _) if denial.unauthenticated => PASSWORD_INCORRECT,
            (Some(_), _) => OTHER,
        }
    }

    /// UserStatusText (927).
    pub fn text(&self) -> Option<&[u8]> {
        self.refused.as_ref().map(|denial| denial.text.as_slice())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{fix, read};

    fn settings(renewal: &str) -> Settings {
        let json = format!(r#"{{"check":{{"cluster":"a"}},"renewal":{renewal}}}"#);
        Settings::from_json(json.as_bytes()).unwrap()
    }

    fn answered(renewal: &str, msg_type: &str, version: Version) -> Option<String> {
        let msg_type = MsgType::new(msg_type.as_bytes()).unwrap();
        Renewals::new(&settings(renewal)).answered_by(msg_type, version).map(|answer| answer.to_string())
    }

    fn response(body: &str, renewal: &str) -> UserResponse {
        let bytes = fix("FIX.4.4", &format!("35=BE|34=7|49=A|56=B|{body}"));
        let settings = settings(renewal);
        let mut fields = Vec::new();
        let request = read(&bytes, &settings.profile(), 64, &mut fields).unwrap();
        UserResponse::to(&request, MsgType::USER_RESPONSE, &settings)
    }

    #[test]
    fn user_request_exists_from_4_4_and_types_of_ones_own_everywhere() {
        let custom = r#"{"custom":{"request":"U1","response":"U2"}}"#;
        for version in [Version::Fix40, Version::Fix43] {
            assert_eq!(answered("{}", "BE", version), None);
            assert_eq!(answered(custom, "U1", version), Some("U2".into()));
        }
        for version in [Version::Fix44, Version::Fixt11] {
            assert_eq!(answered("{}", "BE", version), Some("BF".into()));
            assert_eq!(answered(custom, "BE", version), Some("BF".into()));
            assert_eq!(answered(custom, "U1", version), Some("U2".into()));
            assert_eq!(answered(r#"{"user_request":false}"#, "BE", version), None);
            assert_eq!(answered("{}", "U1", version), None);
        }
    }

    #[test]
    fn the_answer_repeats_the_request_and_says_how_it_went() {
        let logon = response("923=r-1|924=1|553=me|554=x|", "{}");
        assert_eq!(
            (logon.request_id.as_deref(), logon.username.as_deref()),
            (Some(&b"r-1"[..]), Some(&b"me"[..]))
        );
        assert_eq!((logon.status(), logon.text()), (LOGGED_IN, None));
        let change = response("924=3|925=x|", "{}");
        assert_eq!((change.request_id.as_deref(), change.status()), (None, PASSWORD_CHANGED));
        let denial = Denial::new(b"no", 6, None);
        let refused = change.clone().refuse(denial.clone());
        assert_eq!((refused.status(), refused.text()), (OTHER, Some(&b"no"[..])));
        let refused = change.refuse(Denial { unauthenticated: true, ..denial });
        assert_eq!(refused.status(), PASSWORD_INCORRECT);
    }

    #[test]
    fn the_answer_repeats_no_secret_and_nothing_overlong() {
        assert_eq!(response("923=r|553=s3cret|", r#"{"tags":[553]}"#).username, None);
        assert_eq!(response(&format!("923={}|", "r".repeat(257)), "{}").request_id, None);
    }
}
