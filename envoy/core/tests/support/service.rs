//! A decision service for tests: what it was asked, as the wire says it, and the bytes of what it answers.

use fix_authz_core::command::CheckId;
use fix_authz_core::contract::grpc;
use fix_authz_core::contract::wire::{
    CheckRequest, CheckResponse, DeniedHttpResponse, HeaderValue, HeaderValueOption, HttpRequest,
    OkHttpResponse, Status,
};
use fix_authz_core::failure::Failure;
use fix_authz_core::testing::show;

/// A Check that went out.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    pub id: CheckId,
    pub timeout_ms: u32,
    pub http: HttpRequest,
}

impl Asked {
    pub fn read(id: CheckId, frame: &[u8], timeout_ms: u32) -> Self {
        let request: CheckRequest = grpc::unframe(frame).unwrap();
        Self { id, timeout_ms, http: request.attributes.unwrap().request.unwrap().http.unwrap() }
    }

    /// A report, which no answer is awaited of. Its number is in the request's own id.
    pub fn read_report(frame: &[u8]) -> Self {
        let asked = Self::read(0, frame, 0);
        let (_, id) = asked.request_id().rsplit_once('-').unwrap();
        Self { id: id.parse().unwrap(), ..asked }
    }

    /// The request's own id, which logs print.
    pub fn request_id(&self) -> &str {
        &self.http.id
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.http.headers.get(name).map(String::as_str)
    }

    pub fn event(&self) -> &str {
        self.header("x-fix-event").unwrap()
    }

    pub fn is_inbound(&self) -> bool {
        self.header("x-fix-direction") == Some("inbound")
    }

    pub fn msg_type(&self) -> &str {
        self.header("x-fix-msg-type").unwrap()
    }

    pub fn seq(&self) -> u64 {
        self.header("x-fix-msg-seq-num").unwrap().parse().unwrap()
    }

    /// What it asks about: several messages from the body, one from the headers.
    pub fn messages(&self) -> Vec<AskedMessage> {
        if matches!(self.event(), "watch" | "report") {
            return Vec::new();
        }
        let Some(count) = self.header("x-fix-batch") else {
            let poss_dup = self.header("x-fix-poss-dup") == Some("Y");
            let (msg_type, seq, body) = (self.msg_type().to_owned(), self.seq(), self.body());
            return vec![AskedMessage { msg_type, seq, poss_dup, body }];
        };
        let text = format!("|{}", self.body());
        let messages: Vec<AskedMessage> = text.split("|35=").skip(1).map(AskedMessage::read).collect();
        assert!(messages.len() > 1 && messages.len().to_string() == count && text.starts_with("|35="));
        assert_eq!((messages[0].msg_type.as_str(), messages[0].seq), (self.msg_type(), self.seq()));
        assert_eq!(messages[0].poss_dup, self.header("x-fix-poss-dup") == Some("Y"));
        messages
    }

    pub fn bearer(&self) -> Option<&str> {
        self.header("authorization").map(bearer)
    }

    /// The token of a renewal.
    pub fn fresh(&self) -> Option<&str> {
        self.header("x-fix-fresh-authorization").map(bearer)
    }

    /// It asks about a decision that still holds; no message waits for it.
    pub fn is_refresh(&self) -> bool {
        self.header("x-fix-refresh") == Some("Y")
    }

    pub fn body(&self) -> String {
        show(&self.http.raw_body)
    }
}

/// One of the messages that a Check is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedMessage {
    pub msg_type: String,
    pub seq: u64,
    pub poss_dup: bool,
    pub body: String,
}

impl AskedMessage {
    /// Behind its `35=`.
    fn read(text: &str) -> Self {
        let (msg_type, rest) = text.split_once("|34=").unwrap();
        let (seq, rest) = rest.split_once('|').unwrap_or((rest, ""));
        let (poss_dup, rest) = match rest.strip_prefix("43=Y") {
            Some(rest) => (true, rest.strip_prefix('|').unwrap_or(rest)),
            None => (false, rest),
        };
        let end = if rest.is_empty() || rest.ends_with('|') { "" } else { "|" };
        Self {
            msg_type: msg_type.to_owned(),
            seq: seq.parse().unwrap(),
            poss_dup,
            body: format!("{rest}{end}"),
        }
    }
}

/// What is no bearer token is shown whole.
fn bearer(value: &str) -> &str {
    value.strip_prefix("Bearer ").unwrap_or(value)
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// With headers, their names without `x-fix-`.
    Allow(Vec<(String, String)>),
    Reject(Denied),
    Logout(Denied),
    Disconnect,
    /// So many messages of a Check are allowed, and the one behind them is not.
    Until(usize, Box<Verdict>),
    Failure(Failure),
    /// The service has other terms: these.
    OtherTerms(Vec<(String, String)>),
    /// A body that is no answer.
    Garbage,
}

/// The status, 380, 1409 and 58.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// google.rpc.Code
    pub code: i32,
    pub reason: u8,
    pub status: Option<u32>,
    pub text: String,
}

impl Verdict {
    pub fn allow() -> Self {
        Self::Allow(Vec::new())
    }

    pub fn reject() -> Self {
        Self::Reject(Denied { code: 7, reason: 6, status: None, text: "Insufficient permissions".into() })
    }

    pub fn logout() -> Self {
        Self::Logout(Denied { code: 7, reason: 6, status: None, text: "access token expired".into() })
    }

    /// The order to end a session that no message is about.
    pub fn kill() -> Self {
        Self::Logout(Denied { code: 7, reason: 6, status: None, text: "ended by the operator".into() })
    }

