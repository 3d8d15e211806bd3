//! Places for connections that have no authorized Logon yet: so many for each address.
//!
//! A place is given back when it is dropped, so none is ever lost, however its connection ends. Addresses that hold none
//! are forgotten, so the table is bounded by the connections there are. Refusals are summed up, and told no more often than
//! [`QUIET`]: a flood of connections makes no flood of reports.

use super::QUIET;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The most addresses that a report names.
const MOST_NAMED: usize = 8;

#[derive(Debug, Default)]
struct Table {
    /// Places by address.
    held: HashMap<String, u32>,
    /// Refused and not told yet: by address, and beyond those that are named.
    refused: BTreeMap<String, u64>,
    others: u64,
    told: Option<Duration>,
}

/// All places of a listener.
#[derive(Debug)]
pub(in crate::session) struct Places {
    table: Mutex<Table>,
    most: u32,
}

/// A place that is held.
#[derive(Debug)]
pub(in crate::session) struct Place {
    places: Arc<Places>,
    address: String,
}

impl Places {
    /// `most` for each address; `None`: there is no limit.
    pub fn new(most: u32) -> Option<Arc<Self>> {
        (most > 0).then(|| Arc::new(Self { table: Mutex::default(), most }))
    }

    /// Takes a place for a connection from `address`; `None`: it is refused.
    pub fn take(self: &Arc<Self>, address: &str) -> Option<Place> {
        let mut table = self.lock();
        let held = table.held.entry(address.to_owned()).or_default();
        if *held < self.most {
            *held += 1;
            return Some(Place { places: Arc::clone(self), address: address.to_owned() });
        }
        if table.refused.contains_key(address) || table.refused.len() < MOST_NAMED {
            *table.refused.entry(address.to_owned()).or_default() += 1;
        } else {
            table.others += 1;
        }
        None
    }

    /// What is to be told now of connections that were refused, once.
    pub fn untold(&self, now: Duration) -> Option<String> {
        let mut table = self.lock();
        let quiet = table.told.is_some_and(|told| now.saturating_sub(told) < QUIET);
        if table.refused.is_empty() || quiet {
            return None;
        }
        table.told = Some(now);
        let (named, others) = (std::mem::take(&mut table.refused), std::mem::take(&mut table.others));
        let count = named.values().sum::<u64>() + others;
        let mut from: Vec<String> =
            named.into_iter().map(|(address, count)| format!("{count} from {address}")).collect();
        if others > 0 {
            from.push(format!("{others} from others"));
        }
        let (most, from) = (self.most, from.join(", "));
        Some(format!(
            "{count} connections refused by `limits.pending_connections_per_address` ({most}): {from}"
        ))
    }

    /// A panic of another thread leaves a table that is whole.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let held = &mut self.places.lock().held;
        if let Some(number) = held.get_mut(&self.address) {
            *number -= 1;
            if *number == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn untold(places: &Places, seconds: u64) -> Option<String> {
        let words = places.untold(Duration::from_secs(seconds))?;
        Some(words.replace("connections refused by `limits.pending_connections_per_address` ", ""))
    }

    #[test]
    fn an_address_has_so_many_and_gets_them_back() {
        assert!(Places::new(0).is_none());
        let places = Places::new(2).unwrap();
        let (first, second) = (places.take("a").unwrap(), places.take("a").unwrap());
        let other = places.take("b").unwrap();
        assert!(places.take("a").is_none());
        drop(first);
        let third = places.take("a").unwrap();
        assert!(places.take("a").is_none());
        drop((second, third, other));
        assert!(places.lock().held.is_empty());
    }

    #[test]
    fn a_flood_is_told_at_intervals() {
        let places = Places::new(1).unwrap();
        let place = places.take("a").unwrap();
        assert_eq!(untold(&places, 0), None);
        assert!(places.take("a").is_none());
        assert_eq!(untold(&places, 0).as_deref(), Some("1 (1): 1 from a"));
        assert!((0..5).all(|_| places.take("a").is_none()));
        assert_eq!(untold(&places, 9), None);
        assert_eq!(untold(&places, 10).as_deref(), Some("5 (1): 5 from a"));
        assert_eq!(untold(&places, 99), None);
        // What is left is not lost with the last place.
        assert!(places.take("a").is_none());
        drop(place);
        assert_eq!(untold(&places, 100).as_deref(), Some("1 (1): 1 from a"));
    }

    #[test]
    fn a_report_names_a_bounded_number_of_addresses() {
        let places = Places::new(1).unwrap();
        let held: Vec<Place> = (0..100).filter_map(|n| places.take(&n.to_string())).collect();
        assert!((0..100).chain(0..2).all(|n| places.take(&n.to_string()).is_none()));
        let words = untold(&places, 0).unwrap();
        assert!(words.starts_with("102 (1): 2 from 0, 2 from 1, 1 from 2, "), "{words}");
        assert!(words.ends_with("1 from 7, 92 from others"), "{words}");
        drop(held);
        assert!(places.lock().held.is_empty());
    }
}
