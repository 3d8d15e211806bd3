//! What must hold for any bytes at all: the fuzz targets, and the corpus test, call these.

use super::run::{Op, Run, assert_same, framed};
use super::service::Verdict;
use super::slow_parser;
use fix_authz_core::command::Direction;
use fix_authz_core::contract::request::IDENTIFIERS;
use fix_authz_core::frame::{Frame, SOH, next_frame, next_frame_by};
use fix_authz_core::layouts::{Alike, Ground, Layouts, Sighting};
use fix_authz_core::message::{Field, Message, parse};
use fix_authz_core::profile::Profile;
use fix_authz_core::settings::Framing;
use fix_authz_core::tags;
use fix_authz_core::testing::show;
use fix_authz_core::version::Version;
use fix_authz_core::violation::Violation;
use std::sync::LazyLock;

/// Longer inputs teach a fuzzer nothing more, and cost much.
const LONGEST: usize = 2_048;

/// Framing: the verdict on a stream does not depend on how much more of it has arrived.
pub fn frame(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let strict = frame_by(bytes, &Framing::STRICT);
    let padded = frame_by(bytes, &Framing { padded_body_length: true, ..Framing::STRICT });
    // What the strict profile takes, the other takes for the same.
    if let Some(Ok(Frame::Complete { .. })) = strict {
        assert_eq!(padded, strict);
    }
}

fn frame_by(bytes: &[u8], framing: &Framing) -> Option<Result<Frame, Violation>> {
    const MAX: usize = 512;
    const AT_THE_END: usize = 8;
    let mut settled = None;
    let mut ends = 0..=bytes.len();
    while let Some(end) = ends.next() {
        let now = next_frame_by(&bytes[..end], MAX, framing);
        assert_eq!(now, slow_parser::frame(&bytes[..end], MAX, framing), "read otherwise after {end} bytes");
        if let Some(before) = settled {
            assert_eq!(now, before, "another verdict after {end} bytes");
        } else if now != Ok(Frame::Partial) {
            settled = Some(now);
            // Some bytes more, and then all of them: each end costs a pass over the bytes.
            ends = bytes.len().min(end + 1).max(bytes.len().saturating_sub(AT_THE_END))..=bytes.len();
        } else {
            assert!(end < MAX, "no verdict after {end} bytes");
        }
        if let Ok(Frame::Complete { len, body, .. }) = now {
            assert!(len <= end && len <= MAX && body + 7 < len);
            let sum: u32 = bytes[..len - 7].iter().map(|byte| u32::from(*byte)).sum();
            assert_eq!(bytes[len - 7..len], *format!("10={:03}\x01", sum % 256).as_bytes());
            assert_eq!(bytes[body - 1], SOH);
        }
    }
    settled
}

/// Parsing: what is taken is what the simplest reading says. The bytes are tried as they stand and as a body with the right
/// length and sum around them.
pub fn message(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    one_message(bytes);
    one_message(&framed(bytes));
}

/// With a data field of the venue's own.
pub fn profile() -> &'static Profile {
    static PROFILE: LazyLock<Profile> = LazyLock::new(|| Profile::new(&[(5001, 5002)], &[]));
    &PROFILE
}

fn one_message(bytes: &[u8]) {
    let Ok(Frame::Complete { len, version, .. }) = next_frame(bytes, 1 << 16) else { return };
    let bytes = &bytes[..len];
    assert_same_reading(bytes, version, profile(), 64);
    // Fewer fields than many have.
    assert_same_reading(bytes, version, profile(), 8 + len % 24);
    let mut fields = Vec::new();
    if let Ok(message) = parse(bytes, version, profile(), 64, &mut fields) {
        assert_plain_reading(&message);
    }
}

/// Reading at a glance: of two messages, the second is of the first one's layout only if it is read whole as that one was.
/// They are tried as they stand, and as bodies with the right length and sum around them.
pub fn layouts(bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let (first, second) = bytes.split_at(bytes.len().min(usize::from(*cut)));
    glance(first, second);
    glance(&framed(first), &framed(second));
    let alike = framed(first);
    let mut tampered = alike.clone();
    tampered.iter_mut().zip(second).for_each(|(byte, change)| *byte ^= change);
    glance(&alike, &tampered);
    glance(&alike, &summed(tampered));
}

