//! What each tag is: header or body, single, length, data or secret. Built once from the settings, read once a field.
//!
//! A tag of up to three digits is looked up by its digits as they stand, which gives its number as well; others by number.
//!
//! The (length, data) pairs are those of the FIX dictionaries up to 5.0 SP2 with its extension packs, where a data field
//! follows its length field; nearly all pairs are (n, n+1), the rest are listed apart.

use crate::settings::Framing;
use crate::swar::Nibbles;
use crate::tags;

/// Length tags whose data field is the next tag number.
const LENGTHS: [u32; 71] = [
    90, 95, 212, 348, 350, 352, 354, 356, 358, 360, 362, 364, 445, 618, 621, 1184, 1277, 1280, 1282, 1397,
    1401, 1403, 1468, 1578, 1620, 1664, 1733, 1871, 1874, 2072, 2074, 2111, 2179, 2287, 2351, 2481, 2637,
    2651, 2665, 2715, 2718, 2721, 2797, 40004, 40008, 40978, 40980, 40982, 40984, 40986, 40988, 41083, 41101,
    41107, 41256, 41320, 41324, 41458, 41476, 41482, 41653, 41710, 41806, 41811, 41873, 41969, 42025, 42171,
    42451, 42652, 42947,
];

/// Pairs that are not neighbours.
const IRREGULAR: [(u32, u32); 12] = [
    (93, 89),
    (1525, 1527),
    (1678, 1697),
    (2372, 2371),
    (2494, 2493),
    (2522, 2521),
    (2802, 2801),
    (2809, 2808),
    (2815, 2814),
    (43109, 42684),
    (43110, 42486),
    (43111, 42982),
];

/// What each message begins with.
const BEGUN: [u32; 3] = [tags::BEGIN_STRING, tags::BODY_LENGTH, tags::MSG_TYPE];

const TABLE: usize = 1 << 16;
/// The number of a field that may stand once only, from 1; 0 for a field that may repeat.
const SINGLE: u16 = 0b0011_1111;
const LENGTH: u16 = 1 << 6;
const DATA: u16 = 1 << 7;
const HEADER: u16 = 1 << 8;
const SECRET: u16 = 1 << 9;

/// What a tag is. Tags from 65536 up are plain unless the settings say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(u16);

impl Class {
    /// The empty class, to which [`Class::with`] adds the classes of fields.
    pub const NONE: Self = Self(0);

    /// A body field that may repeat, and is neither length nor data nor secret: the common case.
    #[inline]
    pub fn is_plain(self) -> bool {
        self.0 == 0
    }

    /// A field of the standard header or trailer.
    #[inline]
    pub fn is_header(self) -> bool {
        self.0 & HEADER != 0
    }

    /// The bit of a field that may stand once only; 0 for other fields.
    #[inline]
    pub fn single_bit(self) -> u64 {
        (1 << (self.0 & SINGLE)) & !1
    }

    /// A field that holds a secret, at least in some messages.
    #[inline]
    pub fn is_secret(self) -> bool {
        self.0 & SECRET != 0
    }

    /// Returns a class that has the properties of both.
    #[inline]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The length of the data field that must follow.
    #[inline]
    pub fn is_length(self) -> bool {
        self.0 & LENGTH != 0
    }

    /// A data field, which must follow its length.
    #[inline]
    pub fn is_data(self) -> bool {
        self.0 & DATA != 0
    }
}

/// A tag and its class, in one word: that of a plain tag is the tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Classified(u32);

impl Classified {
    /// Tags have at most six digits.
    const BITS: u32 = 20;
    const TAG: u32 = (1 << Self::BITS) - 1;

    #[inline]
    fn new(tag: u32, class: Class) -> Self {
        Self(tag & Self::TAG | u32::from(class.0) << Self::BITS)
    }

    /// The tag.
    #[inline]
    pub fn tag(self) -> u32 {
        self.0 & Self::TAG
    }

    /// What it is.
    #[inline]
    pub fn class(self) -> Class {
        Class((self.0 >> Self::BITS) as u16)
    }
}

/// The class of each tag, and the data tag of each length tag.
#[derive(Debug, Clone)]
pub struct Profile {
    classes: Vec<u16>,
    /// The tags below 1000 by their digits.
    short: Box<[Classified; Nibbles::COUNT]>,
    /// The bits of the fields that each message begins with.
    begun: u64,
    /// The bits of the ids that a message may have besides the CompIDs.
    optional_ids: u64,
    /// The bits of the single fields that are secret.
    secret_singles: u64,
    /// Sorted by length tag.
    pairs: Vec<(u32, u32)>,
    /// Tags beyond the table that are data or secret.
    high: Vec<(u32, u16)>,
    /// The highest tag that a message may have.
    max_tag: u32,
    /// `framing.empty_values` and `framing.separators_in_data`.
    empty_values: bool,
    separators_in_data: bool,
}

