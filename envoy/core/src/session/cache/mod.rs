//! Decisions that are kept: which answer of the service's holds for a message, without I/O and without the session's rules.
//!
//! An answer holds for all messages of its direction and type that are alike in the tags that it rests on. The key is those
//! very bytes: direction, type, and each such field as it stands, in the message's own order, so no two messages that could
//! be decided differently share one. The fields that say whose a message is are always part of it. Entries are bounded in
//! number and length; those longest unused go first. Looking up allocates nothing.

mod key;

use crate::command::{CheckId, Direction};
use crate::decision::Reuse;
use crate::layouts::Part;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::settings;
use foldhash::fast::FixedState;
use key::{Draft, Types, Vary, prefix};
use slab::Slab;
use std::collections::HashMap;
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
    /// Where the entry of each is.
    places: HashMap<Key, usize, FixedState>,
    entries: Slab<Entry>,
    /// How many were kept, ever.
    kept: u64,
    /// How often a decision was used.
    uses: u64,
    /// Room for a key, reused.
    key: Draft,
    /// What was asked up to here was answered for what held before, and is not kept.
    pub outdated: CheckId,
}

/// A moment, in nanoseconds since the one that monotonic time counts from.
type Nanos = u64;

#[inline]
fn nanos(moment: Duration) -> Nanos {
    moment.as_nanos() as Nanos
}

/// An allowance that holds for other messages.
#[derive(Debug)]
struct Entry {
    fresh_until: Nanos,
    /// When the last fifth of its life begins; never, once it was asked about anew, whatever comes of that.
    ageing_from: Nanos,
    /// It may still stand in for an answer that failed.
    stale_until: Nanos,
    account: AccountId,
    /// [`Cache::uses`] when it last was.
    used: u64,
    /// No other of the session's has it.
    serial: u64,
}

/// How a kept decision is found without its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    place: usize,
    serial: u64,
}

impl Entry {
    fn new(reuse: &Reuse, account: AccountId, now: Duration, used: u64, serial: u64) -> Self {
        let life = Duration::from_secs(reuse.max_age_s.into());
        let fresh_until = now + life;
        Self {
            fresh_until: nanos(fresh_until),
            ageing_from: nanos(fresh_until - life / 5),
            stale_until: nanos(fresh_until + Duration::from_secs(reuse.stale_if_error_s.into())),
            account,
            used,
            serial,
        }
    }
}

/// A decision at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub held: Held,
    pub account: AccountId,
    /// It ends soon, and was not asked about anew yet.
    pub ageing: bool,
}

/// What became of an allowance that was to be kept.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Kept {
    /// How many had to make room.
    pub evicted: u32,
    /// Decisions on the type rest on other tags than before.
    pub anew: bool,
}

impl Cache {
    /// An empty one. `seed` must not be known to who sends messages.
    pub fn new(settings: &settings::Cache, seed: u64) -> Self {
        Self {
            max_entries: if settings.enabled { settings.max_entries as usize } else { 0 },
            max_key: settings.max_entry_bytes as usize,
            types: Types::default(),
            places: HashMap::with_hasher(FixedState::with_seed(seed)),
            entries: Slab::new(),
            kept: 0,
            uses: 0,
            key: Draft::default(),
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
        self.use_drafted(now)
    }

    /// The same for a message of this type whose fields in question are these, in their order.
    #[inline]
    pub fn find_by<'a>(
        &mut self,
        direction: Direction,
        msg_type: MsgType,
        mut parts: impl Iterator<Item = Option<Part<'a>>>,
        now: Duration,
    ) -> Option<Hit> {
        self.key.begin(direction, msg_type, self.max_key);
        parts.try_for_each(|part| self.key.add(part?))?;
        self.use_drafted(now)
    }

    #[inline]
    fn use_drafted(&mut self, now: Duration) -> Option<Hit> {
        let place = *self.places.get(self.key.bytes())?;
        let serial = self.entries.get(place)?.serial;
        self.find_held(Held { place, serial }, now)
    }

    /// A decision that was found before, if it still holds.
    #[inline]
    pub fn find_held(&mut self, held: Held, now: Duration) -> Option<Hit> {
        let now = nanos(now);
        let entry = self.entries.get_mut(held.place)?;
        if entry.serial != held.serial || now >= entry.fresh_until {
            return None;
        }
        self.uses += 1;
        entry.used = self.uses;
        Some(Hit { held, account: entry.account, ageing: now >= entry.ageing_from })
    }

    /// The decision of the key at hand, whatever its age.
    fn drafted(&mut self) -> Option<&mut Entry> {
        self.entries.get_mut(*self.places.get(self.key.bytes())?)
    }

    /// Whether decisions on a type rest on `tag`.
    pub fn rests_on(&self, direction: Direction, msg_type: MsgType, tag: u32) -> bool {
        self.types.find(direction, msg_type).is_some_and(|vary| vary.contains(tag))
    }

    /// The decision that may stand in for an answer that failed.
    pub fn find_stale(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        now: Duration,
    ) -> Option<AccountId> {
        self.write_key(direction, message)?;
        let entry = self.drafted()?;
        (nanos(now) < entry.stale_until).then_some(entry.account)
    }