    /// All of several messages.
    pub fn allow_all(count: usize) -> Self {
        Self::Allow(vec![("allowed".into(), count.to_string())])
    }

    /// What it says of each of `count` messages; `None`: nothing, of what is not judged.
    pub fn of_each(&self, count: usize) -> Vec<Option<Self>> {
        match self {
            Self::Until(allowed, denied) => (0..count)
                .map(|nth| match nth.cmp(allowed) {
                    std::cmp::Ordering::Less => Some(Self::allow()),
                    std::cmp::Ordering::Equal => Some((**denied).clone()),
                    std::cmp::Ordering::Greater => None,
                })
                .collect(),
            Self::Allow(_) if count > 1 && *self != Self::allow_all(count) => {
                vec![Some(Self::Garbage); count]
            }
            verdict => vec![Some(verdict.clone()); count],
        }
    }

    /// `allow guard-outbound=8 …`, `terms terms=t2 …`, `reject 6 text`, `reject 401 6 text`, `logout 6 status=8 text`, `disconnect`,
    /// `until 2 reject …`, `no-answer`, `unreachable`, `garbage`. In an `allow`, `^` stands for a space.
    pub fn parse(text: &str) -> Self {
        let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
        match verb {
            "allow" => Self::Allow(pairs(rest)),
            "terms" => Self::OtherTerms(pairs(rest)),
            "reject" => Self::Reject(Denied::parse(rest)),
            "logout" => Self::Logout(Denied::parse(rest)),
            "disconnect" => Self::Disconnect,
            "until" => {
                let (allowed, denied) = rest.split_once(' ').unwrap();
                Self::Until(allowed.parse().unwrap(), Box::new(Self::parse(denied)))
            }
            "no-answer" => Self::Failure(Failure::NoAnswer),
            "unreachable" => Self::Failure(Failure::Unreachable),
            "garbage" => Self::Garbage,
            _ => panic!("unknown verdict `{text}`"),
        }
    }

    /// The tags that an allowance to be kept rests on.
    pub fn vary(&self) -> Option<Vec<u32>> {
        let Self::Allow(headers) = self else { return None };
        let header = |name: &str| headers.iter().find(|header| header.0 == name).map(|header| &header.1);
        header("cache-control")?;
        Some(
            header("vary")
                .map_or(Vec::new(), |tags| tags.split(',').filter_map(|tag| tag.parse().ok()).collect()),
        )
    }

    /// What the shell hands in.
    pub fn body(&self) -> Result<Vec<u8>, Failure> {
        let response = match self {
            Self::Until(allowed, denied) => {
                let mut response: CheckResponse = grpc::unframe(&denied.body()?).unwrap();
                let allowed = header("x-fix-allowed", &allowed.to_string());
                response.denied_response.as_mut().unwrap().headers.push(allowed);
                response
            }
            Self::Allow(terms) => {
                let ok_response = Some(OkHttpResponse { headers: told("forward", terms) });
                CheckResponse { status: Some(Status { code: 0 }), ok_response, ..Default::default() }
            }
            Self::OtherTerms(terms) => CheckResponse {
                status: Some(Status { code: 9 }),
                denied_response: Some(DeniedHttpResponse {
                    headers: told("terms", terms),
                    body: String::new(),
                }),
                ..Default::default()
            },
            Self::Reject(denied) => denied.response("reject"),
            Self::Logout(denied) => denied.response("logout"),
            Self::Disconnect => CheckResponse {
                status: Some(Status { code: 7 }),
                denied_response: Some(DeniedHttpResponse {
                    headers: vec![header("x-fix-action", "disconnect")],
                    body: String::new(),
                }),
                ..Default::default()
            },
            Self::Failure(failure) => return Err(*failure),
            Self::Garbage => return Ok(b"\0\0\0\0\x09nonsense!".to_vec()),
        };
        Ok(grpc::frame(&response))
    }
}

impl Denied {
    fn parse(text: &str) -> Self {
        let (code, text) = text.strip_prefix("401 ").map_or((7, text), |rest| (16, rest));
        let (reason, mut text) = text.split_once(' ').unwrap();
        let mut status = None;
        if let Some((number, rest)) = text.strip_prefix("status=").and_then(|rest| rest.split_once(' ')) {
            status = Some(number.parse().unwrap());
            text = rest;
        }
        Self { code, reason: reason.parse().unwrap(), status, text: text.into() }
    }

    fn response(&self, action: &str) -> CheckResponse {
        let mut headers =
            vec![header("x-fix-action", action), header("x-fix-reject-reason", &self.reason.to_string())];
        headers.extend(self.status.map(|status| header("x-fix-session-status", &status.to_string())));
        CheckResponse {
            status: Some(Status { code: self.code }),
            denied_response: Some(DeniedHttpResponse { headers, body: self.text.clone() }),
            ..Default::default()
        }
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split_whitespace()
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.replace('^', " ")))
        .collect()
}

fn told(action: &str, pairs: &[(String, String)]) -> Vec<HeaderValueOption> {
    let pairs = pairs.iter().map(|(name, value)| match name.as_str() {
        "etag" | "cache-control" => header(name, value),
        _ => header(&format!("x-fix-{name}"), value),
    });
    std::iter::once(header("x-fix-action", action)).chain(pairs).collect()
}

pub fn header(key: &str, value: &str) -> HeaderValueOption {
    HeaderValueOption { header: Some(HeaderValue { key: key.into(), value: value.into() }) }
}
