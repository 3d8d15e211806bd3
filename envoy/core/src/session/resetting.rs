//! A Logon with ResetSeqNumFlag (141=Y) in a running session: both sides' numbers begin anew, and the session goes on.
//!
//! Venues that are open for 24 hours do this each day, from either side. The client's must have the ids of its first Logon, and needs
//! no credential: the session's holds. If it brings one, that is a renewal, and the Logon goes upstream only if the service allows
//! it. The client's answer to such a Logon of the venue's is one like it, and no second Logon.

use super::ending::{BY_SECOND_LOGON, Doom};
use super::lane::Fate;
use super::renewing::Purpose;
use super::{Now, Phase, Session};
use crate::command::{Commands, Direction};
use crate::contract::identity::Identity;
use crate::credential;
use crate::decision::{Denial, OTHER};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::stats::Counter;
use crate::tags;
use crate::violation::Violation;
use std::sync::Arc;

/// The most resets of a minute; a session whose client asks for more ends.
pub(super) const RESETS_PER_MINUTE: u32 = 10;

impl Session {
    /// Takes a Logon of the client's in a running session.
    ///
    /// # Errors
    /// A credential field stands twice.
    #[cold]
    pub(super) fn log_on_again(
        &mut self,
        logon: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> Result<(), Violation> {
        let listener = Arc::clone(&self.listener);
        let token = &listener.settings.token;
        if self.doom.is_some() {
            self.end_or_refuse(logon, now, out);
            return Ok(());
        }
        // With other ids it would be the Logon of another session.
        let ids = Identity::of(logon);
        let is_of_session = ids.own_ids(Direction::Inbound) == self.own_ids(Direction::Inbound);
        let resets = is_of_session && (begins_anew(logon) || self.venue_began_anew);
        if logon.poss_dup || !resets || self.resets.add(now.monotonic) {
            let (words, text): (_, &[u8]) = if is_of_session {
                (Violation::SecondLogon.text(), b"The session is logged on already")
            } else {
                (
                    "a Logon in the session has other ids than the first",
                    b"The Logon has other ids than the session",
                )
            };
            self.report(Direction::Inbound, "violation", words, now, out);
            out.count(Counter::Violations);
            let denial = Denial::new(text, OTHER, None);
            match begins_anew(logon) {
                true => self.in_turn(logon, Fate::Refuse(denial), now, out),
                false => self.end_in_turn(logon, denial, BY_SECOND_LOGON, now, out),
            }
            return Ok(());
        }
        match credential::find(logon, &token.tags, token)? {
            Some(found) => {
                let purpose = Purpose::Reset(Some(found.tag));
                self.ask_to_renew(logon, found.authorization, purpose, now, out);
            }
            None => self.in_turn(logon, Fate::Reset(None), now, out),
        }
        Ok(())
    }

    /// A message in a session that is to end, which may be such a Logon.
    pub(super) fn end_or_refuse(&mut self, logon: &Message<'_>, now: Now, out: &mut Commands) {
        if !matches!(self.phase, Phase::Active) {
            return;
        }
        match self.doom.as_ref().map(Doom::denial).filter(|_| begins_anew(logon)) {
            Some(denial) => self.refuse_reset(logon, &denial.clone(), now, out),
            None => self.end_if_doomed(logon, now, out),
        }
    }

    /// Refuses a Logon with which the numbers would begin anew. To the client they have, so it is told by a Logout of number 1;
    /// to the venue they have not, so nothing takes the Logon's place there. But where the Logon answers the venue's, they have begun
    /// anew to both, and the client has had the venue's number 1: a Logout takes the Logon's place, as that of any other message.
    pub(super) fn refuse_reset(
        &mut self,
        logon: &Message<'_>,
        denial: &Denial,
        now: Now,
        out: &mut Commands,
    ) {
        const WHY: &str = "Logon in the session refused";
        if self.venue_began_anew && !logon.poss_dup {
            return self.end(logon, denial.clone(), WHY, now, out);
        }
        out.count(Counter::SessionsEnded);
        self.refuse(logon, denial, now, out);
        self.leave(WHY, now, out);
    }

    /// The turn of such a Logon has come: it goes upstream without its secrets, and what counts by the old numbers is forgotten.
    pub(super) fn reset(
        &mut self,
        logon: &Message<'_>,
        credential: Option<u32>,
        now: Now,
        out: &mut Commands,
    ) {
        self.follow_heartbeats(logon);
        self.echoes.clear();
        self.forget_numbers(now);
        self.forget_newest();
        self.awaits_reset = !std::mem::take(&mut self.venue_began_anew);
        out.count(Counter::InboundForwarded);
        self.report(
            Direction::Inbound,
            "reset",
            "the client's Logon with 141=Y begins the numbers anew",
            now,
            out,
        );
        self.send_without_secrets(logon, credential, self.username_passes, out);
    }

    /// A Logon of the venue's in a running session: with 141=Y its numbers begin anew, and the client is to answer with one.
    pub(super) fn note_venues_reset(&mut self, logon: &Message<'_>, now: Now, out: &mut Commands) {
        let is_first = self.identity.as_ref().is_some_and(|identity| identity.awaits_venue());
        if is_first || logon.poss_dup || !begins_anew(logon) {
            return;
        }
        self.report(
            Direction::Outbound,
            "reset",
            "the venue's Logon with 141=Y begins the numbers anew",
            now,
            out,
        );
        self.venue_began_anew = !std::mem::take(&mut self.awaits_reset);
        // Where it answers the client's, what the client has sent since has numbers of the new count.
        if self.venue_began_anew {
            self.echoes.clear();
        }
    }
}

/// Whether a Logon says that both sides' numbers begin anew.
pub(super) fn begins_anew(logon: &Message<'_>) -> bool {
    logon.msg_type == MsgType::LOGON && logon.get(tags::RESET_SEQ_NUM_FLAG) == Some(b"Y")
}
