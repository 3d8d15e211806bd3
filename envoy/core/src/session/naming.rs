//! Which ids a message has: those of the Logon; otherwise the service is asked.
//!
//! BeginString, SenderCompID and TargetCompID of every message are the Logon's, else the connection ends. The other ids (sub,
//! location, OnBehalfOf and DeliverTo) may differ from message to message, and the mapping may compare them with claims. So the
//! filter asks about every message that has one of these ids with another value than the Logon's, whatever the message's type:
//! exempt and session-level messages too.
//!
//! A message that the gateway writes itself has the optional ids of its side's Logon, whatever the replaced message has.
//!
//! Invariants: a message passes without being asked about only if all its ids are the Logon's; an id that was refused passes in no other message.

use super::{Now, Session};
use crate::command::{Commands, Direction};
use crate::contract::identity::{HeaderId, Identity};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::violation::Violation;

impl Session {
    /// Checks that the version and the CompIDs of a message of either side are those of the Logon.
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

    /// Notes the ids of the venue's Logon, which passes. Later messages of the venue are compared with them.
    pub(super) fn note_venue(&mut self, message: &Message<'_>) {
        if message.msg_type == MsgType::LOGON
            && let Some(identity) = self.identity.as_mut().filter(|identity| identity.awaits_venue())
        {
            identity.note_venue(message);
        }
    }

    /// Notes the ids of a venue's message that was asked about and passes, if that message is the venue's Logon.
    #[inline]
    pub(super) fn note_if_venues_logon(&mut self, bytes: &[u8]) {
        if self.identity.as_ref().is_some_and(Identity::awaits_venue) {
            self.reread(bytes, |session, message| session.note_venue(message));
        }
    }

    /// Returns the optional ids of a message of the gateway's own.
    pub(super) fn own_ids(&self, direction: Direction) -> &[HeaderId] {
        self.identity.as_ref().map(|identity| identity.own_ids(direction)).unwrap_or_default()
    }

    /// Sends a message of the gateway's own, which `write` makes with these optional ids.
    pub(super) fn send_own(
        &self,
        direction: Direction,
        out: &mut Commands,
        write: impl FnOnce(&[HeaderId], &mut Vec<u8>),
    ) {
        out.send_with(direction, |to| write(self.own_ids(direction), to));
    }

    /// Asks about `message`. No cached decision is used for session-level messages and Logons, which the filter itself acts on.
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
