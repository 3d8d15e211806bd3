//! How many messages each FIX session has sent today, in all its connections.
//!
//! A session is named by SenderCompID (49) and TargetCompID (56) of its Logon: what else names one (BeginString, SubIDs,
//! LocationIDs) is the client's to choose, and would be another count for the asking. The day is that of UTC. Counts are
//! bounded in number: beyond it those of other days go, then the smallest that no connection uses.

use crate::frame::SOH;
use crate::message::Message;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// Days since 1970-01-01.
type Date = u32;

/// The day of a moment, in UTC.
pub(super) fn date(utc: OffsetDateTime) -> Date {
    Date::try_from(utc.unix_timestamp().div_euclid(86_400)).unwrap_or_default()
}

/// A session's count of a day: the date in the upper half, the number in the lower one, so that both change as one.
#[derive(Debug, Default)]
pub(in crate::session) struct Day(AtomicU64);

impl Day {
    /// Counts a message; `false`, and not counted: the day has had `most`. What is `exempt` is counted and passes in any case.
    #[inline]
    pub fn take(&self, today: Date, most: u32, exempt: bool) -> bool {
        let counted = |packed: u64| {
            let (date, number) = Self::read(packed);
            // A clock that is set back does not begin a day anew.
            let number = if today > date { 0 } else { number };
            let more = u64::from(number.saturating_add(1));
            (exempt || number < most).then_some(u64::from(date.max(today)) << 32 | more)
        };
        self.0.fetch_update(Relaxed, Relaxed, counted).is_ok()
    }

    fn read(packed: u64) -> (Date, u32) {
        ((packed >> 32) as Date, packed as u32)
    }

    /// What was counted on that day.
    fn number(&self, today: Date) -> u32 {
        let (date, number) = Self::read(self.0.load(Relaxed));
        if today > date { 0 } else { number }
    }
}

type Table = HashMap<Vec<u8>, Arc<Day>>;

/// The counts of a listener's sessions.
#[derive(Debug)]
pub(in crate::session) struct Days {
    table: Mutex<Table>,
    most: usize,
}

impl Days {
    /// None yet, and at most so many besides those in use.
    pub fn new(most: u32) -> Self {
        Self { table: Mutex::default(), most: most as usize }
    }

    /// The count of the session of this Logon.
    pub fn of(&self, logon: &Message<'_>, today: Date) -> Arc<Day> {
        let name = [logon.sender, &[SOH], logon.target].concat();
        let mut table = self.lock();
        if !table.contains_key(&name) {
            self.make_room(&mut table, today);
        }
        Arc::clone(table.entry(name).or_default())
    }

    fn make_room(&self, table: &mut Table, today: Date) {
        if table.len() < self.most {
            return;
        }
        let in_use = |day: &Arc<Day>| Arc::strong_count(day) > 1;
        table.retain(|_, day| in_use(day) || day.number(today) > 0);
        while table.len() >= self.most {
            let idle = table.iter().filter(|(_, day)| !in_use(day));
            let Some((name, _)) = idle.min_by_key(|(_, day)| day.number(today)) else { return };
            let name = name.clone();
            table.remove(&name);
        }
    }

    /// A panic of another thread leaves a table that is whole.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::testing::{fix, read};

    fn of(days: &Days, ids: &str, today: Date) -> Arc<Day> {
        let bytes = fix("FIX.4.4", &format!("35=A|34=1|{ids}98=0|"));
        let mut fields = Vec::new();
        days.of(&read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap(), today)
    }

    #[test]
    fn a_day_begins_at_midnight_utc() {
        let at = |seconds| date(OffsetDateTime::from_unix_timestamp(seconds).unwrap());
        assert_eq!([at(0), at(86_399), at(86_400), at(-1)], [0, 0, 1, 0]);
        let day = Day::default();
        assert!(day.take(9, 2, false) && day.take(9, 2, false) && !day.take(9, 2, false));
        assert!(day.take(10, 2, false));
        assert_eq!(day.number(10), 1);
        // Set back, and on again.
        assert!(day.take(9, 2, false) && !day.take(9, 2, false) && !day.take(10, 2, false));
        assert!(day.take(11, 2, false));
    }

    #[test]
    fn what_is_exempt_counts_and_passes() {
        let day = Day::default();
        assert!(day.take(9, 2, true) && day.take(9, 2, false));
        assert!(day.take(9, 2, true) && day.take(9, 2, true) && !day.take(9, 2, false));
        assert_eq!(day.number(9), 4);
        let full = Day(AtomicU64::new(9 << 32 | u64::from(u32::MAX)));
        assert!(full.take(9, 2, true));
        assert_eq!(full.number(9), u32::MAX);
    }

    #[test]
    fn a_session_is_named_by_its_comp_ids() {
        let days = Days::new(8);
        let day = of(&days, "49=A|56=V|", 9);
        assert!(Arc::ptr_eq(&day, &of(&days, "49=A|50=desk|56=V|57=x|142=y|", 9)));
        for other in ["49=A|56=W|", "49=V|56=A|", "49=AV|56=V|"] {
            assert!(!Arc::ptr_eq(&day, &of(&days, other, 9)), "{other}");
        }
    }

    #[test]
    fn counts_are_bounded_and_the_smallest_idle_ones_of_today_go_last() {
        let days = Days::new(3);
        let held = of(&days, "49=HELD|56=V|", 9);
        for (name, messages, today) in [("OLD", 5, 8), ("BUSY", 2, 9), ("IDLE", 1, 9)] {
            let day = of(&days, &format!("49={name}|56=V|"), today);
            (0..messages).for_each(|_| assert!(day.take(today, 9, false)));
        }
        let names = || {
            let mut names: Vec<String> = days.lock().keys().map(|name| crate::testing::show(name)).collect();
            names.sort();
            names
        };
        assert_eq!(names(), ["BUSY|V", "HELD|V", "IDLE|V"]);
        let newcomer = of(&days, "49=NEW|56=V|", 9);
        assert_eq!(names(), ["BUSY|V", "HELD|V", "NEW|V"]);
        // Those in use stay, however many.
        let more = [of(&days, "49=X|56=V|", 9), of(&days, "49=Y|56=V|", 9)];
        assert_eq!(names(), ["HELD|V", "NEW|V", "X|V", "Y|V"]);
        assert!(newcomer.take(9, 1, false) && !of(&days, "49=NEW|56=V|", 9).take(9, 1, false));
        drop((held, more));
    }
}
