//! The numbers of messages that were denied for a limit: a replay of one is denied again.
//!
//! They are kept as ranges, for what is over a limit comes in a row. There are at most so many ranges; the oldest go.

use std::collections::VecDeque;

/// The numbers of messages that were denied for a limit, as ranges: the oldest go when there are too many.
#[derive(Debug, Default)]
pub(super) struct Numbers(VecDeque<(u64, u64)>);

impl Numbers {
    /// The most ranges.
    const MOST: usize = 1_024;

    /// One more.
    pub fn add(&mut self, number: u64) {
        match self.0.back_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => self.0.push_back((number, number)),
        }
        if self.0.len() > Self::MOST {
            self.0.pop_front();
        }
    }

    /// It is among them.
    pub fn contains(&self, number: u64) -> bool {
        self.0.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ranges_and_bounded() {
        let mut numbers = Numbers::default();
        (5..10_000).for_each(|number| numbers.add(number));
        assert_eq!(numbers.0, [(5, 9_999)]);
        (10_001..20_000).step_by(2).for_each(|number| numbers.add(number));
        assert_eq!(numbers.0.len(), Numbers::MOST);
        assert!(numbers.contains(19_999) && !numbers.contains(19_998) && !numbers.contains(5));
        numbers.add(u64::MAX);
        numbers.add(0);
        assert!(numbers.contains(0) && numbers.contains(u64::MAX));
    }
}
