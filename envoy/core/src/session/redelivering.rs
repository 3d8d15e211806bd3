//! Rejects that a lost connection took with it are put back where the venue fills their numbers.
//!
//! A Heartbeat is never resent: the venue's engine answers a ResendRequest with a GapFill over it, and so over the reject
//! that the client was to see there. The GapFill is split around the number, and the reject stands there again, as a replay
//! (43=Y, 122). A client that has had the number ignores it like any replay.

use super::echo::{Echo, LATE_MS, Origin};
use super::memory::{Key, Put};
use super::resetting::begins_anew;
use super::{Now, Session};
use crate::command::{Command, Commands, Direction};
use crate::message::{Message, number};
use crate::msg_type::MsgType;
use crate::rewrite::{self, Rejected};
use crate::stats::Counter;
use crate::tags;
use std::time::Duration;

/// Which session a connection is about, and how far the venue has come on it.
#[derive(Debug)]
pub(super) struct Footing {
    key: Key,
    /// This connection.
    owner: u64,
    /// The venue's highest number so far; 0: it has not logged on.
    highest: u64,
    /// The venue has asked for messages whose rejects were lost.
    has_asked_again: bool,
}

impl Session {
    /// The Logon goes upstream.
    pub(super) fn set_foot(&mut self, logon: &Message<'_>, now: Now) {
        if self.listener.memory.is_on() {
            self.listener.memory.inherit(now.monotonic);
            let owner = self.echoes.fresh();
            self.footing =
                Key::of(logon).map(|key| Footing { key, owner, highest: 0, has_asked_again: false });
            self.forget_if_anew(logon, now);
            if let Some(footing) = &self.footing {
                self.listener.memory.begin_client(&footing.key, logon.seq, now.monotonic);
            }
        }
    }

    /// Follows the venue's numbers, and what it says of the client's.
    #[inline]
    pub(super) fn follow_venue(&mut self, message: &Message<'_>, now: Now) {
        if let Some(footing) = &mut self.footing {
            if footing.highest > 0 && begins_anew(message) && !message.poss_dup {
                self.listener.memory.begin(&footing.key, footing.owner, message.seq, now.monotonic);
                footing.highest = message.seq;
            } else if footing.highest > 0 {
                if !message.poss_dup {
                    footing.highest = footing.highest.max(message.seq);
                }
            } else if message.msg_type == MsgType::LOGON {
                self.listener.memory.begin(&footing.key, footing.owner, message.seq, now.monotonic);
                footing.highest = message.seq;
            }
        }
    }

    /// The same of a message that is neither a Logon nor a replay.
    #[inline]
    pub(super) fn follow_number(&mut self, seq: u64) {
        if let Some(footing) = self.footing.as_mut().filter(|footing| footing.highest > 0) {
            footing.highest = footing.highest.max(seq);
        }
    }

    /// A Logon with 141=Y: the numbers begin anew on both sides.
    pub(super) fn forget_if_anew(&self, logon: &Message<'_>, now: Now) {
        if let Some(footing) = &self.footing
            && begins_anew(logon)
        {
            self.listener.memory.clear(&footing.key, now.monotonic);
            self.listener.memory.clear_client(&footing.key, now.monotonic);
        }
    }

    /// A Logon of the client's in a running session: the numbers begin anew on both sides.
    pub(super) fn forget_numbers(&mut self, now: Now) {
        if let Some(footing) = &mut self.footing {
            self.listener.memory.clear(&footing.key, now.monotonic);
            footing.highest = 0;
        }
    }

    /// SequenceReset-Reset of the venue's.
    pub(super) fn forget_kept(&self, now: Now) {
        if let Some(footing) = &self.footing {
            self.listener.memory.clear(&footing.key, now.monotonic);
        }
    }

    /// SequenceReset-Reset of the client's: what is kept at the venue's numbers stays there.
    pub(super) fn forget_lost(&self, now: Now) {
        if let Some(footing) = &self.footing {
            self.listener.memory.clear_client(&footing.key, now.monotonic);
        }
    }

    /// A TestRequest goes to the venue in the place of a denied message.
    pub(super) fn note_awaited(&self, rejected: &Rejected, now: Now) {
        if let Some(footing) = &self.footing {
            self.listener.memory.await_reject(&footing.key, rejected, now.monotonic);
        }
    }