impl Profile {
    /// The standard profile with custom `pairs` (length tag, data tag), and data tags that may stand `without_length`
    /// (and then end at the next SOH, as any field does). A pair that names a field of the frame (8, 9, 35, 10) is none.
    pub fn new(pairs: &[(u32, u32)], without_length: &[u32]) -> Self {
        let mut profile = Self {
            classes: vec![0; TABLE],
            short: Box::new([Classified(0); Nibbles::COUNT]),
            begun: 0,
            optional_ids: 0,
            secret_singles: 0,
            pairs: Vec::new(),
            high: Vec::new(),
            max_tag: tags::MAX,
            empty_values: false,
            separators_in_data: false,
        };
        profile.mark_header_and_singles();
        profile.mark_pairs(pairs);
        for tag in without_length {
            profile.unmark(*tag, DATA);
        }
        profile.with_secrets(&tags::SECRETS)
    }

    /// Returns the same profile, in which these tags are secret too.
    #[must_use]
    pub fn with_secrets(mut self, secrets: &[u32]) -> Self {
        for tag in secrets {
            self.mark(*tag, SECRET);
            self.secret_singles |= self.class(*tag).single_bit();
        }
        self.fill_short();
        self
    }

    /// Returns the same profile, for fields that may be written in these ways. `framing.max_tag` is at least 1000.
    #[must_use]
    pub fn with_framing(self, framing: &Framing) -> Self {
        let &Framing { max_tag, empty_values, separators_in_data, .. } = framing;
        Self { max_tag, empty_values, separators_in_data, ..self }
    }

    fn mark_header_and_singles(&mut self) {
        for (index, tag) in (1u16..).zip(tags::SINGLE_HEADER) {
            self.mark(tag, index | HEADER);
        }
        for tag in tags::REPEATING_HEADER {
            self.mark(tag, HEADER);
        }
        for (index, tag) in (1u16..).zip(tags::SINGLE_BODY) {
            self.mark(tag, index + tags::SINGLE_HEADER.len() as u16);
        }
        let bits = |tags: &[u32]| tags.iter().fold(0, |bits, tag| bits | self.class(*tag).single_bit());
        (self.begun, self.optional_ids) = (bits(&BEGUN), bits(&tags::OPTIONAL_IDS));
    }

    fn mark_pairs(&mut self, custom: &[(u32, u32)]) {
        let regular = LENGTHS.iter().map(|tag| (*tag, tag + 1));
        let custom = custom.iter().copied().filter(|(length, data)| !is_frame(*length) && !is_frame(*data));
        for (length, data) in regular.chain(IRREGULAR).chain(custom) {
            self.mark(length, LENGTH);
            self.mark(data, DATA);
            self.pairs.push((length, data));
        }
        self.pairs.sort_unstable();
        self.pairs.dedup();
    }

    fn mark(&mut self, tag: u32, bits: u16) {
        match self.classes.get_mut(tag as usize) {
            Some(class) => *class |= bits,
            // Lengths are known by their pairs.
            None if bits & (DATA | SECRET) != 0 => self.high.push((tag, bits)),
            None => {}
        }
    }

    fn unmark(&mut self, tag: u32, bits: u16) {
        if let Some(class) = self.classes.get_mut(tag as usize) {
            *class &= !bits;
        }
        self.high.retain(|high| *high != (tag, bits));
    }

    fn fill_short(&mut self) {
        for number in 1..1_000 {
            let tag = u32::from(number);
            let classified = Classified::new(tag, self.class(tag));
            if let Some(place) = self.short.get_mut(Nibbles::of(number).index()) {
                *place = classified;
            }
        }
    }

    /// The bits of the sub, location, OnBehalfOf and DeliverTo ids.
    #[inline]
    pub fn optional_ids(&self) -> u64 {
        self.optional_ids
    }

    /// The bits of the single fields that are secret.
    #[inline]
    pub fn secret_singles(&self) -> u64 {
        self.secret_singles
    }

    /// The highest tag that a message may have.
    #[inline]
    pub fn max_tag(&self) -> u32 {
        self.max_tag
    }

    /// Whether a field that the filter does not act on may have no value.
    #[inline]
    pub fn takes_empty_values(&self) -> bool {
        self.empty_values
    }

    /// Whether a data field may hold separators.
    #[inline]
    pub fn takes_separators_in_data(&self) -> bool {
        self.separators_in_data
    }

    /// The bits of the fields that each message begins with: 8, 9 and 35.
    #[inline]
    pub fn begun(&self) -> u64 {
        self.begun
    }

    /// A tag below 1000 and what it is, by its digits.
    #[inline]
    pub fn short(&self, digits: Nibbles) -> Classified {
        self.short.get(digits.index()).copied().unwrap_or(Classified(0))
    }

    /// `tag` and what it is.
    #[inline]
    pub fn classified(&self, tag: u32) -> Classified {
        Classified::new(tag, self.class(tag))
    }