/// With the right sum at the end of what is framed already.
pub fn summed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(end) = bytes.len().checked_sub(7) {
        let sum: u32 = bytes[..end].iter().map(|byte| u32::from(*byte)).sum();
        bytes[end..].copy_from_slice(format!("10={:03}\x01", sum % 256).as_bytes());
    }
    bytes
}

/// One of [`layouts`]; whether the second was seen to be like the first.
pub fn glance(first: &[u8], second: &[u8]) -> bool {
    let mut seen = false;
    for ground in [Ground::Free, Ground::Kept] {
        let mut fields = Vec::new();
        let Some(message) = whole(first, &mut fields) else { return false };
        let mut layouts = Layouts::new(SEED);
        layouts.learn(&message, profile(), ground, decides);
        layouts.follow(message.bytes, message.seq);
        let alike = alike(&mut layouts, second);
        let sighting = layouts.sight(second);
        let like = sighting
            .filter(|sighting| ground == Ground::Free || deciding(sighting) == raw(&message, decides));
        // A precedent sees no other messages than its layout does with what decides.
        if let Some(alike) = alike {
            assert_eq!(ground, Ground::Kept);
            let Some(Sighting { message: read, number, layout }) = like else { panic!("{}", show(second)) };
            assert_eq!((alike.message, alike.number, alike.held), (read, number, message.seq));
            assert_eq!(alike.msg_type, layout.msg_type);
        }
        let Some(sighting) = like else { continue };
        assert_eq!(alike.is_some(), ground == Ground::Kept, "{}", show(second));
        seen = true;
        assert_alike(&message, &sighting);
    }
    seen
}

const SEED: u64 = 7;

fn alike<'a>(layouts: &mut Layouts<u64>, bytes: &'a [u8]) -> Option<Alike<'a, u64>> {
    let mut found = None;
    layouts.sight_alike(bytes, |alike| found.replace(alike).is_none());
    found
}

/// What every decision rests on, and some tags more.
fn decides(tag: u32) -> bool {
    tag.is_multiple_of(5) && tag != tags::CHECK_SUM
        || IDENTIFIERS.iter().any(|(identifier, _)| *identifier == tag)
}

fn whole<'a>(bytes: &'a [u8], fields: &'a mut Vec<Field>) -> Option<Message<'a>> {
    let Ok(Frame::Complete { len, version, .. }) = next_frame(bytes, 1 << 16) else { return None };
    parse(&bytes[..len], version, profile(), 64, fields).ok()
}

fn raw(message: &Message<'_>, decides: impl Fn(u32) -> bool) -> Vec<u8> {
    message
        .fields
        .iter()
        .filter(|field| decides(field.tag))
        .flat_map(|field| message.raw(field))
        .copied()
        .collect()
}

fn deciding(sighting: &Sighting<'_, '_>) -> Vec<u8> {
    sighting.parts().flat_map(|part| part.map(|part| &part.bytes[..part.length]).unwrap()).copied().collect()
}

fn assert_alike(message: &Message<'_>, sighting: &Sighting<'_, '_>) {
    let mut fields = Vec::new();
    let read = whole(sighting.message, &mut fields).expect("what is seen is read");
    assert_eq!(read.bytes, sighting.message);
    assert_eq!(read.fields, message.fields);
    assert_eq!(
        (read.seq, read.msg_type, read.poss_dup),
        (sighting.number.value().into(), message.msg_type, false)
    );
    assert_eq!((read.version, read.sender, read.target), (message.version, message.sender, message.target));
    assert_eq!(sighting.layout.msg_type, message.msg_type);
    assert_eq!(raw(&read, decides), raw(message, decides));
    assert_eq!(deciding(sighting), raw(&read, decides));
}

