//! Decisions that are kept: which answer of the service's holds for a message, without I/O and without the session's rules.
//!
//! An answer holds for all messages of its direction and type that are alike in the tags that it rests on. The key is those
//! very bytes: direction, type, and each such field as it stands, in the message's own order, so no two messages that could
//! be decided differently share one. The fields that say whose a message is are always part of it. Entries are bounded in
//! number and length; the one longest unused goes first. Looking up allocates nothing.

use crate::command::{CheckId, Direction};
use crate::contract::request::IDENTIFIERS;
use crate::decision::Reuse;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::settings;
use foldhash::fast::FixedState;
use lru::LruCache;
use std::time::Duration;

/// The most types of a direction that decisions are kept for.
const MAX_TYPES: usize = 256;

/// Where a message's forwarding is noted: see [`super::accounts`].
pub(super) type AccountId = u16;

/// The bytes that a decision holds for.
pub(super) type Key = Box<[u8]>;

/// The kept decisions of a session.
#[derive(Debug)]
pub(super) struct Cache {
    max_entries: usize,
    max_key: usize,
    types: Types,
    entries: LruCache<Key, Entry, FixedState>,
    /// Room for a key, reused.
    key: Vec<u8>,
    /// What was asked up to here was answered for what held before, and is not kept.
    pub outdated: CheckId,
}

/// An allowance that holds for other messages.
#[derive(Debug)]
struct Entry {
    fresh_until: Duration,
    /// When the last fifth of its life begins.
    ageing_from: Duration,
    /// It may still stand in for an answer that failed.
    stale_until: Duration,
    /// It was asked about anew; once in a life, whatever comes of it.
    refreshed: bool,
    account: AccountId,
}

impl Entry {
    fn new(reuse: &Reuse, account: AccountId, now: Duration) -> Self {
        let life = Duration::from_secs(reuse.max_age_s.into());
        let fresh_until = now + life;
        Self {
            fresh_until,
            ageing_from: fresh_until - life / 5,
            stale_until: fresh_until + Duration::from_secs(reuse.stale_if_error_s.into()),
            refreshed: false,
            account,
        }
    }
}

/// A decision at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub account: AccountId,
    /// It ends soon, and was not asked about anew yet.
    pub ageing: bool,
}

impl Cache {
    /// An empty one. `seed` must not be known to who sends messages.
    pub fn new(settings: &settings::Cache, seed: u64) -> Self {
        Self {
            max_entries: if settings.enabled { settings.max_entries as usize } else { 0 },
            max_key: settings.max_entry_bytes as usize,
            types: Types::default(),
            entries: LruCache::unbounded_with_hasher(FixedState::with_seed(seed)),
            key: Vec::new(),
            outdated: 0,
        }
    }

