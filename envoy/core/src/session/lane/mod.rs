//! One direction of a connection: bytes not yet read as messages, and messages waiting for their turn.
//!
//! Answers may come in any order; messages leave in the order in which they came. A lane is full when too many Checks are
//! out or too many bytes wait; then nothing more is taken from the unread bytes, and the shell stops reading.

mod unread;
mod waiting;

pub(super) use unread::Unread;
pub(super) use waiting::{Fate, Waiting};

use super::batching::Open;
use super::limiting::weight;
use crate::command::CheckId;
use crate::msg_type::MsgType;
use crate::oversize::Oversize;
use crate::settings::Limits;
use std::collections::VecDeque;
use std::time::Duration;

/// One direction of a connection.
#[derive(Debug)]
pub(super) struct Lane {
    /// Bytes that are not a whole message yet, or that wait for room in the queue.
    pub unread: Unread,
    /// A message that is longer than the limit, and passes by.
    pub oversize: Option<Box<Oversize>>,
    /// A Check that goes out at the end of the event at hand; messages wait for it already.
    pub open: Option<Box<Open>>,
    queue: VecDeque<Waiting>,
    queued_bytes: usize,
    in_flight: usize,
    /// What the messages weigh that wait for an answer.
    asked_weight: u32,
    /// `limits.max_checks_in_flight` and `limits.max_queued_bytes`.
    max_in_flight: usize,
    max_bytes: usize,
    /// It was full, and is not half empty yet.
    full: bool,
    /// The sender has half-closed.
    pub ended: bool,
    /// And the other side was told.
    end_passed: bool,
}

impl Lane {
    /// An empty lane.
    pub fn new(limits: &Limits) -> Self {
        Self {
            unread: Unread::default(),
            oversize: None,
            open: None,
            queue: VecDeque::new(),
            queued_bytes: 0,
            in_flight: 0,
            asked_weight: 0,
            max_in_flight: limits.max_checks_in_flight as usize,
            max_bytes: limits.max_queued_bytes as usize,
            full: false,
            ended: false,
            end_passed: false,
        }
    }

    /// No more messages may be taken in. A full lane takes none until it is half empty, so that Checks go out, and are
    /// answered, many at a time: one by one, each would wake both sides.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// What the messages weigh that wait for an answer.
    #[inline]
    pub fn asked_weight(&self) -> u32 {
        self.asked_weight
    }

