//! The law of the crate, held by an oracle that reads both streams by itself.
//!
//! The n-th message that leaves a direction stands for the n-th that came in, with the same MsgSeqNum (34), and is either
//! the same bytes, allowed, or a substitute: denied, answered by the gateway, or the end of the session. A message that
//! nobody was asked about is allowed by an answer about another one, alike in all that it rests on. (Where answers are to be
//! kept, no two messages of a direction may have the same number.)
//!
//! A substitute has the optional ids of its side's Logon and no others; a reject has those of a third party from the message that it is
//! about.

use super::run::{EXEMPT, GUARDED, MAX_FIELDS, MAX_MESSAGE, RISK_REDUCING, Run, framed_as};
use super::service::{Asked, AskedMessage, Verdict};
use super::stream::{Kind, said};
use fix_authz_core::contract::request::IDENTIFIERS;
use fix_authz_core::frame::{Frame, SOH, next_frame};
use fix_authz_core::message::{Message, parse};
use fix_authz_core::profile::Profile;
use fix_authz_core::testing::show;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::sync::LazyLock;

impl Run {
    /// Holds all that went out against all that came in.
    pub fn assert_lawful(&self) {
        assert!(self.inbound.ends <= 1 && self.outbound.ends <= 1, "an end was passed on twice");
        let echoes = self.assert_upstream();
        self.assert_downstream(&echoes);
    }

    /// The decisions on this direction's messages, in order. What was not judged is there once it is asked about anew, and so
    /// is what waited for its turn when a change was reported.
    fn verdicts(&self, inbound: bool) -> VecDeque<Ruled> {
        let asked = self.asked.iter();
        let asked =
            asked.filter(|(asked, _)| !matches!(asked.event(), "report" | "watch") && !asked.is_refresh());
        let changed = self.is_changed();
        let mut ruled: Vec<Ruled> = Vec::new();
        for (asked, verdict) in asked.filter(|(asked, _)| asked.is_inbound() == inbound) {
            let messages = asked.messages();
            let verdicts = match verdict {
                Some(verdict) => verdict.of_each(messages.len()),
                None => vec![None; messages.len()],
            };
            let id = |(tag, name): (u32, &str)| (tag, asked.header(name).map(str::to_owned));
            let ids: Vec<_> = IDENTIFIERS.into_iter().map(id).filter(|_| messages.len() == 1).collect();
            for (message, ruling) in messages.into_iter().zip(verdicts) {
                let event = asked.event().to_owned();
                let unjudged = verdict.is_some() && ruling.is_none();
                let again = ruled.iter().position(|ruled| {
                    (ruled.unjudged || changed || !inbound && ruled.is_undecided())
                        && ruled.message == message
                });
                let ids = ids.clone();
                let this = Ruled { event, message, ids, verdict: ruling, unjudged };
                match again {
                    Some(at) => ruled[at] = this,
                    None => ruled.push(this),
                }
            }
        }
        if changed {
            let side = if inbound { &self.inbound } else { &self.outbound };
            let came: Vec<u64> = said(&side.taken).iter().map(|read| read.seq).collect();
            ruled.sort_by_key(|ruled| came.iter().position(|seq| *seq == ruled.message.seq));
        }
        ruled.into()
    }

    /// A change was reported to the session.
    pub fn is_changed(&self) -> bool {
        self.asked.iter().any(|(asked, verdict)| {
            let Some(Verdict::Allow(pairs)) = verdict else { return false };
            let told = pairs.iter().find(|(name, _)| name == "etag").map(|(_, etag)| etag.as_str());
            asked.event() == "watch" && told.is_some_and(|etag| asked.header("if-none-match") != Some(etag))
        })
    }

    /// A later Logon of the venue's began the numbers anew.
    fn has_venue_begun_anew(&self) -> bool {
        let said = said(&self.outbound.taken);
        let mut later = said.iter().filter(|read| read.msg_type == "A").skip(1);
        later.any(|logon| logon.value(141).as_deref() == Some(b"Y"))
    }

