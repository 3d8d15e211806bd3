//! Whom a message names: the Logon's client and venue, or the service is asked.
//!
//! BeginString, SenderCompID and TargetCompID of every message are the Logon's, else the connection ends. The other ids (sub,
//! location, OnBehalfOf and DeliverTo) may differ from message to message, and the mapping may hold them against claims. So a
//! message with such an id that is not the Logon's is asked about whatever its type, exempt and session-level ones included.
//!
//! Invariant: no message passes unasked unless all ids that it has are the Logon's.

use super::{Now, Session};
use crate::command::{Commands, Direction};
use crate::contract::identity::Identity;
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::violation::Violation;

impl Session {
    /// A session has one identity from its Logon to its end, whichever side speaks.
    ///
    /// # Errors
    /// The version or a CompID is not the Logon's.
    #[inline]
    pub(super) fn is_the_logons(&self, direction: Direction, message: &Message<'_>) -> Result<(), Violation> {
        match &self.identity {
            Some(identity) if identity.is_of(direction, message) => Ok(()),
            _ => Err(Violation::ForeignIdentity),
        }
    }

    /// Whether `message` has an id that is not the Logon's.
    #[inline]
    pub(super) fn names_another(&self, direction: Direction, message: &Message<'_>) -> bool {
        self.identity.as_ref().is_none_or(|identity| identity.is_other(direction, message))
    }

    /// The venue's Logon passes: the ids that it has are the venue's. Any later one is held to it.
    pub(super) fn note_venue(&mut self, message: &Message<'_>) {
        if message.msg_type == MsgType::LOGON
            && let Some(identity) = self.identity.as_mut().filter(|identity| identity.awaits_venue())
        {
            identity.note_venue(message);
        }
    }

    /// A message of the venue's that was asked about passes; it may be its Logon.
    #[inline]
    pub(super) fn note_if_venues_logon(&mut self, bytes: &[u8]) {
        if self.identity.as_ref().is_some_and(Identity::awaits_venue) {
            self.reread(bytes, |session, message| session.note_venue(message));
        }
    }

    /// Asks about `message`. What both session layers read is asked about each time: it has effects of its own here.
    #[inline]
    pub(super) fn ask_about(
        &mut self,
        direction: Direction,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) {
        if message.msg_type.is_administrative() {
            self.ask_in_turn(direction, message, now, out);
        } else {
            self.reuse_or_ask(direction, message, now, out);
        }
    }
}
