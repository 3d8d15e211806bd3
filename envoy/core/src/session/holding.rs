//! Messages of the venue's about which a Check failed: they are held until the service has decided them.
//!
//! A GapFill in the place of such a message would swallow a report that nobody ever sees, so it keeps its place in the queue,
//! and everything behind it waits too. The first of them is asked about again, after pauses that grow up to a second, until the
//! service answers; then all others are asked about. The queue's bounds hold meanwhile: when it is full, no more is read from
//! the venue. The client's messages go up as always.
//!
//! The time of a message in the hold counts from its first failed Check. After `limits.outbound_hold_ms` the setting
//! `outbound.undecided` applies. With `end` the session is *cut off*: nothing more goes to the client, and the connection ends
//! as soon as the client's messages that were taken in are decided. The client never got the held number, so its engine asks
//! for it after the next Logon. With `gap_fill` the message becomes a GapFill, and so does every message that the service does
//! not decide, until a service answers again; they are counted and reported as lost.
//!
//! Invariant: with `end`, no message of the venue's becomes a GapFill without a decision of the service.

use super::lane::Fate;
use super::{Now, Phase, Session};
use crate::command::{CheckId, Command, Commands, Direction, Level};
use crate::decision::{Answer, Decision, Denial, NOT_AVAILABLE};
use crate::failure::Failure;
use crate::message::Message;
use crate::settings::Undecided;
use crate::stats::Counter;
use std::time::Duration;

/// The first pause before a held message is asked about again, in milliseconds; each is twice as long as the one before.
const FIRST_PAUSE_MS: u32 = 100;
/// The longest pause.
const LONGEST_PAUSE_MS: u32 = 1_000;

/// Why a session ended whose venue's messages were held for too long.
const WHY: &str = "session ended, the decision service did not decide the venue's messages in time";

/// What becomes of the venue's messages that the service could not decide.
#[derive(Debug, Default)]
pub(super) enum Holding {
    /// There are none.
    #[default]
    Nothing,
    /// They are held.
    Held(Hold),
    /// They were held for too long, and are gap-filled until a service answers.
    GivenUp,
    /// They were held for too long, and the session ends.
    CutOff,
}

/// Messages are held.
#[derive(Debug)]
pub(super) struct Hold {
    stage: Stage,
    /// The last pause, in milliseconds; 0: there was none yet.
    pause_ms: u32,
    /// By then they are decided, or held for too long.
    deadline: Duration,
    failure: Failure,
}

#[derive(Debug)]
enum Stage {
    /// Nothing is asked about before this time.
    Pauses(Duration),
    /// A Check about the first of them is out.
    Asks(CheckId),
}

impl Session {
    /// Whether messages of this direction are held if their Check fails.
    pub(super) fn holds(&self, direction: Direction) -> bool {
        direction == Direction::Outbound && matches!(self.holding, Holding::Nothing | Holding::Held(_))
    }

    /// Whether messages of this direction are held, so that nothing but the first of them is asked about.
    pub(super) fn is_held_back(&self, direction: Direction) -> bool {
        direction == Direction::Outbound && matches!(self.holding, Holding::Held(_))
    }

    /// Whether nothing more may go to the client, because messages were held for too long.
    pub(super) fn is_cut_off(&self) -> bool {
        matches!(self.holding, Holding::CutOff) && matches!(self.phase, Phase::Active | Phase::Ending { .. })
    }

    /// Returns the answer about a message, or a failure if the answer says that the service cannot decide about a message
    /// that can be held.
    pub(super) fn without_undecided(
        &self,
        direction: Direction,
        answer: Result<Answer, Failure>,
    ) -> Result<Answer, Failure> {
        match answer {
            Ok(Answer::Decided(Decision::Reject(denial), _)) if self.is_undecided(direction, &denial) => {
                Err(Failure::Undecided)
            }
            answer => answer,
        }
    }

    /// Whether the service says with this denial that it cannot decide about messages that can be held.
    pub(super) fn is_undecided(&self, direction: Direction, denial: &Denial) -> bool {
        denial.reason == NOT_AVAILABLE && self.holds(direction)
    }

    /// Holds the messages of a Check that failed. Returns `false` if the failure rule decides about them instead.
    pub(super) fn hold_back(
        &mut self,
        direction: Direction,
        id: CheckId,
        failure: Failure,
        now: Now,
        out: &mut Commands,
    ) -> bool {
        if !self.holds(direction) {
            return false;
        }
        while self.outbound.waiting_for(id) > 0 {
            self.keep_back(id, now, out);
        }
        self.pause(Some(id), failure, now, out);
        true
    }

    /// Holds the first message that waits for the Check `id`, which no service evaluated.
    pub(super) fn hold_first(&mut self, id: CheckId, failure: Failure, now: Now, out: &mut Commands) {
        self.keep_back(id, now, out);
        self.pause(Some(id), failure, now, out);
    }

    fn keep_back(&mut self, id: CheckId, now: Now, out: &mut Commands) {
        if self.outbound.put_off(id, now.monotonic) {
            out.count(Counter::OutboundHeld);
        }
    }

    /// Queues a message of the venue's that is not asked about yet, because messages before it are held or because the
    /// session has no terms to ask by.
    pub(super) fn hold_unasked(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) {
        self.outbound.push(message.bytes, message.msg_type, Fate::Again);
        if matches!(self.holding, Holding::Nothing) {
            out.count(Counter::OutboundHeld);
            self.outbound.mark_undecided(now.monotonic);
            self.pause(None, Failure::Contradictory, now, out);
        }
    }