    /// An answer about another message holds for this one too.
    fn is_alike(&self, inbound: bool, came: &Read) -> bool {
        let alike = |asked: &Asked, tags: &[u32]| {
            let of = |fields: &mut dyn Iterator<Item = (u32, String)>| {
                fields.filter(|(tag, _)| tags.contains(tag)).collect::<Vec<_>>()
            };
            let body = asked.body();
            let mut asked = body.split('|').filter_map(|field| field.split_once('='));
            let asked = of(&mut asked.by_ref().map(|(tag, value)| (tag.parse().unwrap(), value.to_owned())));
            asked == of(&mut came.fields.iter().map(|(tag, value)| (*tag, show(value))))
        };
        let same_ids = |asked: &Asked| {
            IDENTIFIERS
                .iter()
                .all(|(tag, name)| asked.header(name).map(str::as_bytes) == came.value(*tag).as_deref())
        };
        !(came.poss_dup || is_administrative(&came.msg_type))
            && self.asked.iter().any(|(asked, verdict)| {
                asked.event() == "message"
                    && asked.is_inbound() == inbound
                    && same_ids(asked)
                    && asked.msg_type() == came.msg_type
                    && asked.header("x-fix-poss-dup") == Some("N")
                    && verdict.as_ref().and_then(Verdict::vary).is_some_and(|tags| alike(asked, &tags))
            })
    }

