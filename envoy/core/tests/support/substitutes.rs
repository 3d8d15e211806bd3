//! What the filter writes in the place of any message that it accepts: one message, strict, of the same sequence number and
//! CompIDs, with the other ids of the Logon and no id of the message, that says nothing but what it has to.

use super::checks::profile;
use super::run::framed_as;
use super::slow_parser;
use fix_authz_core::contract::identity::HeaderId;
use fix_authz_core::credential;
use fix_authz_core::decision::Denial;
use fix_authz_core::frame::{Frame, next_frame};
use fix_authz_core::message::{Message, parse};
use fix_authz_core::msg_type::MsgType;
use fix_authz_core::renewal::UserResponse;
use fix_authz_core::rewrite::{self, Rejected};
use fix_authz_core::settings::{Framing, Settings};
use fix_authz_core::tags;
use fix_authz_core::testing::show;
use fix_authz_core::version::Version;
use std::sync::LazyLock;
use time::OffsetDateTime;

const LONGEST: usize = 2_048;
const MAX_FIELDS: usize = 64;
/// No substitute has more fields than its original and these.
const MOST_ADDED: usize = 16;
const BEFORE: &[u8] = b"what was sent before";

/// Header fields that must not change, and those that belong to the replaced body or to no administrative message.
const KEPT: [u32; 7] = [34, 49, 56, 43, 52, 122, 369];
const DROPPED: [u32; 15] = [97, 212, 213, 90, 91, 93, 89, 347, 1128, 1129, 1156, 627, 628, 629, 630];

/// The ids that a Logon may have besides its CompIDs: those of its own side, and those of third parties with their counterparts.
const SESSION_IDS: [u32; 4] = [50, 142, 57, 143];
const ROUTES: [(u32, u32); 6] = [(115, 128), (116, 129), (144, 145), (128, 115), (129, 116), (145, 144)];

/// Versions as the first byte chooses them.
const VERSIONS: [&[u8]; 6] = [b"FIX.4.0", b"FIX.4.1", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIXT.1.1"];

type Write<'a> = &'a dyn Fn(&mut Vec<u8>);

/// The optional ids of the Logon, as a number chooses them: with a value that no message of the corpus has, or with one that some have.
fn logons_ids(choice: usize) -> Vec<HeaderId> {
    let tags = SESSION_IDS.iter().chain(ROUTES.iter().map(|(tag, _)| tag));
    let chosen = tags.enumerate().filter(|(nth, _)| ((choice * 37) >> (nth % 8)) & 1 == 1);
    chosen.map(|(nth, tag)| (*tag, [&b"LOGON"[..], b"desk"][nth % 2].to_vec())).collect()
}

/// The first line is the Text (58) of the denial, its first byte chooses the version, the reason and the ids of the Logon; the rest is a
/// message, or the body of one.
pub fn rewrite(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let (text, body) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (&b""[..], bytes),
    };
    let choice = usize::from(text.first().copied().unwrap_or(b'4'));
    let status = (choice % 3 > 0).then_some(choice as u32 * 99_991);
    let denial = Denial::new(text, choice as u8, status);
    let ids = logons_ids(choice);
    one(body, &ids, &denial);
    let version = VERSIONS[choice % VERSIONS.len()];
    one(&framed_as(version, body), &ids, &denial);
}

fn one(bytes: &[u8], ids: &[HeaderId], denial: &Denial) {
    let Ok(Frame::Complete { len, version, .. }) = next_frame(bytes, 1 << 16) else { return };
    let mut fields = Vec::new();
    let Ok(message) = parse(&bytes[..len], version, profile(), MAX_FIELDS, &mut fields) else { return };
    assert_in_place(&message, ids, denial);
    assert_answers(&message, ids, denial);
    assert_cut(&message);
    let mut out = BEFORE.to_vec();
    rewrite::refuse_logon(&message, denial, OffsetDateTime::UNIX_EPOCH, &mut out);
    on_only(&out, |refused| {
        assert_eq!((refused.sender, refused.target), (message.target, message.sender));
        assert_eq!((refused.seq, refused.msg_type.as_bytes(), refused.version), (1, &b"5"[..], version));
        assert_says_only(refused, &[34, 49, 50, 56, 57, 52, 58, 1409]);
    });
}