    /// The client asks for a resend: it has seen none of the venue's messages from the first that it asks for.
    pub(super) fn note_clients_request(&self, request: &Message<'_>, now: Now) {
        if let Some(footing) = &self.footing
            && let Some(from) = seq_num(request, tags::BEGIN_SEQ_NO)
        {
            self.listener.memory.unseen_from(&footing.key, from, now.monotonic);
        }
    }

    /// The venue asks for a resend: TestRequests in its range need no longer be answered, and the messages that they stood
    /// for are decided anew.
    pub(super) fn note_resend_request(&mut self, request: &Message<'_>, now: Now, out: &mut Commands) {
        let Some(from) = seq_num(request, tags::BEGIN_SEQ_NO) else { return };
        let to = seq_num(request, tags::END_SEQ_NO).filter(|to| *to > 0).unwrap_or(u64::MAX);
        let numbers = from..=to;
        if let Some(footing) = &mut self.footing {
            footing.has_asked_again |= self.listener.memory.lacks(&footing.key, &numbers, now.monotonic);
        }
        out.count_many(Counter::RejectsOverdue, self.echoes.waive_range(numbers));
    }

    /// Whether the venue has asked for messages whose rejects an earlier connection lost.
    #[inline]
    pub(super) fn has_asked_again(&self) -> bool {
        self.footing.as_ref().is_some_and(|footing| footing.has_asked_again)
    }

    /// A message of the client's goes to the venue. If it was denied before, its lost reject must not follow.
    #[inline]
    pub(super) fn note_replay(&self, message: &Message<'_>, now: Now) {
        if let Some(footing) =
            self.footing.as_ref().filter(|footing| footing.has_asked_again && message.poss_dup)
        {
            self.listener.memory.replay(&footing.key, message.seq, now.monotonic);
        }
    }

    /// Time has passed: rejects that the venue leaves waiting for too long hold up nothing any more.
    pub(super) fn waive_overdue(&mut self, now: Now, out: &mut Commands) {
        let limits = &self.listener.settings.limits;
        let (age, most) = (limits.reject_timeout_ms, limits.max_pending_rejects as usize);
        self.lose_late(now);
        let waived = self.echoes.waive_older(Duration::from_millis(age.into()), now.monotonic);
        out.count_many(Counter::RejectsOverdue, waived);
        if waived > 0 {
            self.resume_client(now, out);
        }
        if self.reads_paused && self.echoes.len() >= most {
            self.wait_for_rejects(out);
        }
    }

    /// Sets the timer that waives rejects which are on their way for too long.
    pub(super) fn wait_for_rejects(&self, out: &mut Commands) {
        let age = Duration::from_millis(self.listener.settings.limits.reject_timeout_ms.into());
        let millis = self.echoes.patience(age).as_millis();
        out.push(Command::Tick(u32::try_from(millis).unwrap_or(u32::MAX)));
    }

    /// Returns whether a denied message of the client's is new or a replay, and whether the gateway denied the replayed message when it
    /// was new.
    pub(super) fn origin_of(&mut self, message: &Message<'_>, now: Now, out: &mut Commands) -> Origin {
        let memory = &self.listener.memory;
        match &self.footing {
            Some(footing) if !message.poss_dup => {
                memory.deny(&footing.key, message.seq, now.monotonic);
                Origin::New
            }
            Some(footing) if memory.is_denied(&footing.key, message.seq, now.monotonic) => {
                if self.echoes.begin_late_timer(now.monotonic) {
                    out.push(Command::Tick(LATE_MS));
                }
                Origin::Denied
            }
            _ if message.poss_dup => Origin::Unknown,
            _ => Origin::New,
        }
    }

    /// Time has passed: where the venue does not answer the replay of a denied message, because it had the TestRequest before,
    /// the reject takes another way.
    pub(super) fn lose_late(&mut self, now: Now) {
        let late = rejects(self.echoes.late(now.monotonic));
        if let Some(footing) = self.footing.as_ref().filter(|_| !late.is_empty()) {
            self.listener.memory.lose(&footing.key, footing.owner, None, late, now.monotonic);
        }
    }

    /// Whether a denied message of the client's was answered, or its answer waits for a place. One that is on its way does not
    /// count, for the venue may have thrown its TestRequest away. Where nothing is remembered, every replay counts as answered.
    pub(super) fn is_told(&self, seq: u64, now: Now) -> bool {
        let Some(footing) = &self.footing else { return true };
        self.listener.memory.is_told(&footing.key, seq, now.monotonic)
    }

