//! A connection's filter: Envoy's hooks become events.
//!
//! Carrying a command out may make Envoy call a hook before the callback returns (a close reports itself, a call that
//! cannot be made completes at once). Such an event waits until the commands at hand are done.

use crate::config::Config;
use crate::connection::{Connection, Event};
use crate::host::Host;
use fix_authz_core::command::Direction;
use fix_authz_core::failure::Failure;
use fix_authz_core::stats::Counter;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

/// One connection, as its hooks share it.
pub struct Filter {
    config: Arc<Config>,
    connection: RefCell<Connection>,
    /// Events that came while commands were carried out.
    later: RefCell<VecDeque<Event>>,
    /// Envoy said that the connection is closed: what it lent is no longer there.
    gone: Cell<bool>,
}

impl Filter {
    /// A filter for a new connection; `None` without randomness, and then Envoy closes it.
    pub fn new(config: Arc<Config>) -> Option<Self> {
        let connection = RefCell::new(Connection::open(&config)?);
        Some(Self { config, connection, later: RefCell::default(), gone: Cell::new(false) })
    }

    /// The connection is there: the first commands of the session are due.
    pub fn opened(&self, host: Host<'_>) {
        if let Ok(mut connection) = self.connection.try_borrow_mut() {
            connection.join(&self.config, host);
            connection.carry_out(&self.config, host, None);
            connection.show_levels(&self.config, host);
        }
        self.catch_up(host);
    }

    /// Bytes arrived. `true`: all of them may go on, and stay where they are to be passed on by Envoy without a copy.
    pub fn data(&self, host: Host<'_>, direction: Direction, length: usize, end: bool) -> bool {
        let Ok(mut connection) = self.connection.try_borrow_mut() else { return false };
        let (connection, config) = (&mut *connection, &*self.config);
        if !connection.takes(direction, end, config, host) {
            return false;
        }
        connection.introduce(host);
        let now = config.now();
        // What waits is dealt with before Envoy passes anything on, and may send.
        let may_stay = !end && self.later.borrow().is_empty();
        let stays = host.take_buffer(direction, length, &self.gone, |lent| {
            connection.receive(direction, lent, end && lent.is_last, now);
            if may_stay && lent.is_only && connection.passes(direction, lent, config, host) {
                return true;
            }
            connection.carry_out(config, host, Some(lent));
            false
        });
        connection.send(host);
        connection.show_levels(config, host);
        stays
    }

    /// A call was answered, or failed.
    pub fn answered(&self, host: Host<'_>, callout: u64, answer: Result<Vec<u8>, Failure>) {
        self.handle(host, Event::Answer { callout, answer });
    }

    /// A timer fired.
    pub fn ticked(&self, host: Host<'_>) {
        self.handle(host, Event::Tick);
    }

    /// The connection is closed.
    pub fn gone(&self, host: Host<'_>) {
        self.gone.set(true);
        self.handle(host, Event::Gone);
    }

    /// A panic was caught: nothing more happens on this connection.
    #[cold]
    pub fn broken(&self, host: Host<'_>) {
        self.config.count(host, Counter::Panics, 1);
        host.close("fix_authz: internal error");
    }

    fn handle(&self, host: Host<'_>, event: Event) {
        self.later.borrow_mut().push_back(event);
        self.catch_up(host);
    }

    /// Deals with the events that waited.
    pub fn catch_up(&self, host: Host<'_>) {
        let Ok(mut connection) = self.connection.try_borrow_mut() else { return };
        loop {
            let Some(event) = self.later.borrow_mut().pop_front() else { return };
            connection.introduce(host);
            connection.event(event, &self.config, host);
            connection.carry_out(&self.config, host, None);
            connection.show_levels(&self.config, host);
        }
    }
}