    /// Nothing waits for a turn.
    pub fn is_clear(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that wait for answers, or for room behind such; `held`: or for whatever else.
    pub fn waiting_bytes(&self, held: bool) -> usize {
        let unread = if held || self.full || !self.queue.is_empty() { self.unread.len() } else { 0 };
        self.queued_bytes + unread
    }

    /// Adds a message behind the others.
    pub fn push(&mut self, bytes: &[u8], msg_type: MsgType, fate: Fate) {
        self.queued_bytes += bytes.len();
        if matches!(fate, Fate::Asked(..)) {
            self.in_flight += 1;
            self.asked_weight = self.asked_weight.saturating_add(weight(bytes.len()));
        }
        let waits_to_ask = matches!(fate, Fate::Again);
        self.queue.push_back(Waiting::new(bytes, msg_type, fate));
        self.full |= self.in_flight >= self.max_in_flight || self.queued_bytes >= self.max_bytes;
        self.full |= waits_to_ask && self.count_again() >= self.max_in_flight;
    }

    /// How many messages wait until they can be asked about.
    fn count_again(&self) -> usize {
        self.queue.iter().filter(|waiting| matches!(waiting.fate, Fate::Again)).count()
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// The message that waits at this place.
    pub fn waiting(&mut self, at: usize) -> Option<&mut Waiting> {
        self.queue.get_mut(at)
    }

    /// Returns the place of the first message that is to be asked about, if one more Check may be outstanding.
    pub fn next_again(&self) -> Option<usize> {
        let again = |waiting: &Waiting| matches!(waiting.fate, Fate::Again);
        (self.in_flight < self.max_in_flight).then(|| self.queue.iter().position(again)).flatten()
    }

    /// Gives the message at this place its bytes back, and its fate, which is usually to wait for the answer to a Check.
    pub fn wait_again(&mut self, at: usize, bytes: Vec<u8>, fate: Fate) {
        let Some(waiting) = self.queue.get_mut(at) else { return };
        if matches!(fate, Fate::Asked(..)) {
            self.in_flight += 1;
            self.asked_weight = self.asked_weight.saturating_add(weight(bytes.len()));
            self.full |= self.in_flight >= self.max_in_flight;
        }
        (waiting.bytes, waiting.fate) = (bytes, fate);
    }

    /// Notes that a service has sent the Check `id` back because of other terms.
    pub fn note_other_terms(&mut self, id: CheckId) {
        for waiting in &mut self.queue {
            if matches!(waiting.fate, Fate::Asked(asked, _) if asked == id) {
                waiting.met_other_terms = waiting.met_other_terms.saturating_add(1);
            }
        }
    }

    /// How many messages wait for the Check `id`.
    pub fn waiting_for(&self, id: CheckId) -> usize {
        let waits = |waiting: &&Waiting| matches!(waiting.fate, Fate::Asked(asked, _) if asked == id);
        self.queue.iter().filter(waits).count()
    }

    /// The first message that waits for the Check `id`, and since when.
    pub fn asked(&mut self, id: CheckId) -> Option<(&mut Waiting, Duration)> {
        self.queue.iter_mut().find_map(|waiting| match waiting.fate {
            Fate::Asked(asked, since) if asked == id => Some((waiting, since)),
            _ => None,
        })
    }

    /// One more Check may be out that no message waits for: only where it leaves room for one that a message waits for.
    pub fn begin_refresh(&mut self) -> bool {
        let room = self.in_flight + 1 < self.max_in_flight;
        self.in_flight += usize::from(room);
        room
    }

    /// It is out no more.
    pub fn end_refresh(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.ease();
    }

    /// Notes the fate of the first message that waits for the Check `id`.
    pub fn settle(&mut self, id: CheckId, fate: Fate) {
        if let Some((waiting, _)) = self.asked(id) {
            waiting.fate = fate;
            let weight = weight(waiting.bytes.len());
            self.asked_weight = self.asked_weight.saturating_sub(weight);
            self.in_flight -= 1;
            self.ease();
        }
    }

    /// Has the first message that waits for the Check `id` asked about again later, because the Check failed. Returns whether
    /// that was its first failure.
    pub fn put_off(&mut self, id: CheckId, now: Duration) -> bool {
        let Some((waiting, _)) = self.asked(id) else { return false };
        let is_first = waiting.undecided_since.is_none();
        waiting.undecided_since.get_or_insert(now);
        self.settle(id, Fate::Again);
        is_first
    }

    /// Notes that no Check can be sent about the last message in the queue.
    pub fn mark_undecided(&mut self, now: Duration) {
        if let Some(waiting) = self.queue.back_mut() {
            waiting.undecided_since.get_or_insert(now);
        }
    }

    /// Whether no further Check may be out.
    pub fn is_full_of_checks(&self) -> bool {
        self.in_flight >= self.max_in_flight
    }

    /// When the first Check failed about a message that is still undecided; `None` if there is no such message.
    pub fn undecided_since(&self) -> Option<Duration> {
        self.queue
            .iter()
            .filter(|waiting| waiting.is_undecided())
            .filter_map(|waiting| waiting.undecided_since)
            .min()
    }

    /// The place of the first message about which a Check has failed and no Check is out.
    pub fn first_undecided(&self) -> Option<usize> {
        self.queue
            .iter()
            .position(|waiting| waiting.undecided_since.is_some() && matches!(waiting.fate, Fate::Again))
    }

    /// Whether the first message is to pass without a decision of its own.
    pub fn is_first_undecided(&self) -> bool {
        self.queue.front().is_some_and(|waiting| matches!(waiting.fate, Fate::Reuse(_) | Fate::Pass))
    }

    /// Takes the first message, if its fate is known.
    pub fn pop_ready(&mut self) -> Option<Waiting> {
        if matches!(self.queue.front()?.fate, Fate::Asked(..) | Fate::Again) {
            return None;
        }
        self.pop()
    }

    /// Takes the first message, whatever is known of its fate.
    pub fn pop(&mut self) -> Option<Waiting> {
        let waiting = self.queue.pop_front()?;
        self.queued_bytes -= waiting.bytes.len();
        if matches!(waiting.fate, Fate::Asked(..)) {
            self.in_flight -= 1;
            self.asked_weight = self.asked_weight.saturating_sub(weight(waiting.bytes.len()));
        }
        self.ease();
        Some(waiting)
    }

    fn ease(&mut self) {
        self.full &= self.in_flight > self.max_in_flight / 2 || self.queued_bytes > self.max_bytes / 2;
    }

    /// Whether the end is to be passed on now: once.
    pub fn pass_end(&mut self) -> bool {
        !std::mem::replace(&mut self.end_passed, true)
    }

    /// Whether the end was passed on.
    pub fn is_end_passed(&self) -> bool {
        self.end_passed
    }

    /// Drops all that waits and all that is unread.
    pub fn drop_all(&mut self) {
        self.unread.clear();
        self.oversize = None;
        self.open = None;
        self.queue.clear();
        self.queued_bytes = 0;
        (self.in_flight, self.asked_weight) = (0, 0);
        self.full = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decision::{Allowance, Decision};

    fn allowed() -> Fate {
        Fate::Decided(Decision::Forward(Allowance::default()))
    }

    #[test]
    fn messages_leave_in_order_whatever_the_order_of_answers() {
        let mut lane = Lane::new(&Limits::default());
        for id in 1..=3 {
            lane.push(&[u8::try_from(id).unwrap_or(0)], MsgType::LOGON, Fate::Asked(id, Duration::ZERO));
        }
        lane.push(&[4], MsgType::LOGON, Fate::Pass);
        lane.settle(2, allowed());
        assert!(lane.pop_ready().is_none());
        lane.settle(1, allowed());
        lane.settle(3, allowed());
        let order: Vec<u8> =
            std::iter::from_fn(|| lane.pop_ready()).flat_map(|waiting| waiting.bytes).collect();
        assert_eq!(order, [1, 2, 3, 4]);
        assert!(lane.is_clear());
    }

    #[test]
    fn what_is_taken_before_its_answer_is_out_no_more() {
        let limits = Limits { max_checks_in_flight: 1, ..Limits::default() };
        let mut lane = Lane::new(&limits);
        lane.push(&[1], MsgType::LOGON, Fate::Asked(1, Duration::ZERO));
        assert!(lane.is_full() && lane.pop().is_some());
        lane.settle(1, allowed());
        assert!(!lane.is_full() && lane.is_clear());
    }

    #[test]
    fn a_refresh_leaves_room_for_a_message() {
        let mut lane = Lane::new(&Limits { max_checks_in_flight: 3, ..Limits::default() });
        assert!(lane.begin_refresh() && lane.begin_refresh() && !lane.begin_refresh());
        assert!(!lane.is_full());
        lane.push(&[1], MsgType::LOGON, Fate::Asked(1, Duration::ZERO));
        assert!(lane.is_full());
        lane.end_refresh();
        lane.end_refresh();
        assert!(!lane.is_full());
        lane.drop_all();
        lane.end_refresh();
        assert!(lane.begin_refresh() && lane.begin_refresh() && !lane.begin_refresh());
    }

    #[test]
    fn is_full_by_number_or_by_bytes_and_empties() {
        let limits = Limits { max_checks_in_flight: 2, max_queued_bytes: 1_024, ..Limits::default() };
        let mut lane = Lane::new(&limits);
        lane.push(&[0; 10], MsgType::LOGON, Fate::Asked(1, Duration::ZERO));
        assert!(!lane.is_full());
        lane.push(&[0; 10], MsgType::LOGON, Fate::Asked(2, Duration::ZERO));
        assert!(lane.is_full());
        lane.settle(1, allowed());
        assert!(!lane.is_full());
        lane.push(&[0; 2_000], MsgType::LOGON, Fate::Pass);
        assert!(lane.is_full());
        lane.settle(2, allowed());
        while lane.pop_ready().is_some() {}
        assert!(!lane.is_full() && lane.is_clear());
    }
}