    /// The TestReqIDs of the substituted TestRequests.
    fn assert_upstream(&self) -> HashSet<Vec<u8>> {
        let (came, sent) = (said(&self.inbound.taken), whole(&self.inbound.sent));
        let mut verdicts = self.verdicts(true);
        let mut echoes = HashSet::new();
        let mut stood_for = HashSet::new();
        let (mut ended, mut doomed) = (false, false);
        // A replay that ends the session does so with the next fresh message, or with one that waits.
        let is_last = |came: &Read| came.kind == Kind::Foreign || came.msg_type == "A";
        let orders = self.killed || came.iter().skip(1).any(|came| came.poss_dup && is_last(came));
        let first = came.first().cloned();
        let logon = came.first().map(|logon| ids(logon, false)).unwrap_or_default();
        assert!(sent.len() <= came.len(), "more messages at the venue than the client sent");
        for (nth, (sent, came)) in sent.iter().zip(&came).enumerate() {
            assert!(!ended, "a message behind the Logout");
            let own = first.as_ref().unwrap();
            assert_eq!((sent.seq, &sent.sender, &sent.target), (came.seq, &own.sender, &own.target));
            if sent.bytes != came.bytes && sent.msg_type != "A" {
                assert_eq!(ids(sent, false), logon, "other ids than the Logon's: {}", show(&sent.bytes));
            }
            let renewal = nth > 0 && is_renewal(came);
            if renewal {
                let own = ["1", "4", "5", if came.msg_type == "A" { "A" } else { "1" }];
                assert!(own.contains(&sent.msg_type.as_str()), "a renewal at the venue");
            }
            let replayed_renewal = renewal && came.poss_dup;
            let free = is_session_level(&came.msg_type) || came.msg_type == EXEMPT;
            let asked = nth == 0 || !replayed_renewal && (!free || !names_only(came, &[&logon]));
            let softened = nth > 0 && RISK_REDUCING.contains(&came.msg_type.as_str());
            let front = verdicts.front().filter(|ruled| asked && is_about(ruled, came));
            let unasked = asked && nth > 0 && front.is_none();
            let denied = match front.and_then(|ruled| ruled.verdict.as_ref()) {
                Some(Verdict::Failure(_) | Verdict::Garbage) => !softened,
                Some(verdict) => !matches!(verdict, Verdict::Allow(_)),
                None => false,
            };
            // A replay that is denied, or asks for renewal, becomes a GapFill in any case. Nothing comes of a Disconnect.
            let cut = matches!(front.and_then(|ruled| ruled.verdict.as_ref()), Some(Verdict::Disconnect));
            let secret = has_secret(came) && !is_last(came);
            let explained = came.poss_dup && (denied && !cut || renewal || secret);
            // A message that ends the session by itself does so on an order too.
            let explained = explained
                || came.kind == Kind::Bad && came.poss_dup
                || !orders && !came.poss_dup && is_last(came) && nth > 0;
            doomed |= orders && is_end(sent, came) && !explained;
            if doomed {
                assert!(orders && nth > 0, "the end that nobody ordered");
                assert_eq!(sent.msg_type, if came.poss_dup { "4" } else { "5" });
                ended = !came.poss_dup;
                continue;
            }
            assert!(!has_secret(sent), "a secret at the venue: {}", show(&sent.bytes));
            if came.kind == Kind::Bad {
                assert_eq!(sent.msg_type, if came.poss_dup { "4" } else { "1" });
                if !came.poss_dup {
                    stood_for.insert(came.seq);
                    assert!(echoes.insert(sent.value(112).unwrap()), "a TestReqID twice");
                }
                continue;
            }
            if nth > 0 && is_last(came) && sent.msg_type == "5" && (!renewal || front.is_none()) {
                assert!(!came.poss_dup, "a Logout out of sequence");
                ended = true;
                continue;
            }
            assert!(came.kind == Kind::Good, "of another session: {}", show(&came.bytes));
            if nth > 0 && came.msg_type == "A" && !renewal {
                assert_eq!(show(&sent.bytes), show(&without_secrets(came)));
                assert_eq!(ids(came, false), logon, "the Logon of another session");
                continue;
            }
            if nth > 0 && !renewal && has_secret(came) {
                if !(self.killed && came.poss_dup && sent.msg_type == "4") {
                    assert_denied(sent, came, orders, &mut stood_for, &mut echoes);
                }
                continue;
            }
            if !asked && replayed_renewal {
                assert_eq!(sent.msg_type, "4");
                continue;
            }
            if !asked {
                assert_eq!(show(&sent.bytes), show(&came.bytes), "altered, unasked");
                continue;
            }
            if unasked {
                assert!(self.is_alike(true, came), "unasked: {}", show(&came.bytes));
                assert_eq!(show(&sent.bytes), show(&came.bytes), "altered");
                continue;
            }
            let ruled = verdicts.pop_front().unwrap();
            assert!(is_about(&ruled, came));
            let Ruled { event, verdict, .. } = ruled;
            assert_eq!(event == "renewal", renewal);
            match verdict.as_ref() {
                None => panic!("at the venue without an answer: {}", show(&sent.bytes)),
                Some(Verdict::Disconnect) => panic!("at the venue behind the close: {}", show(&sent.bytes)),
                Some(Verdict::Allow(_)) if came.msg_type == "A" => {
                    assert_eq!(show(&sent.bytes), show(&without_secrets(came)))
                }
                // To the venue the numbers have begun anew as well: a Logout takes the place of the client's answer.
                Some(_) if renewal && came.msg_type == "A" => {
                    assert!(
                        self.has_venue_begun_anew() && sent.msg_type == "5",
                        "a refused Logon went upstream"
                    );
                    ended = true;
                }
                Some(verdict) if renewal && !matches!(verdict, Verdict::Logout(_)) => {
                    assert_eq!(sent.msg_type, "1");
                    assert!(echoes.insert(sent.value(112).unwrap()), "a TestReqID twice");
                }
                Some(Verdict::Allow(_)) => assert_eq!(show(&sent.bytes), show(&came.bytes), "altered"),
                Some(Verdict::Failure(_) | Verdict::Garbage) if softened => {
                    assert_eq!(show(&sent.bytes), show(&came.bytes), "altered")
                }
                Some(Verdict::Failure(_) | Verdict::Garbage) if sent.bytes == came.bytes => {
                    assert!(self.is_alike(true, came), "without an answer: {}", show(&came.bytes));
                }
                Some(_) if nth == 0 => panic!("a refused Logon went upstream"),
                Some(Verdict::Logout(_)) if came.poss_dup => assert_eq!(sent.msg_type, "4"),
                Some(Verdict::Logout(_)) => {
                    assert_eq!(sent.msg_type, "5");
                    ended = true;
                }
                // It waited for its answer when the session was ordered to end.
                Some(_) if self.killed && came.poss_dup && sent.msg_type == "4" => {}
                Some(_) => assert_denied(sent, came, orders, &mut stood_for, &mut echoes),
            }
        }
        echoes
    }