/// Client to venue, and venue to client.
fn assert_in_place(message: &Message<'_>, ids: &[HeaderId], denial: &Denial) {
    let id: &[u8] = b"0123456789abcdef";
    let writes: [(&[u8], &[u32], Write<'_>); 4] = [
        (b"1", &[112], &|out| rewrite::test_request(message, ids, id, out)),
        (b"4", &[123, 36], &|out| rewrite::gap_fill(message, ids, out)),
        (b"5", &[58], &|out| rewrite::logout(message, ids, denial, out)),
        (b"5", &[58, 1409], &|out| rewrite::ended(message, ids, denial, out)),
    ];
    for (msg_type, said, write) in writes {
        assert_substitute(message, msg_type, said, write, |written| {
            assert_ids(written, ids);
            assert_eq!(written.get(112), said.contains(&112).then_some(id));
            let next = (message.seq + 1).to_string();
            assert_eq!(written.get(36), said.contains(&36).then_some(next.as_bytes()));
            assert_eq!(written.get(58), said.contains(&58).then_some(&denial.text[..]));
        });
    }
}

/// What a Heartbeat becomes, whatever message it is about.
fn assert_answers(message: &Message<'_>, ids: &[HeaderId], denial: &Denial) {
    static SETTINGS: LazyLock<Settings> =
        LazyLock::new(|| Settings::from_json(br#"{"check":{"cluster":"a"}}"#).unwrap());
    let rejected = Rejected::new(message, denial.clone());
    let reject: (&[u8], &[u32]) = match message.version {
        Version::Fix40 | Version::Fix41 => (b"3", &[45, 58]),
        _ => (b"j", &[45, 372, 379, 380, 58]),
    };
    assert_substitute(
        message,
        reject.0,
        reject.1,
        &|out| rewrite::reject(message, ids, &rejected, out),
        |written| {
            // It goes back the way that the message came, whatever way the Logon came.
            let own = ids.iter().filter(|(tag, _)| SESSION_IDS.contains(tag)).cloned();
            let back = ROUTES.iter().filter_map(|(to, from)| Some((*to, message.get(*from)?.to_vec())));
            assert_ids(written, &own.chain(back).collect::<Vec<_>>());
            assert_eq!(written.get(45), Some(rejected.seq.to_string().as_bytes()));
            assert_eq!(written.get(58), Some(&denial.text[..]));
            let has_type = reject.0 == b"j";
            assert_eq!(written.get(372), has_type.then_some(message.msg_type.as_bytes()));
        },
    );
    let done = UserResponse::to(message, MsgType::USER_RESPONSE, &SETTINGS);
    for response in [done.clone().refuse(denial.clone()), done] {
        let write: Write<'_> = &|out| rewrite::user_response(message, ids, &response, out);
        assert_substitute(message, b"BF", &[923, 553, 926, 927], write, |written| {
            assert_ids(written, ids);
            assert!(written.get(926).is_some());
        });
    }
}

/// A message without its token is what it was, in order, but for the token and the length that announces it.
fn assert_cut(message: &Message<'_>) {
    for tag in [554, 925, 96, 89, 5_000, 5_002] {
        let mut out = BEFORE.to_vec();
        credential::without(message, &[tag], profile(), &mut out);
        on_only(&out, |written| {
            let length = match tag {
                96 => 95,
                89 => 93,
                5_002 => 5_001,
                _ => 0,
            };
            let kept = message.fields[2..message.fields.len() - 1]
                .iter()
                .filter(|field| field.tag != tag && field.tag != length)
                .map(|field| message.raw(field));
            let written_fields = &written.fields[2..written.fields.len() - 1];
            assert!(written_fields.iter().map(|field| written.raw(field)).eq(kept));
            assert_eq!(written.version, message.version);
        });
    }
}

fn assert_substitute(
    message: &Message<'_>,
    msg_type: &[u8],
    said: &[u32],
    write: Write<'_>,
    check: impl Fn(&Message<'_>),
) {
    let mut out = BEFORE.to_vec();
    write(&mut out);
    on_only(&out, |written| {
        assert_eq!((written.version, written.msg_type.as_bytes()), (message.version, msg_type));
        let same = |m: &Message<'_>| (m.seq, m.sender.to_vec(), m.target.to_vec(), m.poss_dup);
        assert_eq!(same(written), same(message));
        for tag in KEPT {
            assert_eq!(written.get(tag), message.get(tag), "{tag}");
        }
        assert!(DROPPED.iter().all(|tag| written.get(*tag).is_none()));
        let mut may_say = said.to_vec();
        may_say.extend(KEPT);
        may_say.extend(optional_tags());
        assert_says_only(written, &may_say);
        check(written);
    });
}

fn optional_tags() -> impl Iterator<Item = u32> {
    SESSION_IDS.into_iter().chain(ROUTES.map(|(tag, _)| tag))
}

/// Besides its CompIDs the message has exactly these ids.
fn assert_ids(written: &Message<'_>, ids: &[HeaderId]) {
    for tag in optional_tags() {
        let id = ids.iter().find(|(own, _)| *own == tag).map(|(_, value)| &value[..]);
        assert_eq!(written.get(tag), id, "{tag} in {}", show(written.bytes));
    }
}

/// Nothing of the replaced body slips through.
fn assert_says_only(message: &Message<'_>, tags: &[u32]) {
    for field in &message.fields[3..message.fields.len() - 1] {
        assert!(tags.contains(&field.tag), "{} in {}", field.tag, show(message.bytes));
    }
}

/// Behind what was there before stands one message, and nothing else; both parsers read it.
fn on_only(out: &[u8], check: impl FnOnce(&Message<'_>)) {
    let out = out.strip_prefix(BEFORE).unwrap();
    let frame = next_frame(out, 1 << 16);
    assert_eq!(frame, slow_parser::frame(out, 1 << 16, &Framing::STRICT));
    let Ok(Frame::Complete { len, version, .. }) = frame else { panic!("no message: {}", show(out)) };
    assert_eq!(len, out.len(), "more than one message");
    let (mut fields, mut slow_fields) = (Vec::new(), Vec::new());
    let message = parse(out, version, profile(), MAX_FIELDS + MOST_ADDED, &mut fields).unwrap();
    let slow =
        slow_parser::parse(out, version, profile(), MAX_FIELDS + MOST_ADDED, &mut slow_fields).unwrap();
    assert_eq!(slow_parser::head(&message), slow_parser::head(&slow));
    assert_eq!(message.get(tags::BEGIN_STRING), Some(version.as_str().as_bytes()));
    check(&message);
}
