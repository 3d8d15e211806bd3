//! What is asked: one FIX message, a watch or a report, as a CheckRequest in two parts.
//!
//! The first part is the same for all messages of a kind (session, direction, MsgType, ids), byte for byte; the second has
//! what is a message's own. Protobuf merges the two, so whoever reads it has one request; who has read the first part
//! before need not read it again.

use super::certificate::Certificate;
use super::grpc;
use super::identity::Identity;
use super::wire::{
    Address, AttributeContext, CheckRequest, HttpRequest, Peer, Request, SocketAddress, Timestamp,
};
use crate::command::Direction;
use crate::credential::Authorization;
use crate::decision::{Revision, State, Terms, TermsName};
use crate::frame::SOH;
use crate::message::Message;
use crate::profile::Profile;
use crate::session_name::SessionName;
use crate::settings::Settings;
use crate::tags;
use std::collections::BTreeMap;
use time::OffsetDateTime;

/// The two ends of a connection, as the proxy saw them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peers {
    /// The client's address and port.
    pub source: (String, u32),
    /// The address and port that it connected to.
    pub destination: (String, u32),
    /// The name in its certificate: URI SAN, else DNS SAN, else subject; empty without one.
    pub principal: String,
    /// All that its certificate says of it.
    pub certificate: Certificate,
}

/// What every request of a connection has in common.
#[derive(Debug, Clone, Copy)]
pub struct Envelope<'a> {
    /// Unique for each request.
    pub id: &'a str,
    /// The connection's names.
    pub session: &'a SessionName,
    /// The two ends.
    pub peers: &'a Peers,
    /// The session's credential, once a Logon brought one.
    pub authorization: Option<&'a Authorization>,
    /// The newest state of the service that the session has heard of, so that a service with an older one can catch up first.
    pub revision: Option<Revision>,
    /// The filter's settings.
    pub settings: &'a Settings,
    /// The classes of tags.
    pub profile: &'a Profile,
    /// When the message was read.
    pub now: OffsetDateTime,
}

/// What is asked about a message.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// The first one.
    Logon,
    /// A later one.
    Message,
    /// A later one again, about which the answer at hand still holds: it has gone on.
    Refresh,
    /// One that brings a fresh credential.
    Renewal(Option<&'a Authorization>),
}

impl Event<'_> {
    fn as_str(self) -> &'static str {
        match self {
            Self::Logon => "logon",
            Self::Message | Self::Refresh => "message",
            Self::Renewal(_) => "renewal",
        }
    }
}

/// The header of each identifying field, where the message has it.
pub const IDENTIFIERS: [(u32, &str); 12] = [
    (tags::SENDER_COMP_ID, "x-fix-sender-comp-id"),
    (tags::TARGET_COMP_ID, "x-fix-target-comp-id"),
    (tags::SENDER_SUB_ID, "x-fix-sender-sub-id"),
    (tags::SENDER_LOCATION_ID, "x-fix-sender-location-id"),
    (tags::TARGET_SUB_ID, "x-fix-target-sub-id"),
    (tags::TARGET_LOCATION_ID, "x-fix-target-location-id"),
    (tags::ON_BEHALF_OF_COMP_ID, "x-fix-on-behalf-of-comp-id"),
    (tags::ON_BEHALF_OF_SUB_ID, "x-fix-on-behalf-of-sub-id"),
    (tags::ON_BEHALF_OF_LOCATION_ID, "x-fix-on-behalf-of-location-id"),
    (tags::DELIVER_TO_COMP_ID, "x-fix-deliver-to-comp-id"),
    (tags::DELIVER_TO_SUB_ID, "x-fix-deliver-to-sub-id"),
    (tags::DELIVER_TO_LOCATION_ID, "x-fix-deliver-to-location-id"),
];

/// Headers that are a message's own: a kind of messages has the others in common.
const OWN: [&str; 2] = [SEQ_NUM, BATCH];
const SEQ_NUM: &str = "x-fix-msg-seq-num";
/// How many messages a Check is about, where there are several.
pub(super) const BATCH: &str = "x-fix-batch";