    fn assert_downstream(&self, echoes: &HashSet<Vec<u8>>) {
        let (came, sent) = (said(&self.outbound.taken), whole(&self.outbound.sent));
        if self.inbound.sent.is_empty() {
            // At most a refused Logon's answer, which is no message of the venue's.
            assert!(sent.len() <= 1 && sent.iter().all(|sent| sent.msg_type == "5" && sent.seq == 1));
            return;
        }
        let mut verdicts = self.verdicts(false);
        let mut echoes = echoes.clone();
        let mut put_back = PutBack::default();
        let client = said(&self.inbound.taken);
        let is_reset = |read: &Read| read.kind == Kind::Good && read.msg_type == "A";
        put_back.may_forget = client.iter().skip(1).any(is_reset);
        let first = client.first().cloned();
        let logon = client.first().map(|logon| ids(logon, true)).unwrap_or_default();
        let mut venue: Option<Ids> = None;
        // A refused Logon with 141=Y is answered at the number that its client awaits, and nothing follows. Neither the venue's own Logout
        // is such an answer, nor one that answers a Logout of the gateway's.
        let is_of = |sent: &Read, said: &[Read]| said.iter().any(|came| came.bytes == sent.bytes);
        let ends = |sent: &Read| sent.msg_type == "5" && !is_of(sent, &client);
        let ended = whole(&self.inbound.sent).iter().any(ends);
        let is_answer = |sent: &Read| {
            put_back.may_forget
                && !ended
                && (sent.msg_type.as_str(), sent.seq) == ("5", 1)
                && !is_of(sent, &came)
        };
        let answered = sent.last().is_some_and(is_answer);
        let sent = &sent[..sent.len() - usize::from(answered)];
        let came_logon = came.iter().find(|came| came.msg_type == "A").map(|logon| ids(logon, false));
        let (mut sent, mut came) = (sent.iter().peekable(), came.iter());
        while sent.peek().is_some() {
            let came = came.next().expect("more messages at the client than the venue sent");
            let own = venue.clone().unwrap_or_default();
            let names_another = !names_only(came, &[&logon, &own]);
            let is_split = put_back.is_split(came) && !names_another;
            if is_split && !(put_back.may_forget && sent.peek().is_some_and(|sent| sent.bytes == came.bytes))
            {
                put_back.assert_split(came, &own, &mut sent);
                continue;
            }
            let sent = sent.next().unwrap();
            put_back.note(came, sent);
            if sent.bytes != came.bytes {
                let venues = came_logon.as_ref().filter(|_| venue.is_none()).unwrap_or(&own);
                assert_own_ids(sent, &[&own, venues], &client);
            }
            let own = first.as_ref().unwrap();
            assert_eq!((sent.seq, &sent.sender, &sent.target), (came.seq, &own.target, &own.sender));
            assert!(came.kind != Kind::Foreign, "of another session: {}", show(&came.bytes));
            if came.kind == Kind::Bad {
                match sent.msg_type.as_str() {
                    "j" | "BF" | "3" => {
                        let id = echoes
                            .iter()
                            .find(|id| contains(&came.bytes, &[b"112=", id.as_slice()].concat()));
                        let id = id.cloned().expect("a reject out of nothing");
                        echoes.remove(&id);
                    }
                    "4" => assert_eq!(sent.value(36), Some((came.seq + 1).to_string().into_bytes())),
                    "5" => {}
                    other => panic!("a substitute of type {other}"),
                }
                continue;
            }
            if came.msg_type == "A" && venue.is_none() && sent.bytes == came.bytes {
                venue = Some(ids(came, false));
            }
            // While the venue's Logon is asked about, so is what comes behind it with its ids.
            let asked_early =
                !names_only(came, &[&logon]) && verdicts.front().is_some_and(|ruled| is_about(ruled, came));
            let is_end = came.msg_type == "5" && sent.msg_type == "5" && sent.bytes != came.bytes;
            if !is_end && (GUARDED.contains(&came.msg_type.as_str()) || names_another || asked_early) {
                if !verdicts.front().is_some_and(|ruled| is_about(ruled, came)) {
                    assert!(self.is_alike(false, came), "unasked: {}", show(&came.bytes));
                    assert_eq!(show(&sent.bytes), show(&came.bytes), "altered");
                    continue;
                }
                let ruled = verdicts.pop_front().unwrap();
                match ruled.verdict.as_ref() {
                    Some(Verdict::Failure(_) | Verdict::Garbage) if sent.bytes == came.bytes => {
                        assert!(self.is_alike(false, came), "without an answer: {}", show(&came.bytes));
                    }
                    None | Some(Verdict::Failure(_) | Verdict::Garbage) => {
                        panic!("at the client without an answer: {}", show(&sent.bytes))
                    }
                    Some(Verdict::Allow(_)) => assert_eq!(show(&sent.bytes), show(&came.bytes), "altered"),
                    Some(_) => {
                        assert_eq!(sent.msg_type, "4");
                        assert_eq!(sent.value(36), Some((came.seq + 1).to_string().into_bytes()));
                    }
                }
            } else if sent.bytes != came.bytes {
                match sent.msg_type.as_str() {
                    "j" | "BF" | "3" => {
                        assert_eq!(came.msg_type, "0");
                        assert!(echoes.remove(&came.value(112).unwrap()), "a reject out of nothing");
                    }
                    "5" => assert_eq!(came.msg_type, "5"),
                    other => panic!("a substitute of type {other}"),
                }
            }
        }
    }
}

