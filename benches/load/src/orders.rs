//! Messages that are built before the clock starts: the timed part does nothing but write, read and read the clock.

use crate::fix::ORDER_LENGTH;
use crate::traffic::Traffic;

/// Messages, one behind the other, and where each ends.
pub struct Orders {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Orders {
    /// So many of a run's messages, beginning with the one at `index`, which has MsgSeqNum (34) `seq`.
    pub fn build(traffic: &Traffic, index: u32, seq: u32, count: u32) -> Self {
        let mut orders = Self { bytes: Vec::with_capacity(count as usize * ORDER_LENGTH), ends: Vec::new() };
        for offset in 0..count {
            traffic.write(&mut orders.bytes, index + offset, seq + offset);
            orders.ends.push(orders.bytes.len());
        }
        orders
    }

    /// How many.
    pub fn count(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }

    /// All of them.
    pub fn all(&self) -> &[u8] {
        &self.bytes
    }

    /// One after the other.
    pub fn each(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.bytes.get(start..*end).unwrap_or_default())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::fix::{FIRST_SEQ, Message};

    #[test]
    fn orders_come_one_by_one_as_they_stand_and_are_numbered_on() {
        let traffic = Traffic::named("mixed").unwrap();
        let orders = Orders::build(&traffic, 5, FIRST_SEQ + 3, 40);
        let each: Vec<&[u8]> = orders.each().collect();
        assert_eq!((each.len(), orders.count()), (40, 40));
        assert_eq!(each.concat(), orders.all());
        for (seq, order) in (FIRST_SEQ + 3..).zip(each) {
            let message = Message::first(order).unwrap().unwrap();
            assert_eq!((message.seq, message.bytes), (seq, order));
        }
    }

    #[test]
    fn a_run_in_parts_has_the_messages_of_a_run_at_once() {
        let traffic = Traffic::named("mixed").unwrap();
        let whole = Orders::build(&traffic, 0, FIRST_SEQ, 30);
        let parts =
            [Orders::build(&traffic, 0, FIRST_SEQ, 10), Orders::build(&traffic, 10, FIRST_SEQ + 10, 20)];
        assert_eq!(parts.each_ref().map(Orders::all).concat(), whole.all());
    }
}
