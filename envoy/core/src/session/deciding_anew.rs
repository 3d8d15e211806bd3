//! Messages that are decided anew: because their allowance is of an older state, because the state changed while they waited,
//! or because the service that was asked has other terms.

use super::lane::Fate;
use super::{Now, Session};
use crate::command::{CheckId, Commands, Direction};
use crate::contract::request::Event;
use crate::decision::{Age, Decision, State, Terms};
use crate::failure;

/// How often services may send a message back because of other terms. A Check with the whole body is never sent back.
const MAX_OTHER_TERMS: u8 = 3;

impl Session {
    /// Whether an allowance no longer counts, because another state was reported after its Check had gone out. An answer that
    /// does not tell its state counts as older than a state whose age is known.
    pub(super) fn is_outdated(&self, id: CheckId, state: &State) -> bool {
        let older = match state.age_against(&self.state) {
            Some(Age::Older | Age::Mixed) => true,
            Some(Age::Same | Age::Newer) => false,
            None => self.state.revision.is_some(),
        };
        let differs = state.etag.is_none() || state.differs_from(&self.state);
        id <= self.cache.outdated && differs && older
    }

    /// Takes over the state that a Check was answered in, if that state has a change that the session does not know yet. The
    /// answer of the watch will report the same change a little later.
    pub(super) fn note_state(&mut self, state: State, now: Now, out: &mut Commands) {
        let news = match state.age_against(&self.state) {
            Some(Age::Newer | Age::Mixed) => true,
            Some(Age::Same) => self.state.etag.is_none(),
            Some(Age::Older) | None => false,
        };
        if !news || state.etag.is_none() {
            return;
        }
        let newer = self.terms_outdated || state.has_newer_mapping_than(&self.state);
        if newer && (state.terms.is_none() || state.terms != self.terms.name) {
            return self.ask_for_terms(state, now, out);
        }
        self.terms_outdated = false;
        self.take_over(state, None, now, out);
    }

    /// After a change of the state, asks again about messages that wait for their turn: those that were already allowed, and
    /// those that needed no Check before and need one now.
    pub(super) fn decide_waiting_anew(&mut self, now: Now, out: &mut Commands) {
        self.decide_anew(now, out, |fate| {
            matches!(fate, Fate::Reuse(_) | Fate::Pass | Fate::Decided(Decision::Forward(_)))
        });
    }

    pub(super) fn decide_anew(&mut self, now: Now, out: &mut Commands, concerns: impl Fn(&Fate) -> bool) {
        for direction in [Direction::Inbound, Direction::Outbound] {
            for at in 0..self.lane(direction).len() {
                let Some(waiting) = self.lane(direction).waiting(at) else { break };
                if !concerns(&waiting.fate) {
                    continue;
                }
                let (unasked, msg_type) = (matches!(waiting.fate, Fate::Pass), waiting.msg_type);
                if (!unasked || self.asks(direction, msg_type, now))
                    && let Some(waiting) = self.lane(direction).waiting(at)
                {
                    waiting.fate = Fate::Again;
                }
            }
            self.ask_again_while_room(direction, now, out);
        }
    }

    /// Sends Checks for the messages that are to be asked about, up to the limit of outstanding Checks.
    pub(super) fn ask_again_while_room(&mut self, direction: Direction, now: Now, out: &mut Commands) {
        while !self.is_held_back(direction)
            && let Some(at) = self.lane(direction).next_again()
        {
            self.ask_again(direction, at, now, out);
        }
    }

    /// Sends a Check for the message at this place. Returns the Check's id.
    pub(super) fn ask_again(
        &mut self,
        direction: Direction,
        at: usize,
        now: Now,
        out: &mut Commands,
    ) -> Option<CheckId> {
        let bytes = std::mem::take(&mut self.lane(direction).waiting(at)?.bytes);
        let mut check = None;
        self.reread(&bytes, |session, message| {
            check = Some(session.ask(Event::Message, direction, message, now, out));
        });
        let fate = match check {
            Some(check) => Fate::Asked(check, now.monotonic),
            None => Fate::Decided(Decision::Reject(failure::denial())),
        };
        self.lane(direction).wait_again(at, bytes, fate);
        check
    }

    /// Sends the Check `id` again, which a service with other terms did not evaluate: the first time by the service's terms,
    /// unless these are older than the session's, and otherwise with the whole body.
    pub(super) fn ask_by_other_terms(
        &mut self,
        id: CheckId,
        terms: Terms,
        state: State,
        now: Now,
        out: &mut Commands,
    ) {
        self.report_unanswered(now, out);
        let follows = self.adopt_terms(terms, state, now, out);
        for direction in [Direction::Inbound, Direction::Outbound] {
            self.lane(direction).note_other_terms(id);
            let most = self.most_at_once();
            self.repeat_checks(direction, id, now, out, |session, message, met, out| match met {
                _ if session.terms.is_refused => None,
                1 if follows && most > 1 => Some(session.ask_with_others(direction, message, most, now, out)),
                1 if follows => Some(session.ask(Event::Message, direction, message, now, out)),
                ..=MAX_OTHER_TERMS => Some(session.ask_whole(direction, message, now, out)),
                _ => None,
            });
        }
    }

    /// Takes over a service's terms, unless the session knows of a newer mapping. Returns whether the session uses these terms
    /// now.
    pub(super) fn adopt_terms(&mut self, terms: Terms, state: State, now: Now, out: &mut Commands) -> bool {
        let known = self.terms.name == terms.name;
        if known || !state.has_mapping_of(&self.state) {
            self.note_state(state, now, out);
            return known;
        }
        self.send_open(now, out); // The open Check's body was cut by the old terms.
        self.drop_decisions(out);
        self.terms = self.checked_terms(terms, out);
        self.terms_outdated = false;
        if state.etag.is_some() {
            self.take_over(state, None, now, out);
        }
        self.decide_waiting_anew(now, out);
        true
    }
}