pub(super) fn identifiers(message: &Message<'_>) -> impl Iterator<Item = (&'static str, String)> {
    IDENTIFIERS.iter().filter_map(|(tag, name)| message.get(*tag).map(|value| (*name, text(value))))
}

/// A CheckRequest in its two parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    common: CheckRequest,
    own: CheckRequest,
}

impl Asked {
    /// The two parts, one behind the other, as gRPC frames them.
    pub fn frame(&self) -> Vec<u8> {
        grpc::frame_parts([&self.common, &self.own])
    }
}

/// A Logon or a later message.
pub fn message(
    envelope: Envelope<'_>,
    event: Event<'_>,
    direction: Direction,
    message: &Message<'_>,
    terms: &Terms,
) -> Asked {
    assemble(envelope, http(envelope, event, direction, message, terms))
}

/// All of it that is about the message.
pub(super) fn http(
    envelope: Envelope<'_>,
    event: Event<'_>,
    direction: Direction,
    message: &Message<'_>,
    terms: &Terms,
) -> HttpRequest {
    let mut headers = common_headers(envelope, event.as_str(), direction);
    if let Event::Renewal(Some(fresh)) = event {
        headers.insert("x-fix-fresh-authorization".into(), fresh.reveal().into());
    }
    if matches!(event, Event::Refresh) {
        headers.insert("x-fix-refresh".into(), "Y".into());
    }
    headers.insert("x-fix-begin-string".into(), message.version.as_str().into());
    headers.insert("x-fix-msg-type".into(), message.msg_type.to_string());
    headers.insert(SEQ_NUM.into(), message.seq.to_string());
    headers.insert("x-fix-poss-dup".into(), if message.poss_dup { "Y" } else { "N" }.into());
    if let Some(name) = terms_name(event, terms) {
        headers.insert("x-fix-terms".into(), name.into());
    }
    headers.extend(identifiers(message).map(|(name, value)| (name.into(), value)));
    for tag in &envelope.settings.tag_headers {
        if let Some(value) = message.get(*tag) {
            headers.insert(format!("x-fix-tag-{tag}"), text(value));
        }
    }
    let mut raw_body = Vec::with_capacity(message.bytes.len());
    write_body(envelope, message, terms, &mut raw_body);
    HttpRequest {
        path: format!("/fix/{}/{}", direction.as_str(), message.msg_type),
        host: text(message.target),
        protocol: message.version.as_str().into(),
        raw_body,
        headers,
        ..Default::default()
    }
}

/// Returns the name of the terms by which the body is cut, or `None` if the service does not name its terms.
fn terms_name<'a>(event: Event<'_>, terms: &'a Terms) -> Option<&'a str> {
    match event {
        // Says that this filter names terms in its Checks. A service sends `x-fix-want-tags` to such filters only.
        Event::Logon => Some(TermsName::WHOLE),
        Event::Message | Event::Refresh if terms.is_whole => Some(TermsName::WHOLE),
        Event::Message | Event::Refresh => terms.name.as_ref().map(TermsName::as_str),
        Event::Renewal(_) => None,
    }
}

/// What the proxy did by itself: `kind` and `reason`.
pub fn report(
    envelope: Envelope<'_>,
    direction: Direction,
    identity: Option<&Identity>,
    kind: &str,
    reason: &str,
) -> Asked {
    let mut headers = common_headers(envelope, "report", direction);
    headers.insert("x-fix-report".into(), kind.into());
    headers.insert("x-fix-reason".into(), reason.into());
    of_session(envelope, direction, identity, headers)
}