/// A TestRequest takes the place of a denied message. A replay may also become a GapFill, if a TestRequest stood for its
/// number before, or the session `ends`.
fn assert_denied(
    sent: &Read,
    came: &Read,
    ends: bool,
    stood_for: &mut HashSet<u64>,
    echoes: &mut HashSet<Vec<u8>>,
) {
    let is_first = stood_for.insert(came.seq);
    if came.poss_dup && (ends || !is_first) && sent.msg_type == "4" {
        return;
    }
    assert_eq!(sent.msg_type, "1");
    assert!(echoes.insert(sent.value(112).unwrap()), "a TestReqID twice");
}

/// The optional ids of a message to the client that the gateway wrote are those of one of the venue's Logons, or none if that was asked
/// about still. A reject has those of a third party from the message that it is about.
fn assert_own_ids(sent: &Read, logons: &[&Ids], client: &[Read]) {
    let is_reject = matches!(sent.msg_type.as_str(), "j" | "3");
    let parts =
        |ids: &Ids| ids.iter().cloned().partition::<Ids, _>(|(tag, _)| is_reject && ROUTES.contains(tag));
    let (route, own) = parts(&ids(sent, false));
    let is_logons = own.is_empty() || logons.iter().any(|logon| parts(logon).1 == own);
    assert!(is_logons, "other ids than the Logon's: {}", show(&sent.bytes));
    let is_about = |came: &Read| sent.value(45) == Some(came.seq.to_string().into_bytes());
    let goes_back = |came: &Read| {
        let mut back = parts(&ids(came, true)).0;
        back.sort();
        let mut route = route.clone();
        route.sort();
        came.kind != Kind::Good || back == route
    };
    let is_routed = !is_reject || client.iter().any(|came| is_about(came) && goes_back(came));
    assert!(is_routed, "a reject to others: {}", show(&sent.bytes));
}

/// A message that was asked about, and what was said of it.
struct Ruled {
    event: String,
    message: AskedMessage,
    /// By tag; none for several messages, whose ids are the Logon's.
    ids: Vec<(u32, Option<String>)>,
    verdict: Option<Verdict>,
    /// The answer was about others of its Check.
    unjudged: bool,
}

impl Ruled {
    /// Whether there was no usable answer.
    fn is_undecided(&self) -> bool {
        matches!(self.verdict, Some(Verdict::Failure(_) | Verdict::Garbage))
    }
}

/// What took the place of Heartbeats, by number: a GapFill over it is split around it.
#[derive(Default)]
struct PutBack {
    begun: bool,
    kept: BTreeMap<u64, Read>,
    /// The client has begun its numbers anew, nobody here knows when.
    may_forget: bool,
}

impl PutBack {
    fn note(&mut self, came: &Read, sent: &Read) {
        let anew = came.msg_type == "A" && came.value(141).as_deref() == Some(b"Y");
        if anew || (came.msg_type == "4" && came.value(123).as_deref() != Some(b"Y")) {
            self.kept.clear();
        }
        if came.msg_type == "A" && !self.begun {
            self.begun = true;
            self.kept.split_off(&came.seq);
        }
        if sent.bytes != came.bytes && matches!(sent.msg_type.as_str(), "j" | "BF" | "3") {
            self.kept.insert(sent.seq, sent.clone());
            while self.kept.len() > 1_024 {
                self.kept.pop_first();
            }
        }
    }