    /// A reject that an earlier connection lost, for a Heartbeat of the venue's that answers nothing to carry it. The venue has
    /// had its TestRequest by then, or it would have asked for the message again.
    pub(super) fn take_lost(&self, heartbeat: &Message<'_>, now: Now) -> Option<Echo> {
        let footing = self.footing.as_ref().filter(|footing| footing.highest > 0)?;
        if heartbeat.poss_dup || heartbeat.get(tags::TEST_REQ_ID).is_some() {
            return None;
        }
        self.listener.memory.take_lost(&footing.key, now.monotonic).map(Echo::Reject)
    }

    /// Whether a reject has taken another way to the client.
    pub(super) fn was_told(&self, echo: &Echo, now: Now) -> bool {
        match (echo, &self.footing) {
            (Echo::Reject(rejected), Some(footing)) => {
                self.listener.memory.was_told(&footing.key, rejected.seq, now.monotonic)
            }
            _ => false,
        }
    }

    /// The reject of the client's message with this number is sent.
    pub(super) fn note_told(&self, seq: u64, now: Now) {
        if let Some(footing) = &self.footing {
            self.listener.memory.tell(&footing.key, seq, now.monotonic);
        }
    }

    /// Keeps the message of ours that stands in the place of a Heartbeat.
    pub(super) fn keep_sent(&self, seq: u64, bytes: &[u8], now: Now) {
        if let Some(footing) = &self.footing {
            self.listener.memory.keep(&footing.key, seq, bytes, now.monotonic);
        }
    }

    /// The connection is over: the rejects that are still on their way may come with the next one.
    pub(super) fn keep_pending(&mut self, now: Now) {
        let pending = self.echoes.drain();
        let Some(footing) = self.footing.take() else { return };
        let rejects = rejects(pending);
        if !rejects.is_empty() {
            let Footing { key, owner, highest, .. } = footing;
            let above = (highest > 0).then_some(highest);
            self.listener.memory.lose(&key, owner, above, rejects, now.monotonic);
        }
    }

    /// The venue fills a gap: the numbers in it are taken.
    pub(super) fn follow_fill(&mut self, fill: &Message<'_>) {
        if let Some(to) = filled_to(fill)
            && let Some(footing) = &mut self.footing
        {
            footing.highest = footing.highest.max(to - 1);
        }
    }

    /// The venue fills a gap: the rejects in it are put back. `false`: there are none.
    pub(super) fn put_back(&mut self, fill: &Message<'_>, now: Now, out: &mut Commands) -> bool {
        let Some(to) = filled_to(fill) else { return false };
        let Some(key) = self.footing.as_ref().map(|footing| footing.key.clone()) else { return false };
        let covered = self.listener.memory.covered(&key, fill.seq, to, now.monotonic);
        if covered.is_empty() {
            return false;
        }
        let mut bytes = Vec::new();
        let mut next = fill.seq;
        for (seq, put) in covered {
            if next < seq {
                rewrite::gap_fill_part(fill, self.own_ids(Direction::Outbound), next, seq, &mut bytes);
            }
            next = seq + 1;
            out.count(Counter::RejectsPutBack);
            match put {
                Put::Kept(kept) => {
                    self.reread(&kept, |_, kept| rewrite::put_back(kept, fill, &mut bytes));
                }
                Put::Lost(rejected) => {
                    let start = bytes.len();
                    let ids = self.own_ids(Direction::Outbound);
                    rewrite::late_reject(fill, ids, seq, &rejected, &mut bytes);
                    let sent = bytes.get(start..).unwrap_or_default();
                    self.listener.memory.keep(&key, seq, sent, now.monotonic);
                    self.listener.memory.tell(&key, rejected.seq, now.monotonic);
                }
            }
        }
        if next < to {
            rewrite::gap_fill_part(fill, self.own_ids(Direction::Outbound), next, to, &mut bytes);
        }
        self.replace(fill, out, |_, to| to.extend_from_slice(&bytes));
        true
    }
}

fn rejects(echoes: Vec<Echo>) -> Vec<Rejected> {
    let rejects = echoes.into_iter().filter_map(|echo| match echo {
        Echo::Reject(rejected) => Some(rejected),
        Echo::UserResponse(_) => None,
    });
    rejects.collect()
}

/// Returns the number after those that a GapFill covers, if it covers any.
pub(super) fn filled_to(fill: &Message<'_>) -> Option<u64> {
    seq_num(fill, tags::NEW_SEQ_NO).filter(|to| *to > fill.seq)
}

fn seq_num(message: &Message<'_>, tag: u32) -> Option<u64> {
    message.get(tag).and_then(number)
}