/// The parser and [`slow_parser`] say the same of a framed message: the same fields and header, or the same violation.
pub fn assert_same_reading(bytes: &[u8], version: Version, profile: &Profile, max_fields: usize) {
    let mut fields = Vec::new();
    let mut slow_fields = Vec::new();
    let fast =
        parse(bytes, version, profile, max_fields, &mut fields).map(|message| slow_parser::head(&message));
    let slow = slow_parser::parse(bytes, version, profile, max_fields, &mut slow_fields);
    let slow = slow.map(|message| slow_parser::head(&message));
    assert_eq!(fast, slow, "{}", show(bytes));
}

/// Split at SOH, then at the first `=`: with strict data fields that is all there is to it.
fn assert_plain_reading(message: &Message<'_>) {
    let text = message.bytes.strip_suffix(&[SOH]).unwrap();
    let plain: Vec<&[u8]> = text.split(|byte| *byte == SOH).collect();
    assert_eq!(plain.len(), message.fields.len());
    for (plain, field) in plain.iter().zip(message.fields) {
        let equals = plain.iter().position(|byte| *byte == b'=').unwrap();
        assert_eq!(plain[..equals], *field.tag.to_string().as_bytes());
        assert_eq!(plain[equals + 1..], *message.value(field));
        assert!(!message.value(field).is_empty());
    }
    let tags: Vec<u32> = message.fields.iter().map(|field| field.tag).collect();
    assert_eq!(tags[..3], [tags::BEGIN_STRING, tags::BODY_LENGTH, tags::MSG_TYPE]);
    assert_eq!(tags.last(), Some(&tags::CHECK_SUM));
    assert!(!message.bytes.contains(&0));
    for tag in tags::SINGLE_HEADER.into_iter().chain(tags::SINGLE_BODY) {
        assert!(message.count(tag) <= 1, "{tag} stands twice");
    }
}

/// Sessions: whatever arrives and is answered, the law holds, and cutting the bytes elsewhere changes nothing.
pub fn session(bytes: &[u8]) {
    // In all the places where a field or a message may be cut; `split.rs` cuts at every byte.
    const CUTS: [usize; 12] = [1, 2, 1, 3, 1, 17, 1, 64, 7, 1, 512, 31];
    let mut nth = bytes.len();
    let mut cut = |_| {
        nth += 1;
        CUTS[nth % CUTS.len()]
    };
    let ops = ops(&bytes[..bytes.len().min(LONGEST)]);
    let (run, whole) = Run::play(&ops, |len| len);
    // The law tells the messages of kept answers apart by their numbers.
    let kept = bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"k"));
    let is_told = !(kept || run.is_changed()) || run.has_distinct_numbers();
    if is_told {
        run.assert_lawful();
    }
    let (again, pieces) = Run::play(&ops, &mut cut);
    let paused = Run::play_paused(&ops, &mut cut);
    if is_told {
        paused.assert_lawful();
    }
    if run.is_violated() || again.is_violated() {
        // A violation ends both directions, and how far the other one is by then depends on the cut.
        if is_told {
            again.assert_lawful();
        }
        assert!(run.is_violated() && again.is_violated(), "another split, another verdict");
        for (one, other) in [(&run.inbound, &again.inbound), (&run.outbound, &again.outbound)] {
            let alike = one.sent.starts_with(&other.sent) || other.sent.starts_with(&one.sent);
            assert!(alike, "another split, other bytes");
        }
        return;
    }
    // Another split, the same outcomes, which are as lawful.
    if assert_same(&whole, &pieces) {
        assert_eq!(run.counts(), again.counts());
    }
    // The same when every message is read whole.
    let (forgetful, read_whole) = Run::play_forgetful(&ops);
    if assert_same(&whole, &read_whole) {
        assert_eq!(run.counts(), forgetful.counts());
    }
}

/// Sessions where several messages are asked about at once: the law holds, however the bytes are cut.
pub fn batching(bytes: &[u8]) {
    let ops = ops(&bytes[..bytes.len().min(LONGEST)]);
    let run = Run::play_batching(&ops, |len| len);
    // The law tells messages that are asked about anew by their numbers.
    if !run.has_distinct_numbers() {
        return;
    }
    run.assert_lawful();
    let mut next = bytes.len();
    let cut = |_| {
        next += 1;
        [400, 150, 33, 700][next % 4]
    };
    Run::play_batching(&ops, cut).assert_lawful();
}