    fn is_split(&self, came: &Read) -> bool {
        let fills = came.msg_type == "4" && came.value(123).as_deref() == Some(b"Y");
        let once = came.fields.iter().filter(|(tag, _)| *tag == 36).count() == 1;
        fills
            && once
            && new_seq_no(came)
                .is_some_and(|to| to > came.seq && self.kept.range(came.seq..to).next().is_some())
    }

    fn assert_split<'a>(&self, came: &Read, own: &Ids, sent: &mut impl Iterator<Item = &'a Read>) {
        let (mut next, to) = (came.seq, new_seq_no(came).unwrap());
        while next < to {
            let part = sent.next().expect("a GapFill in part");
            assert_eq!((part.seq, &part.sender, &part.target), (next, &came.sender, &came.target));
            next = match self.kept.get(&next) {
                Some(kept) => {
                    let same = |read: &Read| {
                        let own = |tag: &u32| ![8, 9, 10, 43, 52, 122, 369].contains(tag);
                        read.fields.iter().filter(|(tag, _)| own(tag)).cloned().collect::<Vec<_>>()
                    };
                    assert!(part.poss_dup, "no replay");
                    assert_eq!(same(part), same(kept), "a number with other content");
                    next + 1
                }
                None => {
                    assert_eq!((part.msg_type.as_str(), part.poss_dup), ("4", came.poss_dup));
                    assert_eq!(&ids(part, false), own, "other ids than the Logon's");
                    let end = self.kept.range(next..to).next().map_or(to, |(seq, _)| *seq);
                    assert_eq!(new_seq_no(part), Some(end));
                    end
                }
            };
        }
    }
}

/// NewSeqNo (36).
fn new_seq_no(fill: &Read) -> Option<u64> {
    let digits =
        fill.value(36).filter(|digits| digits.len() <= 19 && digits.iter().all(u8::is_ascii_digit))?;
    show(&digits).parse().ok().filter(|number| *number <= i64::MAX as u64)
}

/// A message as the oracle reads it.
#[derive(Clone)]
pub struct Read {
    pub bytes: Vec<u8>,
    pub msg_type: String,
    pub seq: u64,
    sender: Vec<u8>,
    target: Vec<u8>,
    poss_dup: bool,
    fields: Vec<(u32, Vec<u8>)>,
    pub kind: Kind,
}

impl Read {
    /// A message that departs from the profile, or is another session's, and none of whose fields counts.
    pub fn malformed(bytes: &[u8], kind: Kind, seq: u64, poss_dup: bool) -> Self {
        let (sender, target) = (Vec::new(), Vec::new());
        let bytes = bytes.to_vec();
        Self { bytes, msg_type: String::new(), seq, sender, target, poss_dup, fields: Vec::new(), kind }
    }

    pub fn new(message: &Message<'_>) -> Self {
        Self {
            kind: Kind::Good,
            bytes: message.bytes.to_vec(),
            msg_type: message.msg_type.to_string(),
            seq: message.seq,
            sender: message.sender.to_vec(),
            target: message.target.to_vec(),
            poss_dup: message.poss_dup,
            fields: message.fields.iter().map(|field| (field.tag, message.value(field).to_vec())).collect(),
        }
    }

    pub fn value(&self, tag: u32) -> Option<Vec<u8>> {
        self.fields.iter().find(|field| field.0 == tag).map(|field| field.1.clone())
    }
}

/// The messages at the head of a stream, up to the first that is not whole or not strict.
pub fn read_all(mut bytes: &[u8]) -> Vec<Read> {
    static PROFILE: LazyLock<Profile> = LazyLock::new(|| Profile::new(&[], &[]));
    let mut messages = Vec::new();
    while let Ok(Frame::Complete { len, version, .. }) = next_frame(bytes, MAX_MESSAGE) {
        let (message, rest) = bytes.split_at(len);
        let mut fields = Vec::new();
        match parse(message, version, &PROFILE, MAX_FIELDS, &mut fields) {
            Ok(message) => messages.push(Read::new(&message)),
            Err(_) => return messages,
        }
        bytes = rest;
    }
    messages
}

