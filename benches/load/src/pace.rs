//! When each session of a crowd says something next, evenly spread.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// What is said at each turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// A Heartbeat.
    Heartbeat,
    /// An order.
    Order,
}

/// The turns, the next one first: all have the same interval, so that the order never changes.
pub struct Pace {
    every: Duration,
    /// What is said.
    pub words: Words,
    turns: VecDeque<(Instant, usize)>,
}

impl Pace {
    /// Turns of nobody yet.
    pub fn new(every: Duration, words: Words) -> Self {
        Self { every, words, turns: VecDeque::new() }
    }

    /// The turns of `members`, the first at `from`, all within `spread`.
    pub fn of(members: &[usize], every: Duration, words: Words, from: Instant, spread: Duration) -> Self {
        let count = u32::try_from(members.len()).unwrap_or(u32::MAX).max(1);
        let turns = (0u32..).zip(members).map(|(index, member)| (from + spread * index / count, *member));
        Self { every, words, turns: turns.collect() }
    }

    /// Another member, whose first turn is an interval from now.
    pub fn join(&mut self, member: usize, now: Instant) {
        self.turns.push_back((now + self.every, member));
    }

    /// Whose turn it is, if it is anyone's; they get their next one, an interval after this.
    pub fn due(&mut self, now: Instant) -> Option<usize> {
        let &(at, member) = self.turns.front()?;
        if at > now {
            return None;
        }
        self.turns.pop_front();
        self.turns.push_back((now + self.every, member));
        Some(member)
    }

    /// When the next turn is.
    pub fn next(&self) -> Option<Instant> {
        self.turns.front().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spread_and_come_again_after_the_interval() {
        let (second, from) = (Duration::from_secs(1), Instant::now());
        let mut pace = Pace::of(&[7, 8, 9, 3], second, Words::Order, from, second);
        assert_eq!((pace.due(from), pace.due(from)), (Some(7), None));
        assert_eq!(pace.next(), Some(from + second / 4));
        let later = from + second * 3 / 4;
        assert_eq!((pace.due(later), pace.due(later), pace.due(later)), (Some(8), Some(9), Some(3)));
        assert_eq!((pace.due(later), pace.next()), (None, Some(from + second)));
    }

    #[test]
    fn who_joins_waits_an_interval() {
        let (second, from) = (Duration::from_secs(1), Instant::now());
        let mut pace = Pace::new(second, Words::Heartbeat);
        assert_eq!((pace.due(from), pace.next()), (None, None));
        pace.join(5, from);
        assert_eq!((pace.due(from), pace.due(from + second)), (None, Some(5)));
    }
}
