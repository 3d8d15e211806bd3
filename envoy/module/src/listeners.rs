//! The listeners, by the filter configurations that Envoy made for them: which of these are over.
//!
//! Envoy names a listener that it has changed or taken away, and tells no filter which one it is of: the settings say it.
//! It makes the configurations of a changed listener first, and puts them in force before it names it. So what was made
//! before is what it drains; but where it has changed some filter chains of a listener and kept others, what it keeps
//! cannot be told from what it drains, and is taken to be over too. A change that brings no configuration of ours ends none.

use std::collections::{BTreeMap, BTreeSet};

/// What is known of all listeners.
#[derive(Debug, Default)]
pub struct Listeners {
    made: u64,
    by_name: BTreeMap<String, Made>,
    over: BTreeSet<u64>,
}

/// The configurations of one listener.
#[derive(Debug, Default)]
struct Made {
    alive: BTreeSet<u64>,
    /// The newest that is known to be in force.
    in_force: u64,
}

impl Listeners {
    /// No listener.
    pub const NONE: Self = Self { made: 0, by_name: BTreeMap::new(), over: BTreeSet::new() };

    /// A configuration is made; its number.
    pub fn make(&mut self, name: &str) -> u64 {
        self.made += 1;
        self.by_name.entry(name.to_owned()).or_default().alive.insert(self.made);
        self.made
    }

    /// A configuration is gone, and all its connections with it.
    pub fn forget(&mut self, name: &str, number: u64) {
        self.over.remove(&number);
        if let Some(made) = self.by_name.get_mut(name) {
            made.alive.remove(&number);
            if made.alive.is_empty() {
                self.by_name.remove(name);
            }
        }
    }

    /// Envoy tells of changes from now on: what there is, is in force.
    pub fn settle(&mut self) {
        for made in self.by_name.values_mut() {
            made.in_force = made.alive.last().copied().unwrap_or_default();
        }
    }

    /// Envoy has put a listener in force, or a change of it.
    pub fn change(&mut self, name: &str) {
        let Some(made) = self.by_name.get_mut(name) else { return };
        let newest = made.alive.last().copied().unwrap_or_default();
        if newest > made.in_force {
            self.over.extend(made.alive.range(..=made.in_force));
            made.in_force = newest;
        }
    }

    /// Envoy has taken a listener away.
    pub fn remove(&mut self, name: &str) {
        let Some(made) = self.by_name.get_mut(name) else { return };
        self.over.extend(&made.alive);
        made.in_force = self.made;
    }

    /// Whether a configuration is over.
    pub fn is_over(&self, number: u64) -> bool {
        self.over.contains(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which of the configurations numbered from 1 are over.
    fn over(listeners: &Listeners) -> Vec<u64> {
        (1..=listeners.made).filter(|number| listeners.is_over(*number)).collect()
    }

    #[test]
    fn what_a_change_replaces_is_over() {
        let mut listeners = Listeners::NONE;
        assert_eq!((listeners.make("fix"), listeners.make("fix"), listeners.make("other")), (1, 2, 3));
        listeners.settle();
        assert_eq!(listeners.make("fix"), 4);
        assert!(over(&listeners).is_empty());
        listeners.change("fix");
        assert_eq!(over(&listeners), [1, 2]);
        listeners.make("fix");
        listeners.change("fix");
        assert_eq!(over(&listeners), [1, 2, 4]);
    }

    #[test]
    fn what_is_removed_is_over_and_comes_back_anew() {
        let mut listeners = Listeners::NONE;
        listeners.make("fix");
        listeners.make("other");
        listeners.settle();
        listeners.remove("fix");
        assert_eq!(over(&listeners), [1]);
        assert_eq!(listeners.make("fix"), 3);
        listeners.change("fix");
        assert_eq!(over(&listeners), [1]);
    }

    #[test]
    fn a_listener_that_comes_later_ends_nothing() {
        let mut listeners = Listeners::NONE;
        listeners.settle();
        listeners.make("fix");
        listeners.change("fix");
        assert!(over(&listeners).is_empty());
    }

    #[test]
    fn a_change_without_a_configuration_of_ours_ends_nothing() {
        let mut listeners = Listeners::NONE;
        listeners.make("fix");
        listeners.settle();
        listeners.change("fix");
        listeners.change("another");
        listeners.remove("another");
        assert!(over(&listeners).is_empty());
    }

    #[test]
    fn a_configuration_that_was_refused_ends_nothing() {
        let mut listeners = Listeners::NONE;
        listeners.make("fix");
        listeners.settle();
        let refused = listeners.make("fix");
        listeners.forget("fix", refused);
        listeners.change("fix");
        assert!(over(&listeners).is_empty());
    }

    #[test]
    fn nothing_is_kept_of_what_is_gone() {
        let mut listeners = Listeners::NONE;
        let number = listeners.make("fix");
        listeners.settle();
        listeners.remove("fix");
        listeners.forget("fix", number);
        listeners.forget("fix", number);
        assert!(listeners.by_name.is_empty() && listeners.over.is_empty());
    }
}
