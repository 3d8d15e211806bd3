//! Rejects that a lost connection took with it are put back where the venue fills their numbers.
//!
//! A Heartbeat is never resent: the venue's engine answers a ResendRequest with a GapFill over it, and so over the reject
//! that the client was to see there. The GapFill is split around the number, and the reject stands there again, as a replay
//! (43=Y, 122). A client that has had the number ignores it like any replay.

use super::echo::Echo;
use super::memory::{Key, Put};
use super::resetting::begins_anew;
use super::{Now, Session};
use crate::command::{Command, Commands};
use crate::message::{Message, number};
use crate::msg_type::MsgType;
use crate::rewrite;
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
}

impl Session {
    /// The Logon goes upstream.
    pub(super) fn set_foot(&mut self, logon: &Message<'_>, now: Now) {
        if self.listener.memory.is_on() {
            let owner = self.echoes.fresh();
            self.footing = Key::of(logon).map(|key| Footing { key, owner, highest: 0 });
            self.forget_if_anew(logon, now);
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
            self.listener.memory.clear_lost(&footing.key, now.monotonic);
        }
    }

    /// The venue asks for a resend: TestRequests in its range need no longer be answered, and the messages that they stood
    /// for are decided anew.
    pub(super) fn note_resend_request(&mut self, request: &Message<'_>, now: Now, out: &mut Commands) {
        let Some(from) = seq_num(request, tags::BEGIN_SEQ_NO) else { return };
        if let Some(footing) = &self.footing {
            self.listener.memory.lacks(&footing.key, from, now.monotonic);
        }
        let to = seq_num(request, tags::END_SEQ_NO).filter(|to| *to > 0).unwrap_or(u64::MAX);
        out.count_many(Counter::RejectsOverdue, self.echoes.waive_range(from..=to));
    }

    /// Time has passed: rejects that the venue leaves waiting for too long hold up nothing any more.
    pub(super) fn waive_overdue(&mut self, now: Now, out: &mut Commands) {
        let limits = &self.listener.settings.limits;
        let (age, most) = (limits.reject_timeout_ms, limits.max_pending_rejects as usize);
        let waived = self.echoes.waive_older(Duration::from_millis(age.into()), now.monotonic);
        out.count_many(Counter::RejectsOverdue, waived);
        if waived > 0 {
            self.resume_client(now, out);
        }
        if self.reads_paused && self.echoes.len() >= most {
            out.push(Command::Tick(age));
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
        let Some(footing) = self.footing.take().filter(|footing| footing.highest > 0) else { return };
        let rejects = pending.into_iter().filter_map(|echo| match echo {
            Echo::Reject(rejected) => Some(rejected),
            Echo::UserResponse(_) => None,
        });
        let rejects: Vec<_> = rejects.collect();
        if !rejects.is_empty() {
            let Footing { key, owner, highest } = footing;
            self.listener.memory.lose(&key, owner, highest, rejects, now.monotonic);
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
                rewrite::gap_fill_part(fill, next, seq, &mut bytes);
            }
            next = seq + 1;
            out.count(Counter::RejectsPutBack);
            match put {
                Put::Kept(kept) => {
                    self.reread(&kept, |_, kept| rewrite::put_back(kept, fill, &mut bytes));
                }
                Put::Lost(rejected) => {
                    let start = bytes.len();
                    rewrite::late_reject(fill, seq, &rejected, &mut bytes);
                    let sent = bytes.get(start..).unwrap_or_default();
                    self.listener.memory.keep(&key, seq, sent, now.monotonic);
                }
            }
        }
        if next < to {
            rewrite::gap_fill_part(fill, next, to, &mut bytes);
        }
        self.replace(fill, out, |to| to.extend_from_slice(&bytes));
        true
    }
}

/// Returns the number after those that a GapFill covers, if it covers any.
fn filled_to(fill: &Message<'_>) -> Option<u64> {
    seq_num(fill, tags::NEW_SEQ_NO).filter(|to| *to > fill.seq)
}

fn seq_num(message: &Message<'_>, tag: u32) -> Option<u64> {
    message.get(tag).and_then(number)
}