/// Builds a watch, a long poll: the service answers when its state is no longer `known`. With `at_once` the service answers
/// without any wait (RFC 7240, 4.3), and so confirms the session's terms.
pub fn watch(envelope: Envelope<'_>, identity: Option<&Identity>, known: &State, at_once: bool) -> Asked {
    let mut headers = common_headers(envelope, "watch", Direction::Inbound);
    if let Some(etag) = &known.etag {
        headers.insert("if-none-match".into(), etag.as_str().into());
    }
    if at_once {
        headers.insert("prefer".into(), "wait=0".into());
    }
    of_session(envelope, Direction::Inbound, identity, headers)
}

/// What is about no message: the Logon says whose session it is.
fn of_session(
    envelope: Envelope<'_>,
    direction: Direction,
    identity: Option<&Identity>,
    mut headers: BTreeMap<String, String>,
) -> Asked {
    let mut http = HttpRequest { path: format!("/fix/{}/", direction.as_str()), ..Default::default() };
    if let Some(identity) = identity {
        headers.insert("x-fix-begin-string".into(), identity.version.as_str().into());
        headers.extend(identity.headers().map(|(name, value)| ((*name).into(), value.clone())));
        http.host = text(&identity.target);
        http.protocol = identity.version.as_str().into();
    }
    http.headers = headers;
    assemble(envelope, http)
}

fn common_headers(envelope: Envelope<'_>, event: &str, direction: Direction) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    if let Some(authorization) = envelope.authorization {
        headers.insert("authorization".into(), authorization.reveal().into());
    }
    if let Some(revision) = envelope.revision {
        headers.insert("x-fix-revision".into(), revision.to_string());
    }
    headers.insert("x-fix-session".into(), envelope.session.reveal().into());
    headers.insert("x-fix-event".into(), event.into());
    let certificate = envelope.peers.certificate.headers();
    headers.extend(certificate.map(|(name, value)| (name.into(), value.into())));
    headers.insert("x-fix-direction".into(), direction.as_str().into());
    headers
}

pub(super) fn assemble(envelope: Envelope<'_>, mut http: HttpRequest) -> Asked {
    http.method = "POST".into();
    let own = HttpRequest {
        id: envelope.id.into(),
        headers: OWN.iter().filter_map(|name| http.headers.remove_entry(*name)).collect(),
        raw_body: std::mem::take(&mut http.raw_body),
        ..Default::default()
    };
    let nanos = i32::try_from(envelope.now.nanosecond()).unwrap_or_default();
    let time = Timestamp { seconds: envelope.now.unix_timestamp(), nanos };
    let common = AttributeContext {
        source: Some(Peer {
            address: address(&envelope.peers.source),
            principal: envelope.peers.principal.clone(),
        }),
        destination: Some(Peer { address: address(&envelope.peers.destination), principal: String::new() }),
        request: Some(Request { time: None, http: Some(http) }),
        context_extensions: envelope.settings.context.clone(),
    };
    let own = AttributeContext {
        request: Some(Request { time: Some(time), http: Some(own) }),
        ..Default::default()
    };
    Asked { common: CheckRequest { attributes: Some(common) }, own: CheckRequest { attributes: Some(own) } }
}

fn address((host, port): &(String, u32)) -> Option<Address> {
    let socket_address = SocketAddress { address: host.clone(), port_value: *port };
    (!host.is_empty()).then_some(Address { socket_address: Some(socket_address) })
}

/// The wanted body fields as they stand: no trailer, no secret, and of the header only PossResend (97). A rule may ask for that one, and
/// no header of the Check says it.
pub(super) fn write_body(envelope: Envelope<'_>, message: &Message<'_>, terms: &Terms, to: &mut Vec<u8>) {
    let (settings, profile) = (envelope.settings, envelope.profile);
    let wanted = |tag: u32| match &terms.want_tags {
        Some(tags) => tags.binary_search(&tag).is_ok(),
        None => true,
    };
    let secret = |tag: u32| {
        settings.is_secret(tag) || profile.data_tag(tag).is_some_and(|data| settings.is_secret(data))
    };
    let of_header = |tag: u32| tag != tags::POSS_RESEND && profile.class(tag).is_header();
    for field in message.fields {
        if wanted(field.tag) && !of_header(field.tag) && !secret(field.tag) {
            let start = to.len();
            to.extend_from_slice(message.raw(field));
            if message.has_separators_in_data {
                hide_separators(to.get_mut(start..).unwrap_or_default());
            }
        }
    }
}

