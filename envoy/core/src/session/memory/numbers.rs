//! Numbers of the client's messages, as ranges, of which there are at most so many: the lowest are forgotten first.

use super::OVERHEAD;
use std::collections::BTreeMap;

/// The most ranges of a session.
const MOST: usize = 1_024;

/// A set of numbers.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The first number of each range, and the last.
    ranges: BTreeMap<u64, u64>,
    /// Numbers below it may have been in the set, and are forgotten.
    floor: u64,
}

impl Numbers {
    pub fn add(&mut self, seq: u64) {
        if seq < self.floor || self.contains(seq) {
            return;
        }
        let mut range = (seq, seq);
        if let Some(last) = seq.checked_add(1).and_then(|next| self.ranges.remove(&next)) {
            range.1 = last;
        }
        match self.ranges.range_mut(..seq).next_back() {
            Some((_, last)) if last.checked_add(1) == Some(seq) => *last = range.1,
            _ => drop(self.ranges.insert(range.0, range.1)),
        }
        while self.ranges.len() > MOST {
            if let Some((_, last)) = self.ranges.pop_first() {
                self.floor = last.saturating_add(1);
            }
        }
    }

    /// Adds the numbers from `first` to `last`, where none of them and neither neighbour is in the set.
    pub fn add_range(&mut self, first: u64, last: u64) {
        if first < last {
            self.ranges.insert(first, last);
        } else {
            self.add(first);
        }
    }

    /// Returns the first and the last number of each range, in order.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.ranges.iter().map(|(first, last)| (*first, *last))
    }

    /// Returns the range of numbers that may have been forgotten, if there is one.
    pub fn forgotten(&self) -> Option<(u64, u64)> {
        self.floor.checked_sub(1).map(|last| (0, last))
    }

    pub fn contains(&self, seq: u64) -> bool {
        self.ranges.range(..=seq).next_back().is_some_and(|(_, last)| seq <= *last)
    }

    /// Whether it contains this number, or may have contained it.
    pub fn may_contain(&self, seq: u64) -> bool {
        seq < self.floor || self.contains(seq)
    }

    /// The numbers from this one on will name other messages.
    pub fn begin(&mut self, next: u64) {
        self.floor = self.floor.min(next);
        self.ranges.split_off(&next);
        if let Some(mut range) = self.ranges.last_entry()
            && *range.get() >= next
        {
            *range.get_mut() = next.saturating_sub(1);
        }
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        self.ranges.len() * (OVERHEAD / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_one_range_whatever_the_order() {
        let mut numbers = Numbers::default();
        for seq in [5, 9, 7, 6, 8, 8, 5, u64::MAX, u64::MAX - 1] {
            numbers.add(seq);
        }
        assert_eq!(numbers.ranges, BTreeMap::from([(5, 9), (u64::MAX - 1, u64::MAX)]));
        let numbers = [0, 4, 5, 9, 10, u64::MAX].map(|seq| numbers.contains(seq));
        assert_eq!(numbers, [false, false, true, true, false, true]);
    }

    #[test]
    fn what_begins_anew_is_forgotten() {
        let mut numbers = Numbers::default();
        (1..=9).for_each(|seq| numbers.add(seq));
        numbers.add(20);
        numbers.begin(4);
        assert_eq!(numbers.ranges, BTreeMap::from([(1, 3)]));
        numbers.begin(1);
        assert!(numbers.ranges.is_empty() && !numbers.contains(1));
        numbers.begin(0);
    }

    #[test]
    fn beyond_the_bound_the_lowest_are_forgotten() {
        let mut numbers = Numbers::default();
        (1..=2_000).for_each(|nth| numbers.add(nth * 2));
        assert_eq!((numbers.ranges.len(), numbers.bytes() < 40_000), (MOST, true));
        assert!(numbers.may_contain(1) && !numbers.contains(2));
        assert!(numbers.contains(4_000) && !numbers.may_contain(3_999));
        numbers.add(2);
        assert!(!numbers.contains(2));
        numbers.begin(1);
        assert!(!numbers.may_contain(1));
    }
}
