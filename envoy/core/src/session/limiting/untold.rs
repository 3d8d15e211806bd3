//! What limits of messages did, to be told at once and then summed up for [`QUIET`].

use super::{Limit, QUIET};
use crate::settings::Limits;
use std::time::Duration;

/// Messages over a limit that were not told of.
#[derive(Debug, Default)]
pub(super) struct Untold {
    per_s: u64,
    per_day: u64,
    told: Option<Duration>,
}

impl Untold {
    /// One more.
    pub fn add(&mut self, limit: Limit) {
        match limit {
            Limit::Second => self.per_s += 1,
            Limit::Day => self.per_day += 1,
        }
    }

    /// There is one, and no more.
    pub fn is_first(&self) -> bool {
        self.per_s + self.per_day == 1
    }

    /// When it is to be told; `None`: there is nothing to tell.
    pub fn due(&self) -> Option<Duration> {
        (self.per_s + self.per_day > 0).then(|| self.told.map_or(Duration::ZERO, |told| told + QUIET))
    }

    /// It is told now: the words.
    pub fn tell(&mut self, limits: &Limits, now: Duration) -> Option<String> {
        let words = self.take(limits)?;
        self.told = Some(now);
        Some(words)
    }

    /// The words, once.
    pub fn take(&mut self, limits: &Limits) -> Option<String> {
        let per_s = (std::mem::take(&mut self.per_s), "messages_per_s", limits.messages_per_s);
        let per_day = (std::mem::take(&mut self.per_day), "messages_per_day", limits.messages_per_day);
        let words = [per_s, per_day].into_iter().filter(|(count, ..)| *count > 0);
        let words =
            words.map(|(count, key, most)| format!("{count} messages denied by `limits.{key}` ({most})"));
        let words: Vec<String> = words.collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}