    /// The decision on `message`, just found, is being asked about anew.
    pub fn begin_refresh(&mut self, direction: Direction, message: &Message<'_>) -> Option<Key> {
        self.write_key(direction, message)?;
        self.drafted()?.ageing_from = Nanos::MAX;
        Some(self.key.bytes().into())
    }

    /// Keeps the allowance of `message`.
    pub fn keep(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        reuse: &Reuse,
        account: AccountId,
        now: Duration,
    ) -> Kept {
        let Some(anew) = self.learn(direction, message.msg_type, &reuse.vary) else { return Kept::default() };
        let mut kept = Kept { anew, evicted: 0 };
        if self.write_key(direction, message).is_none() {
            return kept;
        }
        self.uses += 1;
        self.kept += 1;
        let entry = Entry::new(reuse, account, now, self.uses, self.kept);
        if let Some(old) = self.drafted() {
            *old = entry;
            return kept;
        }
        if self.entries.len() >= self.max_entries {
            kept.evicted = self.make_room();
        }
        let place = self.entries.insert(entry);
        self.places.insert(self.key.bytes().into(), place);
        kept
    }

    /// Drops the sixteenth that is longest unused: one by one, each would be looked for among all.
    fn make_room(&mut self) -> u32 {
        let drop = (self.max_entries / 16).max(1);
        let mut uses: Vec<u64> = self.entries.iter().map(|(_, entry)| entry.used).collect();
        let last = drop.min(uses.len()).saturating_sub(1);
        let before = uses.len();
        if last < before {
            let (_, &mut last, _) = uses.select_nth_unstable(last);
            self.retain(|_, entry| entry.used > last);
        }
        u32::try_from(before - self.entries.len()).unwrap_or(u32::MAX)
    }

    fn retain(&mut self, stays: impl Fn(&Key, &Entry) -> bool) {
        let entries = &mut self.entries;
        self.places.retain(|key, place| {
            let stays = entries.get(*place).is_some_and(|entry| stays(key, entry));
            if !stays {
                entries.try_remove(*place);
            }
            stays
        });
    }

    /// The kept decision of this key is allowed again; one that is gone by now stays gone. `true`: decisions on the type rest
    /// on other tags than before.
    pub fn renew(
        &mut self,
        direction: Direction,
        msg_type: MsgType,
        key: &Key,
        reuse: &Reuse,
        account: AccountId,
        now: Duration,
    ) -> bool {
        let Some(anew) = self.learn(direction, msg_type, &reuse.vary) else { return false };
        // With another list of tags, the key says nothing any more, and is gone.
        if let Some(entry) = self.places.get(key).and_then(|place| self.entries.get_mut(*place)) {
            *entry = Entry::new(reuse, account, now, entry.used, entry.serial);
        }
        anew
    }

    /// What holds for `message` holds no more.
    pub fn forget(&mut self, direction: Direction, message: &Message<'_>) {
        if self.write_key(direction, message).is_some() {
            let place = self.places.remove(self.key.bytes());
            place.and_then(|place| self.entries.try_remove(place));
        }
    }

    /// The decision of this key holds no more.
    pub fn drop_key(&mut self, key: &Key) {
        let place = self.places.remove(key);
        place.and_then(|place| self.entries.try_remove(place));
    }

    /// Nothing that was asked up to the Check `asked` holds any more; `false`: nothing was kept.
    pub fn drop_all(&mut self, asked: CheckId) -> bool {
        self.outdated = asked;
        let any = !self.entries.is_empty();
        self.places.clear();
        self.entries.clear();
        self.types = Types::default();
        any
    }

    /// Notes which tags decisions on a type rest on, and says whether they are others than before; `None`: for that type
    /// nothing is kept.
    fn learn(&mut self, direction: Direction, msg_type: MsgType, tags: &[u32]) -> Option<bool> {
        let types = self.types.of(direction);
        match types.binary_search_by_key(&msg_type, |(known, _)| *known) {
            Ok(at) => {
                let (_, vary) = types.get_mut(at)?;
                let anew = vary.tags != tags;
                if anew {
                    **vary = Vary::new(tags);
                    let prefix = prefix(direction, msg_type);
                    self.retain(|key, _| !key.starts_with(&prefix));
                }
                Some(anew)
            }
            Err(at) if types.len() < MAX_TYPES => {
                types.insert(at, (msg_type, Box::new(Vary::new(tags))));
                Some(false)
            }
            Err(_) => None,
        }
    }

    /// Writes the key of `message`; `None` for a type that nothing is kept for, and for a key too long.
    #[inline]
    fn write_key(&mut self, direction: Direction, message: &Message<'_>) -> Option<()> {
        let vary = self.types.find(direction, message.msg_type)?;
        self.key.begin(direction, message.msg_type, self.max_key);
        // Fields side by side are copied as one.
        let (mut start, mut end) = (0, 0);
        for field in message.fields.iter().filter(|field| vary.contains(field.tag)) {
            if field.start != end {
                self.key.add(Part::of(message.bytes, start, end)?)?;
                start = field.start;
            }
            end = field.end + 1;
        }
        self.key.add(Part::of(message.bytes, start, end)?)
    }
}
