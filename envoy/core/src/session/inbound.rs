//! Client to venue: the Logon, and each message after it.

use super::echo::Echo;
use super::ending::BY_SERVICE;
use super::lane::Fate;
use super::resetting::begins_anew;
use super::{Phase, Session};
use crate::command::{Commands, Direction, Level};
use crate::contract::identity::Identity;
use crate::contract::request::Event;
use crate::credential;
use crate::decision::{Allowance, Decision, Denial, OTHER, Terms};
use crate::failure::{self, Failure};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::rewrite::{self, Rejected};
use crate::session::Now;
use crate::stats::Counter;
use crate::violation::Violation;

impl Session {
    /// Deals with one message of the client's.
    #[inline]
    pub(super) fn inbound_message(
        &mut self,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> Result<(), Violation> {
        if matches!(self.phase, Phase::AwaitingLogon) {
            return self.hold_logon(message, now, out);
        }
        self.is_the_logons(Direction::Inbound, message)?;
        if message.msg_type == MsgType::LOGON {
            return self.log_on_again(message, now, out);
        }
        if self.doom.is_some() {
            self.end_if_doomed(message, now, out);
            return Ok(());
        }
        if self.drain.is_some() && self.may_retire(message, now) {
            self.in_turn(message, Fate::Retire, now, out);
            return Ok(());
        }
        if let Some(response) = self.listener.renewals.answered_by(message.msg_type, message.version)
            && self.renew(message, response, now, out)?
        {
            return Ok(());
        }
        if message.has_secrets
            && let Some(guarded) = self.guard_secrets(message, now, out)
        {
            return guarded;
        }
        if self.asks(Direction::Inbound, message.msg_type, now)
            || self.names_another(Direction::Inbound, message)
        {
            if self.limiter.is_some() && self.limit(message, now, out) {
                return Ok(());
            }
            self.ask_about(Direction::Inbound, message, now, out);
            return Ok(());
        }
        self.note_replay(message, now);
        if message.msg_type == MsgType::RESEND_REQUEST {
            self.note_clients_request(message, now);
        }
        if self.inbound.is_clear() {
            self.forget_if_reset(message, now);
            self.forward_inbound(message.bytes, out);
            self.learn_free(Direction::Inbound, message);
        } else {
            self.inbound.push(message.bytes, message.msg_type, Fate::Pass);
        }
        Ok(())
    }

    /// The first message must be a Logon; it stays here until it is authorized.
    fn hold_logon(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) -> Result<(), Violation> {
        self.identity = Some(Identity::of(message));
        if message.msg_type != MsgType::LOGON {
            return Err(Violation::NotALogon);
        }
        let token = &self.listener.settings.token;
        let credential = credential::find(message, &token.tags, token)?;
        let token_tag = credential.as_ref().map(|credential| credential.tag);
        self.authorization = credential.and_then(|credential| credential.authorization);
        if self.refuses_secrets_of(message, token_tag) {
            self.refuse_for_secrets(message, now, out);
            return Ok(());
        }
        let check = self.ask(Event::Logon, Direction::Inbound, message, now, out);
        self.phase =
            Phase::Authorizing { check, since: now.monotonic, logon: message.bytes.to_vec(), token_tag };
        Ok(())
    }

    /// Refuses a Logon with a second secret field, as `secrets.in_logon: refuse` demands.
    fn refuse_for_secrets(&mut self, logon: &Message<'_>, now: Now, out: &mut Commands) {
        let denial = Denial::new(b"Logon holds another credential", OTHER, None);
        self.report(Direction::Inbound, "secret", "a Logon with a second credential was refused", now, out);
        out.count(Counter::LogonsRefused);
        self.refuse(logon, &denial, now, out);
        self.leave("logon refused", now, out);
    }

    /// The answer to the Logon.
    pub(super) fn logon_decided(
        &mut self,
        decision: Result<Decision, Failure>,
        now: Now,
        out: &mut Commands,
    ) {
        let Phase::Authorizing { logon, token_tag, .. } = std::mem::replace(&mut self.phase, Phase::Closed)
        else {
            return;
        };
        let decision = decision.and_then(|decision| self.without_refused_terms(decision, out));
        let decision = decision.unwrap_or_else(|failure| {
            let decision = failure::decide(Direction::Inbound, MsgType::LOGON, &Terms::default());
            self.note_failure(Direction::Inbound, failure, &decision, out);
            self.unanswered.add(failure, &decision);
            self.report_unanswered(now, out);
            decision
        });
        match decision {
            Decision::Forward(allowance) => {
                out.count(Counter::LogonsAllowed);
                (self.place, self.is_authorized) = (None, true);
                self.tell_refused(now, out);
                self.terms = allowance.terms.map(|terms| *terms).unwrap_or_default();
                self.set_share(allowance.client.as_deref(), now);
                self.username_passes = allowance.username;
                self.phase = Phase::Active;
                self.send_logon(&logon, token_tag, allowance.username, now, out);
                self.watch_anew(allowance.state, allowance.watch_s, now, out);
                self.resume(Direction::Inbound, now, out);
            }
            Decision::Reject(denial) | Decision::Logout(denial) => {
                out.count(Counter::LogonsRefused);
                self.reread(&logon, |session, message| session.refuse(message, &denial, now, out));
                self.leave("logon refused", now, out);
            }
            Decision::Disconnect => {
                out.count(Counter::LogonsRefused);
                self.close("logon refused", out);
            }
        }
    }

    /// Returns the decision on a Logon, or a denial if it brings terms that must not be followed.
    fn without_refused_terms(&self, decision: Decision, out: &mut Commands) -> Result<Decision, Failure> {
        if let Decision::Forward(Allowance { terms: Some(terms), .. }) = &decision
            && self.checked_terms((**terms).clone(), out).is_refused
        {
            return Err(Failure::Contradictory);
        }
        Ok(decision)
    }

    /// Tells a client why its Logon is refused, if that costs no number. A Logout of the gateway's has no number of the
    /// venue's, and an engine that counts it awaits one too many from then on, unless its Logons begin the numbers anew. Only
    /// 141=Y says that they do: a Logon with number 1 is also what an engine sends on a session's first day, and it would
    /// await 2 where the venue begins with 1.
    pub(super) fn refuse(&self, logon: &Message<'_>, denial: &Denial, now: Now, out: &mut Commands) {
        if begins_anew(logon) || !self.listener.settings.refusal.keep_numbers {
            return out
                .send_with(Direction::Outbound, |to| rewrite::refuse_logon(logon, denial, now.utc, to));
        }
        let (name, text) = (&self.name, String::from_utf8_lossy(&denial.text));
        out.log(
            Level::Warn,
            format!("session {name}: a Logon without 141=Y was refused without a word: {text}"),
        );
    }

    /// SequenceReset-Reset begins the client's numbers anew: a reject of an earlier one would name the wrong message.
    #[inline]
    fn forget_if_reset(&mut self, message: &Message<'_>, now: Now) {
        if message.is_reset() {
            self.echoes.clear();
            self.forget_lost(now);
            self.forget_newest();
        }
    }

    #[inline]
    pub(super) fn forward_inbound(&mut self, bytes: &[u8], out: &mut Commands) {
        self.forward_many(Direction::Inbound, bytes, 1, out);
    }

    /// Carries out the decision on a message whose turn has come.
    pub(super) fn apply_inbound(
        &mut self,
        bytes: &[u8],
        msg_type: MsgType,
        decision: Decision,
        now: Now,
        out: &mut Commands,
    ) {
        match decision {
            Decision::Forward(_) => {
                if self.has_asked_again() {
                    self.reread(bytes, |session, message| session.note_replay(message, now));
                }
                if msg_type == MsgType::SEQUENCE_RESET {
                    self.reread(bytes, |session, message| session.forget_if_reset(message, now));
                }
                self.forward_inbound(bytes, out);
            }
            Decision::Reject(denial) => {
                self.reread(bytes, |session, message| session.deny(message, denial, now, out))
            }
            Decision::Logout(denial) => {
                self.reread(bytes, |session, message| session.end(message, denial, BY_SERVICE, now, out));
            }
            Decision::Disconnect => self.disconnect(out),
        }
    }

    /// The echo reject: a TestRequest takes the message's place, and its Heartbeat will become the reject. So it is with a
    /// denied replay whose denial the client was never told of. A replay that was answered before becomes a GapFill. The one
    /// denial too many ends the session; replays do not count.
    pub(super) fn deny(&mut self, message: &Message<'_>, denial: Denial, now: Now, out: &mut Commands) {
        if message.poss_dup && self.is_told(message.seq, now) {
            out.count(Counter::InboundDenied);
            return self.send_own(Direction::Inbound, out, |ids, to| rewrite::gap_fill(message, ids, to));
        }
        if !message.poss_dup && self.is_one_too_many(&denial, now) {
            return self.end_by_limit(message, denial.reason, now, out);
        }
        out.count(Counter::InboundDenied);
        self.echo(message, Rejected::new(message, denial), now, out);
    }

    /// A TestRequest takes the message's place; the Heartbeat that answers it will be the reject.
    pub(super) fn echo(&mut self, message: &Message<'_>, rejected: Rejected, now: Now, out: &mut Commands) {
        let origin = self.origin_of(message, now, out);
        self.note_awaited(&rejected, now);
        let id = self.echoes.add(Echo::Reject(rejected), message.seq, origin, now.monotonic);
        self.send_own(Direction::Inbound, out, |ids, to| {
            rewrite::test_request(message, ids, id.as_bytes(), to);
        });
    }
}
