//! What each tag is: header or body, length or data. Built once from the settings, read once a field.
//!
//! The (length, data) pairs are those of the FIX dictionaries up to 5.0 SP2 with its extension packs, where a data field
//! follows its length field; nearly all pairs are (n, n+1), the rest are listed apart.

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

const TABLE: usize = 1 << 16;
const HEADER: u8 = 0b0011_1111;
const REPEATING: u8 = 0b0011_1111;
const LENGTH: u8 = 0b0100_0000;
const DATA: u8 = 0b1000_0000;

/// What a tag is. Tags from 65536 up are plain unless a custom pair says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class(u8);

impl Class {
    /// Neither header nor length nor data: the common case.
    #[inline]
    pub fn is_plain(self) -> bool {
        self.0 == 0
    }

    /// A field of the standard header or trailer.
    #[inline]
    pub fn is_header(self) -> bool {
        self.0 & HEADER != 0
    }

    /// The bit of a header field that may stand once only; 0 for other fields.
    #[inline]
    pub fn single_bit(self) -> u64 {
        match self.0 & HEADER {
            0 | REPEATING => 0,
            n => 1 << n,
        }
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

/// The class of each tag, and the data tag of each length tag.
#[derive(Debug, Clone)]
pub struct Profile {
    classes: Vec<u8>,
    /// Sorted by length tag.
    pairs: Vec<(u32, u32)>,
    /// Custom data tags beyond the table.
    high: Vec<u32>,
}

impl Profile {
    /// The standard profile with custom `pairs` (length tag, data tag), and data tags that may stand `without_length`
    /// (and then end at the next SOH, as any field does).
    pub fn new(pairs: &[(u32, u32)], without_length: &[u32]) -> Self {
        let mut profile = Self { classes: vec![0; TABLE], pairs: Vec::new(), high: Vec::new() };
        for (index, tag) in (1u8..).zip(tags::SINGLE_HEADER) {
            profile.mark(tag, index);
        }
        for tag in tags::REPEATING_HEADER {
            profile.mark(tag, REPEATING);
        }
        let regular = LENGTHS.iter().map(|tag| (*tag, tag + 1));
        for (length, data) in regular.chain(IRREGULAR).chain(pairs.iter().copied()) {
            profile.mark(length, LENGTH);
            profile.mark(data, DATA);
            profile.pairs.push((length, data));
        }
        for tag in without_length {
            if let Some(class) = profile.classes.get_mut(*tag as usize) {
                *class &= !DATA;
            }
            profile.high.retain(|high| high != tag);
        }
        profile.pairs.sort_unstable();
        profile.pairs.dedup();
        profile
    }

    fn mark(&mut self, tag: u32, bits: u8) {
        match self.classes.get_mut(tag as usize) {
            Some(class) => *class |= bits,
            None if bits & DATA != 0 => self.high.push(tag),
            None => {}
        }
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
        if self.high.contains(&tag) {
            Class(DATA)
        } else if self.data_tag(tag).is_some() {
            Class(LENGTH)
        } else {
            Class(0)
        }
    }

    /// The data tag that follows the length tag `length`.
    pub fn data_tag(&self, length: u32) -> Option<u32> {
        let index = self.pairs.binary_search_by_key(&length, |pair| pair.0).ok()?;
        self.pairs.get(index).map(|pair| pair.1)
    }
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
    fn gives_each_single_header_field_a_bit_of_its_own() {
        let profile = Profile::new(&[], &[]);
        let bits: u64 =
            tags::SINGLE_HEADER.iter().map(|tag| profile.class(*tag).single_bit()).fold(0, |all, bit| {
                assert_eq!(all & bit, 0);
                all | bit
            });
        assert_eq!(bits.count_ones(), 33);
        assert_eq!(profile.class(tags::HOP_COMP_ID).single_bit(), 0);
        assert!(profile.class(tags::HOP_COMP_ID).is_header());
    }
}
