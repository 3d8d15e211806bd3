//! A fresh credential in a running session: asked about, put in force or not, and answered by the gateway itself.
//!
//! What came before the request stays under the old credential. Nothing behind it is taken in until it is answered, so that
//! the new one holds from exactly that message. The venue sees a TestRequest in its place; the Heartbeat that answers it
//! becomes the answer to the request.

use super::echo::{Echo, Origin};
use super::lane::Fate;
use super::{Now, Session};
use crate::command::{CheckId, Commands, Direction};
use crate::contract::request::Event;
use crate::contract::response;
use crate::credential::Authorization;
use crate::decision::{Allowance, Decision, Denial};
use crate::failure::{self, Failure};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::renewal::UserResponse;
use crate::rewrite;
use crate::stats::Counter;
use crate::violation::Violation;
use std::sync::Arc;

/// A renewal whose Check is out.
#[derive(Debug)]
pub(super) struct Renewal {
    check: CheckId,
    /// `None`: it lacks what its scheme needs, and cannot be allowed.
    fresh: Option<Authorization>,
    purpose: Purpose,
}

/// What becomes of a message that brings a fresh credential.
#[derive(Debug)]
pub(super) enum Purpose {
    /// The gateway answers it.
    Respond(UserResponse),
    /// It is a Logon with which the numbers begin anew, and its credential stands in this tag.
    Reset(Option<u32>),
}

impl Session {
    /// Takes a request that brings a credential, to be answered with a `response`; `false`: it brings none.
    pub(super) fn renew(
        &mut self,
        request: &Message<'_>,
        response: MsgType,
        now: Now,
        out: &mut Commands,
    ) -> Result<bool, Violation> {
        let listener = Arc::clone(&self.listener);
        let Some(found) = listener.renewals.credential(request)? else { return Ok(false) };
        if !request.poss_dup {
            let response = UserResponse::to(request, response, &listener.settings);
            self.ask_to_renew(request, found.authorization, Purpose::Respond(response), now, out);
        } else {
            self.in_turn(request, Fate::Fill, now, out);
        }
        Ok(true)
    }

    /// Asks about a fresh credential. Nothing behind the message is taken in until the answer is there.
    pub(super) fn ask_to_renew(
        &mut self,
        request: &Message<'_>,
        fresh: Option<Authorization>,
        purpose: Purpose,
        now: Now,
        out: &mut Commands,
    ) {
        let check = self.ask(Event::Renewal(fresh.as_ref()), Direction::Inbound, request, now, out);
        self.inbound.push(request.bytes, request.msg_type, Fate::Asked(check, now.monotonic));
        self.renewal = Some(Renewal { check, fresh, purpose });
    }

    /// The answer to a renewal's Check, or its failure; `false`: to none that is out.
    pub(super) fn renewal_answered(
        &mut self,
        id: CheckId,
        answer: Result<&[u8], Failure>,
        now: Now,
        out: &mut Commands,
    ) -> bool {
        let Some(Renewal { fresh, purpose, .. }) = self.renewal.take_if(|renewal| renewal.check == id) else {
            return false;
        };
        let Some((_, since)) = self.inbound.asked(id) else { return true };
        let decision = self.read_answer(answer, response::decision, since, now, out);
        if decision == Ok(Decision::Disconnect) {
            self.disconnect(out);
            return true;
        }
        if decision.is_ok() {
            self.report_unanswered(now, out);
        }
        let fate = match (decision, fresh) {
            (Ok(Decision::Forward(allowance)), Some(fresh)) => {
                self.put_in_force(fresh, allowance, now, out);
                match purpose {
                    Purpose::Respond(response) => Fate::Respond(response),
                    Purpose::Reset(credential) => Fate::Reset(credential),
                }
            }
            (Ok(Decision::Logout(denial)), _) => {
                out.count(Counter::RenewalsRefused);
                match purpose {
                    Purpose::Respond(_) => Fate::Decided(Decision::Logout(denial)),
                    Purpose::Reset(_) => Fate::Refuse(denial),
                }
            }
            (Ok(Decision::Reject(denial)), _) => refused(purpose, denial, out),
            // Nothing was shown that could have been allowed.
            (Ok(_), _) => refused(purpose, self.undecided(Failure::Contradictory, out), out),
            (Err(failure), _) => refused(purpose, self.undecided(failure, out), out),
        };
        self.inbound.settle(id, fate);
        self.apply_ready(Direction::Inbound, now, out);
        self.resume(Direction::Inbound, now, out);
        true
    }

    /// No usable answer: the session goes on with the credential that it has.
    fn undecided(&mut self, failure: Failure, out: &mut Commands) -> Denial {
        let decision = Decision::Reject(failure::denial());
        self.note_failure(Direction::Inbound, failure, &decision, out);
        self.unanswered.add(failure, &decision);
        failure::denial()
    }

    fn put_in_force(
        &mut self,
        fresh: Authorization,
        Allowance { terms, state, watch_s, .. }: Allowance,
        now: Now,
        out: &mut Commands,
    ) {
        out.count(Counter::Renewals);
        self.authorization = Some(fresh);
        self.drop_decisions(out);
        if let Some(terms) = terms.filter(|_| state.has_mapping_of(&self.state)) {
            self.terms = self.checked_terms(*terms, out);
            (self.terms_outdated, self.unconfirmed_since) = (false, None);
        }
        self.watch_anew(state, watch_s, now, out);
    }

    /// The turn of a renewal's request has come.
    pub(super) fn respond(&mut self, request: &[u8], response: UserResponse, now: Now, out: &mut Commands) {
        self.reread(request, |session, message| {
            let id =
                session.echoes.add(Echo::UserResponse(response), message.seq, Origin::New, now.monotonic);
            session.send_own(Direction::Inbound, out, |ids, to| {
                rewrite::test_request(message, ids, id.as_bytes(), to);
            });
        });
    }
}

/// The request is refused; a session whose Logon is refused ends.
fn refused(purpose: Purpose, denial: Denial, out: &mut Commands) -> Fate {
    out.count(Counter::RenewalsRefused);
    match purpose {
        Purpose::Respond(response) => Fate::Respond(response.refuse(denial)),
        Purpose::Reset(_) => Fate::Refuse(denial),
    }
}