/// A separator in a value would end it, and what is behind it would be fields to the service: it becomes a NUL, which no other value
/// holds.
fn hide_separators(field: &mut [u8]) {
    if let Some((_, value)) = field.split_last_mut() {
        value.iter_mut().filter(|byte| **byte == SOH).for_each(|byte| *byte = 0);
    }
}

/// A protobuf string must be UTF-8; what is not, cannot equal any name that a policy knows.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::credential;
    use crate::decision::ETag;
    use crate::testing::{fix, raw, read};

    fn asked(body: &str, terms: &Terms) -> HttpRequest {
        request(|envelope, parsed| message(envelope, Event::Message, Direction::Inbound, parsed, terms), body)
    }

    /// What `write` asks, given the message `body` in a session with the token `tok`.
    fn request(write: impl FnOnce(Envelope<'_>, &Message<'_>) -> Asked, body: &str) -> HttpRequest {
        let json = br#"{"check":{"cluster":"authz"},"token":{"tags":[5000]},"tag_headers":[167]}"#;
        let settings = Settings::from_json(json).unwrap();
        let profile = settings.profile();
        let bytes = fix("FIX.4.4", body);
        let mut fields = Vec::new();
        let parsed = read(&bytes, &profile, 64, &mut fields).unwrap();
        let logon = fix("FIX.4.4", "35=A|34=1|49=A|56=B|5000=tok|");
        let mut logon_fields = Vec::new();
        let logon = read(&logon, &profile, 64, &mut logon_fields).unwrap();
        let found = credential::find(&logon, &[5000], &settings.token).unwrap().unwrap();
        let uris = [&b"spiffe://a/b"[..]];
        let certificate = Certificate::new(&[b'a'; 64], uris.into_iter(), std::iter::empty(), b"CN=a");
        let session = SessionName::new("c1".into());
        let envelope = Envelope {
            id: "c1-2",
            session: &session,
            peers: &Peers { certificate, ..Peers::default() },
            authorization: found.authorization.as_ref(),
            revision: Some(Revision { mapping: 3, restrictions: 7 }),
            settings: &settings,
            profile: &profile,
            now: OffsetDateTime::UNIX_EPOCH,
        };
        let whole: CheckRequest = grpc::unframe(&write(envelope, &parsed).frame()).unwrap();
        whole.attributes.unwrap().request.unwrap().http.unwrap()
    }

    const ORDER: &str = "35=D|34=7|49=A|56=B|50=desk|52=T|212=1|213=x|11=1|167=CS|167=OPT|554=pw|95=1|96=s|925=n|\
                         1401=1|1402=e|5000=t|58=caf\u{e9}|93=1|89=g|";

    #[test]
    fn carries_the_body_in_order_without_header_and_secrets() {
        let http = asked(ORDER, &Terms::default());
        assert_eq!(http.raw_body, raw("11=1|167=CS|167=OPT|58=caf\u{e9}|"));
        assert_eq!((http.path.as_str(), http.host.as_str()), ("/fix/inbound/D", "B"));
        assert_eq!(
            (http.method.as_str(), http.protocol.as_str(), http.id.as_str()),
            ("POST", "FIX.4.4", "c1-2")
        );
        let header = |name: &str| http.headers.get(name).map(String::as_str);
        assert_eq!(header("authorization"), Some("Bearer tok"));
        assert_eq!(header("x-fix-sender-sub-id"), Some("desk"));
        assert_eq!(header("x-fix-tag-167"), Some("CS"));
        assert_eq!(header("x-fix-poss-dup"), Some("N"));
        assert_eq!(header("x-fix-session"), Some("c1"));
        assert_eq!(header("x-fix-certificate-sha256"), Some("a".repeat(64).as_str()));
        assert_eq!(header("x-fix-certificate-uri-sans"), Some("spiffe://a/b"));
        assert_eq!(header("x-fix-certificate-dns-sans"), None);
        assert_eq!(header("x-fix-certificate-subject"), Some("CN=a"));
    }

    #[test]
    fn a_watch_says_whose_session_it_is_and_what_it_knows() {
        let known = State { etag: ETag::new("\"a b\""), ..State::default() };
        let http = request(
            |envelope, logon| watch(envelope, Some(&Identity::of(logon)), &known, true),
            "35=A|34=1|49=A|56=B|50=desk|142=x|57=y|143=z|115=o|128=d|98=0|5000=t|",
        );
        let text: Vec<String> = http.headers.iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(
            text,
            [
                "authorization=Bearer tok",
                "if-none-match=\"a b\"",
                "prefer=wait=0",
                "x-fix-begin-string=FIX.4.4",
                &format!("x-fix-certificate-sha256={}", "a".repeat(64)),
                "x-fix-certificate-subject=CN=a",
                "x-fix-certificate-uri-sans=spiffe://a/b",
                "x-fix-deliver-to-comp-id=d",
                "x-fix-direction=inbound",
                "x-fix-event=watch",
                "x-fix-on-behalf-of-comp-id=o",
                "x-fix-revision=3.7",
                "x-fix-sender-comp-id=A",
                "x-fix-sender-location-id=x",
                "x-fix-sender-sub-id=desk",
                "x-fix-session=c1",
                "x-fix-target-comp-id=B",
                "x-fix-target-location-id=z",
                "x-fix-target-sub-id=y",
            ]
        );
        assert_eq!((http.path.as_str(), http.host.as_str()), ("/fix/inbound/", "B"));
        assert!(http.raw_body.is_empty());
    }

    #[test]
    fn carries_only_what_was_wanted_and_never_a_wanted_secret() {
        let wanted = |tags: &[u32]| Terms { want_tags: Some(tags.to_vec()), ..Terms::default() };
        assert_eq!(asked(ORDER, &wanted(&[96, 167, 554, 5000])).raw_body, raw("167=CS|167=OPT|"));
        assert_eq!(asked(ORDER, &wanted(&[])).raw_body, b"");
    }

    #[test]
    fn carries_poss_resend_of_the_header_where_it_is_wanted() {
        let resent = "35=D|34=2|49=A|56=B|50=desk|97=Y|115=o|167=CS|";
        let wanted = |tags: &[u32]| Terms { want_tags: Some(tags.to_vec()), ..Terms::default() };
        assert_eq!(asked(resent, &wanted(&[50, 97, 115, 167])).raw_body, raw("97=Y|167=CS|"));
        assert_eq!(asked(resent, &wanted(&[167])).raw_body, raw("167=CS|"));
        assert_eq!(asked(resent, &Terms::default()).raw_body, raw("97=Y|167=CS|"));
    }

    #[test]
    fn names_the_terms_that_the_body_is_cut_by() {
        let named = |terms: &Terms| asked(ORDER, terms).headers.get("x-fix-terms").cloned();
        let terms = Terms { want_tags: Some(vec![167]), name: TermsName::new("t1"), ..Terms::default() };
        assert_eq!(named(&terms), Some("t1".to_owned()));
        assert_eq!(named(&Terms::default()), None);
        assert_eq!(named(&terms.whole()), Some("*".to_owned()));
        assert_eq!(asked(ORDER, &terms.whole()).raw_body, asked(ORDER, &Terms::default()).raw_body);
        let logon = |envelope: Envelope<'_>, parsed: &Message<'_>| {
            message(envelope, Event::Logon, Direction::Inbound, parsed, &Terms::default())
        };
        let logon = request(logon, "35=A|34=1|49=A|56=B|98=0|");
        assert_eq!(logon.headers.get("x-fix-terms").map(String::as_str), Some("*"));
    }
}