/// What the filter sent is whole and strict to its last byte.
fn whole(bytes: &[u8]) -> Vec<Read> {
    let messages = read_all(bytes);
    let read: usize = messages.iter().map(|message| message.bytes.len()).sum();
    assert_eq!(read, bytes.len(), "no strict message was sent: {}", show(&bytes[read..]));
    messages
}

/// Number, type and ids are the message's. Two messages of the venue may have all the same but an id.
fn is_about(ruled: &Ruled, message: &Read) -> bool {
    let same_id = |(tag, asked): &(u32, Option<String>)| {
        let value = message.value(*tag);
        let is_plain =
            value.as_ref().is_none_or(|value| value.iter().all(|byte| (b' '..=b'~').contains(byte)));
        !is_plain || asked.as_ref().map(String::as_bytes) == value.as_deref()
    };
    (ruled.message.seq, ruled.message.msg_type.as_str()) == (message.seq, message.msg_type.as_str())
        && ruled.ids.iter().all(same_id)
}

/// A message that brings a fresh credential; of one that is a Logon, it is not the first.
fn is_renewal(message: &Read) -> bool {
    let has = |tags: &[u32]| tags.iter().any(|tag| message.value(*tag).is_some());
    match message.msg_type.as_str() {
        "BE" => has(&[925, 554, 96]),
        "A" => has(&[554, 96]) && !message.poss_dup,
        _ => false,
    }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// A Logout in the place of a message on the order of a watch, or the GapFill of a replay on the way there.
fn is_end(sent: &Read, came: &Read) -> bool {
    let said = sent.value(58).map(|text| show(&text)).unwrap_or_default();
    let orders = [
        "ended by the operator",
        "CompID problem",
        "Incorrect BeginString",
        "The session is logged on already",
        "The Logon has other ids than the session",
    ];
    let killed = sent.msg_type == "5" && orders.contains(&said.as_str());
    sent.bytes != came.bytes && (killed || (came.poss_dup && sent.msg_type == "4"))
}

type Ids = Vec<(u32, Vec<u8>)>;

/// The ids of third parties.
const ROUTES: [u32; 6] = [115, 116, 144, 128, 129, 145];

/// The optional ids of a message, as the other side writes them where that is asked for.
fn ids(message: &Read, mirrored: bool) -> Ids {
    const SIDES: [(u32, u32); 5] = [(50, 57), (142, 143), (115, 128), (116, 129), (144, 145)];
    let all = SIDES.iter().flat_map(|(one, other)| [(*one, *other), (*other, *one)]);
    all.filter_map(|(tag, other)| Some((if mirrored { other } else { tag }, message.value(tag)?))).collect()
}

/// Each optional id of the message is one of these.
fn names_only(message: &Read, known: &[&Ids]) -> bool {
    ids(message, false).iter().all(|id| known.iter().any(|known| known.contains(id)))
}

fn is_administrative(msg_type: &str) -> bool {
    is_session_level(msg_type) || msg_type == "A"
}

fn is_session_level(msg_type: &str) -> bool {
    matches!(msg_type, "0" | "1" | "2" | "3" | "4" | "5")
}

/// Passwords, which are secret everywhere, and what is secret beside a credential.
const PASSWORDS: [u32; 4] = [554, 925, 1402, 1404];
const RAW: [u32; 2] = [91, 96];

/// A message that the venue must not see as it is.
fn has_secret(message: &Read) -> bool {
    let has = |tags: &[u32]| tags.iter().any(|tag| message.value(*tag).is_some());
    has(&PASSWORDS) || matches!(message.msg_type.as_str(), "A" | "BE") && has(&RAW)
}

/// The Logon without any secret, and without a Username that nobody has said to be the identity's.
fn without_secrets(logon: &Read) -> Vec<u8> {
    let cut = [554, 925, 1401, 1402, 1403, 1404, 90, 91, 95, 96, 553];
    if !cut.iter().any(|tag| logon.value(*tag).is_some()) {
        return logon.bytes.clone();
    }
    let mut body = Vec::new();
    for (tag, value) in &logon.fields[2..logon.fields.len() - 1] {
        if !cut.contains(tag) {
            body.extend_from_slice(format!("{tag}=").as_bytes());
            body.extend_from_slice(value);
            body.push(SOH);
        }
    }
    let mut version = Vec::new();
    version.extend_from_slice(&logon.fields[0].1);
    framed_as(&version, &body)
}