/// Operations, one a line, `|` for SOH: `c` and `v` a message's body or `D 7 11=a|` from client or venue, framed; `C` and
/// `V` bytes as they stand; `a` `r` `l` `f` `g` an answer (allow, reject, logout, failure, garbage) to the n-th Check that is
/// out; `k n k` an allowance that is kept; `d` one of disconnect; `w n k` an answer to the n-th watch that is out (k: 0 no change, 1 a change, 2 the end, 3
/// disconnect, 4 failure, 5 garbage, 6 reject); `h n seq` the venue's Heartbeat to the n-th TestRequest; `e` `E` an end; `t` some seconds pass.
pub fn ops(bytes: &[u8]) -> Vec<Op> {
    bytes.split(|byte| *byte == b'\n').filter_map(op).collect()
}

fn op(line: &[u8]) -> Option<Op> {
    let (verb, rest) = line.split_first()?;
    let rest: Vec<u8> = rest.iter().map(|byte| if *byte == b'|' { SOH } else { *byte }).collect();
    let numbers: Vec<usize> =
        show(&rest).split_whitespace().filter_map(|number| number.parse().ok()).collect();
    let nth = numbers.first().copied().unwrap_or_default();
    let failure = || Verdict::parse("no-answer");
    Some(match verb {
        b'c' => Op::Bytes(Direction::Inbound, composed(&rest, "49=ALGO\x0156=VENUE")),
        b'v' => Op::Bytes(Direction::Outbound, composed(&rest, "49=VENUE\x0156=ALGO")),
        b'C' => Op::Bytes(Direction::Inbound, rest),
        b'V' => Op::Bytes(Direction::Outbound, rest),
        b'a' => Op::Answer(nth, Verdict::allow()),
        b'k' => Op::Answer(nth, kept(numbers.get(1).copied().unwrap_or_default())),
        b'r' => Op::Answer(nth, Verdict::reject()),
        b'l' => Op::Answer(nth, Verdict::logout()),
        b'd' => Op::Answer(nth, Verdict::Disconnect),
        b'w' => Op::Watched(nth, watched(numbers.get(1).copied().unwrap_or_default())),
        b'f' => Op::Answer(nth, failure()),
        b'g' => Op::Answer(nth, Verdict::Garbage),
        b'h' => Op::Heartbeat(nth, u64::try_from(numbers.get(1).copied()?).ok()?),
        b'e' => Op::End(Direction::Inbound),
        b'E' => Op::End(Direction::Outbound),
        b't' => Op::After(3_000),
        _ => return None,
    })
}

/// What holds for other messages too, by number.
fn kept(kind: usize) -> Verdict {
    let kinds = [
        "max-age=2 vary=167",
        "max-age=9,stale-if-error=2 vary=167",
        "max-age=5,stale-if-error=60 vary=11,167",
        "max-age=60 vary=11",
        "max-age=60",
    ];
    Verdict::parse(&format!("allow cache-control={}", kinds[kind % kinds.len()]))
}

/// What a watch may be answered, by number.
pub fn watched(kind: usize) -> Verdict {
    match kind % 7 {
        0 => Verdict::parse("allow etag=\"0\""),
        1 => Verdict::parse("allow etag=\"1\" watch=3"),
        2 => Verdict::kill(),
        3 => Verdict::Disconnect,
        4 => Verdict::parse("no-answer"),
        5 => Verdict::Garbage,
        _ => Verdict::reject(),
    }
}

fn composed(text: &[u8], comp_ids: &str) -> Vec<u8> {
    let mut parts = text.splitn(3, |byte| *byte == b' ');
    match (parts.next(), parts.next(), text.starts_with(b"35=")) {
        (Some(msg_type), Some(seq), false) => {
            let rest = parts.next().unwrap_or_default();
            framed(
                &[b"35=", msg_type, b"\x0134=", seq, b"\x01", comp_ids.as_bytes(), b"\x0152=T\x01", rest]
                    .concat(),
            )
        }
        _ => framed(text),
    }
}