    /// The Check `id` failed, or could not be sent: the next one goes out after a pause, if there is time for it.
    fn pause(&mut self, id: Option<CheckId>, failure: Failure, now: Now, out: &mut Commands) {
        let since = self.outbound.undecided_since().unwrap_or(now.monotonic);
        let hold_ms = self.listener.settings.limits.outbound_hold_ms;
        let pause_ms = match &self.holding {
            Holding::Held(Hold { stage: Stage::Pauses(_), .. }) => return,
            Holding::Held(Hold { stage: Stage::Asks(asked), .. }) if id.is_some_and(|id| id != *asked) => {
                return;
            }
            Holding::Held(Hold { pause_ms, .. }) => pause_ms.saturating_mul(2).min(LONGEST_PAUSE_MS),
            Holding::Nothing | Holding::GivenUp | Holding::CutOff => {
                let name = &self.name;
                out.log(Level::Warn, format!("session {name}: messages of the venue's are held: {failure}"));
                FIRST_PAUSE_MS
            }
        };
        let deadline = since + Duration::from_millis(hold_ms.into());
        let left = deadline.saturating_sub(now.monotonic).as_nanos().div_ceil(1_000_000);
        let wait_ms = self.echoes.jitter(pause_ms).min(u32::try_from(left).unwrap_or(u32::MAX));
        let until = now.monotonic + Duration::from_millis(wait_ms.into());
        self.holding = Holding::Held(Hold { stage: Stage::Pauses(until), pause_ms, deadline, failure });
        if wait_ms == 0 {
            return self.give_up(failure, now, out);
        }
        out.push(Command::Tick(wait_ms));
    }

    /// The Check `id` failed, but a cached decision lets its message pass. The messages behind it are still held.
    pub(super) fn hold_the_rest(&mut self, id: CheckId, failure: Failure, now: Now, out: &mut Commands) {
        if matches!(&self.holding, Holding::Held(Hold { stage: Stage::Asks(asked), .. }) if *asked == id) {
            self.pause(Some(id), failure, now, out);
        }
    }

    /// A service has answered the Check `id`. If it was the one about the first held message, the others are asked about.
    pub(super) fn end_hold_if_probe(&mut self, id: CheckId, out: &mut Commands) {
        match &self.holding {
            Holding::Held(Hold { stage: Stage::Asks(asked), .. }) if *asked == id => {
                out.log(
                    Level::Info,
                    format!("session {}: messages of the venue's are decided again", self.name),
                );
                self.holding = Holding::Nothing;
            }
            Holding::GivenUp => self.holding = Holding::Nothing,
            _ => {}
        }
    }

    /// Time has passed: the first held message is asked about again, or they were held for too long.
    pub(super) fn hold_if_due(&mut self, now: Now, out: &mut Commands) {
        let Holding::Held(Hold { stage: Stage::Pauses(until), deadline, failure, .. }) = self.holding else {
            return; // A Check that is out is waited for; no longer than its time-out.
        };
        if now.monotonic >= deadline {
            self.give_up(failure, now, out);
            self.apply_ready(Direction::Outbound, now, out);
            self.resume(Direction::Outbound, now, out);
            self.leave_if_ended(now, out);
        } else if now.monotonic >= until {
            self.ask_about_first(failure, now, out);
        }
    }

    fn ask_about_first(&mut self, failure: Failure, now: Now, out: &mut Commands) {
        let Some(at) = self.outbound.first_undecided() else {
            self.holding = Holding::Nothing;
            return self.resume(Direction::Outbound, now, out);
        };
        let id = if self.terms.is_refused || self.outbound.is_full_of_checks() {
            None
        } else {
            self.ask_again(Direction::Outbound, at, now, out)
        };
        match (id, &mut self.holding) {
            (Some(id), Holding::Held(hold)) => hold.stage = Stage::Asks(id),
            (None, Holding::Held(hold)) => {
                hold.stage = Stage::Asks(0); // No Check has this id.
                self.pause(None, failure, now, out);
            }
            _ => {}
        }
    }

    fn give_up(&mut self, failure: Failure, now: Now, out: &mut Commands) {
        match self.listener.settings.outbound.undecided {
            Undecided::End => self.cut_off(failure, now, out),
            Undecided::GapFill => {
                self.holding = Holding::GivenUp;
                while let Some(at) = self.outbound.first_undecided() {
                    let Some(waiting) = self.outbound.waiting(at) else { return };
                    let (bytes, msg_type) = (std::mem::take(&mut waiting.bytes), waiting.msg_type);
                    self.reread(&bytes, |session, message| session.note_lost(message, out));
                    let decision = self.decide_alone(Direction::Outbound, msg_type, failure, out);
                    self.outbound.wait_again(at, bytes, Fate::Decided(decision));
                }
            }
        }
    }

    /// The session ends before any message that is held: the client asks for them after its next Logon.
    fn cut_off(&mut self, failure: Failure, now: Now, out: &mut Commands) {
        out.log(Level::Warn, format!("session {}: {WHY}: {failure}", self.name));
        self.holding = Holding::CutOff;
        self.outbound.drop_all();
        match self.phase {
            Phase::Active => self.part(WHY, now, out),
            // The Logout has gone up before.
            _ => {
                out.count(Counter::EndedUndecided);
                self.leave(WHY, now, out);
            }
        }
    }
}