    /// Whether anything is ever kept.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.max_entries > 0
    }

    /// The decision that holds for `message` now.
    #[inline]
    pub fn find(&mut self, direction: Direction, message: &Message<'_>, now: Duration) -> Option<Hit> {
        self.write_key(direction, message)?;
        let entry = self.entries.get_mut(self.key.as_slice()).filter(|entry| now < entry.fresh_until)?;
        Some(Hit { account: entry.account, ageing: !entry.refreshed && now >= entry.ageing_from })
    }

    /// The decision that may stand in for an answer that failed.
    pub fn find_stale(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        now: Duration,
    ) -> Option<AccountId> {
        self.write_key(direction, message)?;
        let entry = self.entries.peek(self.key.as_slice())?;
        (now < entry.stale_until).then_some(entry.account)
    }

    /// The decision on `message`, just found, is being asked about anew.
    pub fn begin_refresh(&mut self, direction: Direction, message: &Message<'_>) -> Option<Key> {
        self.write_key(direction, message)?;
        self.entries.peek_mut(self.key.as_slice())?.refreshed = true;
        Some(self.key.as_slice().into())
    }

    /// Keeps the allowance of `message`; says how many had to make room.
    pub fn keep(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        reuse: &Reuse,
        account: AccountId,
        now: Duration,
    ) -> u32 {
        if !self.learn(direction, message.msg_type, &reuse.vary)
            || self.write_key(direction, message).is_none()
        {
            return 0;
        }
        let entry = Entry::new(reuse, account, now);
        if let Some(old) = self.entries.get_mut(self.key.as_slice()) {
            *old = entry;
            return 0;
        }
        let mut evicted = 0;
        while self.entries.len() >= self.max_entries && self.entries.pop_lru().is_some() {
            evicted += 1;
        }
        self.entries.put(self.key.as_slice().into(), entry);
        evicted
    }

    /// The kept decision of this key is allowed again; one that is gone by now stays gone.
    pub fn renew(
        &mut self,
        direction: Direction,
        msg_type: MsgType,
        key: &Key,
        reuse: &Reuse,
        account: AccountId,
        now: Duration,
    ) {
        // With another list of tags, the key says nothing any more.
        if self.learn(direction, msg_type, &reuse.vary)
            && let Some(entry) = self.entries.peek_mut(key)
        {
            *entry = Entry::new(reuse, account, now);
        }
    }

    /// What holds for `message` holds no more.
    pub fn forget(&mut self, direction: Direction, message: &Message<'_>) {
        if self.write_key(direction, message).is_some() {
            self.entries.pop(self.key.as_slice());
        }
    }

    /// The decision of this key holds no more.
    pub fn drop_key(&mut self, key: &Key) {
        self.entries.pop(key);
    }

    /// Nothing that was asked up to the Check `asked` holds any more; `false`: nothing was kept.
    pub fn drop_all(&mut self, asked: CheckId) -> bool {
        self.outdated = asked;
        let any = !self.entries.is_empty();
        self.entries.clear();
        self.types = Types::default();
        any
    }

    /// Notes which tags decisions on a type rest on; `false`: for that type nothing is kept.
    fn learn(&mut self, direction: Direction, msg_type: MsgType, tags: &[u32]) -> bool {
        let types = self.types.of(direction);
        match types.binary_search_by_key(&msg_type, |(known, _)| *known) {
            Ok(at) => {
                let Some((_, vary)) = types.get_mut(at) else { return false };
                if vary.tags != tags {
                    **vary = Vary::new(tags);
                    let prefix = prefix(direction, msg_type);
                    self.entries.retain(|key, _| !key.starts_with(&prefix));
                }
                true
            }
            Err(at) if types.len() < MAX_TYPES => {
                types.insert(at, (msg_type, Box::new(Vary::new(tags))));
                true
            }
            Err(_) => false,
        }
    }

    /// Writes the key of `message`; `None` for a type that nothing is kept for, and for a key too long.
    #[inline]
    fn write_key(&mut self, direction: Direction, message: &Message<'_>) -> Option<()> {
        let types = self.types.of(direction);
        let at = types.binary_search_by_key(&message.msg_type, |(known, _)| *known).ok()?;
        let (_, vary) = types.get(at)?;
        self.key.clear();
        self.key.extend_from_slice(&prefix(direction, message.msg_type));
        // Fields side by side are copied as one.
        let (mut start, mut end) = (0, 0);
        for field in message.fields.iter().filter(|field| vary.contains(field.tag)) {
            if field.start != end {
                append(&mut self.key, message.bytes, start, end, self.max_key)?;
                start = field.start;
            }
            end = field.end + 1;
        }
        append(&mut self.key, message.bytes, start, end, self.max_key)
    }
}

/// Adds these bytes of the message's to the key; `None`: it becomes too long.
#[inline]
fn append(key: &mut Vec<u8>, bytes: &[u8], start: u32, end: u32, most: usize) -> Option<()> {
    let part = bytes.get(start as usize..end as usize)?;
    (key.len() + part.len() <= most).then(|| key.extend_from_slice(part))
}

/// The types that decisions are kept for, sorted, with the tags that those rest on.
#[derive(Debug, Default)]
struct Types {
    inbound: Vec<(MsgType, Box<Vary>)>,
    outbound: Vec<(MsgType, Box<Vary>)>,
}

impl Types {
    #[inline]
    fn of(&mut self, direction: Direction) -> &mut Vec<(MsgType, Box<Vary>)> {
        match direction {
            Direction::Inbound => &mut self.inbound,
            Direction::Outbound => &mut self.outbound,
        }
    }
}

/// What all keys of a type begin with: of one length, so that what follows cannot be taken for it.
#[inline]
fn prefix(direction: Direction, msg_type: MsgType) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = msg_type.packed();
    [direction as u8, a, b, c, d, e, f, g, h]
}

/// The tags that a decision rests on.
#[derive(Debug)]
struct Vary {
    /// As the service said, sorted.
    tags: Vec<u32>,
    /// Those, and the identifying ones: bit n of word m is tag 64 m + n.
    low: [u64; 16],
}

impl Vary {
    fn new(tags: &[u32]) -> Self {
        let mut low = [0; 16];
        for tag in tags.iter().copied().chain(IDENTIFIERS.iter().map(|(tag, _)| *tag)) {
            if let Some(word) = low.get_mut((tag / 64) as usize) {
                *word |= 1 << (tag % 64);
            }
        }
        Self { tags: tags.to_vec(), low }
    }

    #[inline]
    fn contains(&self, tag: u32) -> bool {
        match self.low.get((tag / 64) as usize) {
            Some(word) => word >> (tag % 64) & 1 == 1,
            None => self.tags.binary_search(&tag).is_ok(),
        }
    }
}