    /// What `tag` is.
    #[inline]
    pub fn class(&self, tag: u32) -> Class {
        match self.classes.get(tag as usize) {
            Some(class) => Class(*class),
            None => self.high_class(tag),
        }
    }

    #[cold]
    fn high_class(&self, tag: u32) -> Class {
        let bits = self.high.iter().filter(|high| high.0 == tag).fold(0, |bits, high| bits | high.1);
        let length = if self.data_tag(tag).is_some() { LENGTH } else { 0 };
        Class(bits | length)
    }

    /// The data tag that follows the length tag `length`.
    pub fn data_tag(&self, length: u32) -> Option<u32> {
        let index = self.pairs.binary_search_by_key(&length, |pair| pair.0).ok()?;
        self.pairs.get(index).map(|pair| pair.1)
    }

    /// The length tag that announces the data tag `data`.
    pub fn length_tag(&self, data: u32) -> Option<u32> {
        self.pairs.iter().find(|pair| pair.1 == data).map(|pair| pair.0)
    }
}

/// What the framing reads, before it is known what any other tag is.
fn is_frame(tag: u32) -> bool {
    BEGUN.contains(&tag) || tag == tags::CHECK_SUM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_every_listed_pair_and_not_the_int_between() {
        let profile = Profile::new(&[], &[]);
        for (length, data) in LENGTHS.iter().map(|t| (*t, t + 1)).chain(IRREGULAR) {
            assert!(profile.class(length).is_length(), "{length}");
            assert!(profile.class(data).is_data(), "{data}");
            assert_eq!(profile.data_tag(length), Some(data));
        }
        assert!(profile.class(2110).is_plain());
        assert_eq!(profile.pairs.len(), 71 + 12);
    }

    #[test]
    fn takes_custom_pairs_low_and_high() {
        let profile = Profile::new(&[(5001, 5002), (70001, 70002), (70003, 70004)], &[96, 70004]);
        assert!(profile.class(5001).is_length() && profile.class(5002).is_data());
        assert!(profile.class(70001).is_length() && profile.class(70002).is_data());
        assert!(profile.class(70003).is_length() && profile.class(70004).is_plain());
        assert!(profile.class(70005).is_plain());
        assert!(!profile.class(96).is_data());
        assert!(profile.class(95).is_length());
    }

    #[test]
    fn gives_each_single_field_a_bit_of_its_own() {
        let profile = Profile::new(&[], &[]);
        let singles = tags::SINGLE_HEADER.iter().chain(&tags::SINGLE_BODY);
        let bits: u64 = singles.clone().map(|tag| profile.class(*tag).single_bit()).fold(0, |all, bit| {
            assert_eq!(all & bit, 0);
            all | bit
        });
        assert_eq!(bits.count_ones() as usize, singles.count());
        assert_eq!(profile.class(tags::HOP_COMP_ID).single_bit(), 0);
        assert_eq!(profile.optional_ids().count_ones(), 10);
    }

    #[test]
    fn tells_the_header_from_the_body() {
        let profile = Profile::new(&[], &[]);
        let header = tags::SINGLE_HEADER.iter().chain(&tags::REPEATING_HEADER);
        assert!(header.clone().all(|tag| profile.class(*tag).is_header()));
        assert!(tags::SINGLE_BODY.iter().all(|tag| !profile.class(*tag).is_header()));
        assert_eq!((1..70_000).filter(|tag| profile.class(*tag).is_header()).count(), header.count());
    }

    #[test]
    fn knows_secrets_low_and_high() {
        let profile = Profile::new(&[(70_001, 70_002)], &[]).with_secrets(&[58, 5_000, 70_002, 70_005]);
        for tag in tags::SECRETS.into_iter().chain([58, 5_000, 70_002, 70_005]) {
            assert!(profile.class(tag).is_secret(), "{tag}");
        }
        assert!(profile.class(70_002).is_data() && !profile.class(70_005).is_data());
        assert!(!profile.class(70_001).is_secret() && !profile.class(55).is_secret());
        assert!(profile.short(Nibbles::of(58)).class().is_secret());
    }

    #[test]
    fn a_pair_of_the_frame_is_none() {
        let profile = Profile::new(&[(9, 5002), (5001, 10), (35, 8)], &[]);
        for tag in [8, 9, 10, 35] {
            assert!(!profile.class(tag).is_length() && !profile.class(tag).is_data(), "{tag}");
        }
        assert!(profile.class(5001).is_plain() && profile.class(5002).is_plain());
    }

    #[test]
    fn says_the_same_of_a_short_tag_by_its_digits() {
        let profile = Profile::new(&[(501, 502), (93, 777)], &[96]);
        for number in 1..1_000_u16 {
            let short = profile.short(Nibbles::of(number));
            assert_eq!((short.tag(), short.class()), (u32::from(number), profile.class(u32::from(number))));
            assert_eq!(short, profile.classified(u32::from(number)));
        }
    }
}
