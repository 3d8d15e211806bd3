//! How much has happened lately: messages a second, and denials a minute. The time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// So many messages a second, as a token bucket: a second's worth may come at once, and what was used comes back evenly.
/// It is kept as the moment at which the bucket is full again.
#[derive(Debug)]
pub(super) struct Rate {
    /// What one message takes.
    each: Duration,
    full_at: Duration,
}

impl Rate {
    /// A full bucket; `None`: there is no limit.
    pub fn new(per_second: u32) -> Option<Self> {
        Some(Self { each: SECOND.checked_div(per_second)?, full_at: Duration::ZERO })
    }

    /// Whether there is one message's worth.
    #[inline]
    pub fn has_one(&self, now: Duration) -> bool {
        self.full_with_one_less(now) <= now + SECOND
    }

    /// Takes one message's worth, where there is one.
    #[inline]
    pub fn take(&mut self, now: Duration) {
        if self.has_one(now) {
            self.full_at = self.full_with_one_less(now);
        }
    }

    #[inline]
    fn full_with_one_less(&self, now: Duration) -> Duration {
        self.full_at.max(now) + self.each
    }
}

/// The moments at which something happened lately: as many as must lie within a minute for the session to be ended.
#[derive(Debug)]
pub(in crate::session) struct Minute {
    most: usize,
    times: VecDeque<Duration>,
}

impl Minute {
    /// None yet; with `most` 0 they never are too many.
    pub fn new(most: u32) -> Self {
        Self { most: most as usize, times: VecDeque::new() }
    }

    /// One more; `true`: with it the limit is reached.
    pub fn add(&mut self, now: Duration) -> bool {
        if self.most == 0 {
            return false;
        }
        while self.times.front().is_some_and(|first| now.saturating_sub(*first) >= MINUTE) {
            self.times.pop_front();
        }
        self.times.push_back(now);
        self.times.len() >= self.most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// How many of `tries` at this moment pass.
    fn passed(rate: &mut Rate, now: Duration, tries: usize) -> usize {
        let takes = |rate: &mut Rate| {
            let fits = rate.has_one(now);
            rate.take(now);
            fits
        };
        (0..tries).filter(|_| takes(rate)).count()
    }

    #[test]
    fn a_seconds_worth_may_come_at_once_and_comes_back_evenly() {
        let Some(mut rate) = Rate::new(4) else { return assert!(Rate::new(4).is_some()) };
        assert_eq!(passed(&mut rate, millis(7), 10), 4);
        assert_eq!(passed(&mut rate, millis(256), 10), 0);
        assert_eq!(passed(&mut rate, millis(257), 10), 1);
        assert_eq!(passed(&mut rate, millis(1_007), 10), 3);
        // However long nothing comes, no more than a second's worth is saved up.
        assert_eq!(passed(&mut rate, millis(86_400_000), 10), 4);
    }

    #[test]
    fn an_even_flow_at_the_limit_passes_whole() {
        for per_second in [1, 3, 7, 1_000, 1_000_000] {
            let Some(mut rate) = Rate::new(per_second) else { return assert_eq!(per_second, 0) };
            let every = SECOND.as_nanos().div_ceil(per_second.into());
            let mut now = SECOND;
            for nth in 0..5_000 {
                assert!(rate.has_one(now), "the {nth}. of {per_second} a second");
                rate.take(now);
                now += Duration::from_nanos(u64::try_from(every).unwrap_or(u64::MAX));
            }
        }
        assert!(Rate::new(0).is_none());
    }

    #[test]
    fn in_the_long_run_no_more_pass_than_the_limit_says() {
        let Some(mut rate) = Rate::new(100) else { return assert!(Rate::new(100).is_some()) };
        let passed: usize = (0..10_000).map(|now| passed(&mut rate, millis(now), 2)).sum();
        assert!((1_090..=1_100).contains(&passed), "{passed} in 10 s");
    }

    #[test]
    fn denials_count_for_a_minute() {
        let mut denials = Minute::new(3);
        let reached = |denials: &mut Minute, now| denials.add(millis(now));
        assert!(!reached(&mut denials, 0) && !reached(&mut denials, 59_999));
        assert!(!reached(&mut denials, 60_000));
        assert!(reached(&mut denials, 119_998));
        assert!(denials.times.len() <= 3);
        let mut never = Minute::new(0);
        assert!(!(0..100_000).any(|now| never.add(millis(now))) && never.times.is_empty());
    }
}
