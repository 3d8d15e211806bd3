//! The client on several ways at once: a session on each, and they take turns, each with a short block of round trips.
//!
//! Whatever the machine does besides hits all ways alike, and what one block of a way is held against is but milliseconds
//! away. Every trip of a turn is told: which of them count is for those to say who read it, as the first find the caches
//! full of the way before.

use crate::fix::{FIRST_SEQ, Purpose, invalid};
use crate::orders::Orders;
use crate::places::order;
use crate::session::Session;
use crate::traffic::Traffic;
use crate::words::{joined, number};
use std::io::{self, Read};
use std::time::Duration;

/// No run takes more round trips of all ways together, so that all fit into memory.
const MOST_TRIPS: u64 = 4_000_000;

/// What to measure.
pub struct Plan {
    ways: Vec<(u16, Traffic)>,
    /// Round trips of each way before the first turn.
    warmup: u32,
    turns: u32,
    /// Round trips of each way a turn.
    block: u32,
}

impl Plan {
    /// Reads the command line's words: the numbers in the order of the plan's, and `PORT:TRAFFIC` for each way.
    pub fn parse(numbers: [&str; 3], ways: &[&str]) -> io::Result<Self> {
        let [warmup, turns, block] = numbers;
        let plan = Self {
            ways: ways.iter().map(|way| parse_way(way)).collect::<io::Result<_>>()?,
            warmup: number(warmup)?,
            turns: number(turns)?,
            block: number(block)?,
        };
        let way = u64::from(plan.block).saturating_mul(plan.turns.into()).saturating_add(plan.warmup.into());
        let all = way.saturating_mul(plan.ways.len() as u64);
        if plan.ways.is_empty() || plan.turns == 0 || plan.block == 0 || all > MOST_TRIPS {
            return Err(invalid(&format!("a run takes 1 to {MOST_TRIPS} round trips")));
        }
        Ok(plan)
    }
}

fn parse_way(way: &str) -> io::Result<(u16, Traffic)> {
    let (port, traffic) = way.split_once(':').ok_or_else(|| invalid(&format!("`{way}` has no traffic")))?;
    Ok((number(port)?, Traffic::named(traffic)?))
}

/// Carries the plan out, with a token a way, each in a line of standard input.
pub fn run(plan: Plan) -> io::Result<()> {
    let mut tokens = String::new();
    io::stdin().read_to_string(&mut tokens)?;
    let found = measure(plan, &tokens.lines().collect::<Vec<_>>())?;
    let told: Vec<String> = found.into_iter().map(|trips| format!("[{}]", joined(trips))).collect();
    println!("{{\"round_trips_ns\":[{}]}}", told.join(","));
    Ok(())
}

/// Each way's round trips, one turn after the other.
fn measure(plan: Plan, tokens: &[&str]) -> io::Result<Vec<Vec<Duration>>> {
    if tokens.len() != plan.ways.len() {
        return Err(invalid(&format!("{} tokens for {} ways", tokens.len(), plan.ways.len())));
    }
    let mut ways = Vec::with_capacity(plan.ways.len());
    for (index, ((port, traffic), token)) in plan.ways.into_iter().zip(tokens).enumerate() {
        // A desk of its own each: an identity has but one live session.
        let desk = format!("{}-{index}", std::process::id());
        let session = Session::log_on(port, Purpose::Latency, &desk, token)?;
        ways.push(Way { session, traffic, sent: 0, trips: Vec::new() });
    }
    for way in &mut ways {
        way.take(plan.warmup)?;
        way.trips.clear();
    }
    for turn in 0..plan.turns as usize {
        for index in order(ways.len(), turn) {
            ways.get_mut(index).map_or(Ok(()), |way| way.take(plan.block))?;
        }
    }
    ways.into_iter().map(Way::leave).collect()
}

/// A way, and what was found on it.
struct Way {
    session: Session,
    traffic: Traffic,
    sent: u32,
    /// One turn after the other.
    trips: Vec<Duration>,
}

impl Way {
    /// So many round trips, whose messages are built before the first.
    fn take(&mut self, count: u32) -> io::Result<()> {
        let orders = Orders::build(&self.traffic, self.sent, FIRST_SEQ + 1 + self.sent, count);
        self.sent += count;
        self.trips.reserve(count as usize);
        self.session.ping_pong(&orders, &mut self.trips)
    }

    fn leave(self) -> io::Result<Vec<Duration>> {
        self.session.log_out()?;
        Ok(self.trips)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::venue::admit;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    #[test]
    fn sessions_take_turns_at_one_venue_and_none_loses_a_message() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || admit(&listener));
        let ways = [format!("{port}:D"), format!("{port}:mixed"), format!("{port}:6")];
        let plan = || Plan::parse(["5", "7", "4"], &ways.each_ref().map(String::as_str)).unwrap();
        let found = measure(plan(), &["a", "b", "c"]).unwrap();
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [28, 28, 28]);
        assert!(found.iter().flatten().all(|trip| !trip.is_zero()));
        assert!(measure(plan(), &["a", "b"]).is_err());
    }

    #[test]
    fn a_plan_has_a_traffic_a_way_and_a_bound() {
        let plan = Plan::parse(["7", "200", "100"], &["5000:D", "5001:mixed"]).unwrap();
        assert_eq!((plan.warmup, plan.turns, plan.block), (7, 200, 100));
        assert!(matches!(plan.ways.as_slice(), [(5000, Traffic::Order(_)), (5001, Traffic::Mixed)]));
        for (numbers, ways) in [
            (["0", "1", "1"], vec![]),
            (["0", "0", "1"], vec!["5000:D"]),
            (["0", "1", "0"], vec!["5000:D"]),
            (["0", "1", "1"], vec!["5000"]),
            (["0", "1", "1"], vec!["65536:D"]),
            (["0", "2000", "1001"], vec!["5000:D", "5001:D"]),
            (["4294967295", "4294967295", "4294967295"], vec!["5000:D"]),
        ] {
            assert!(Plan::parse(numbers, &ways).is_err(), "{numbers:?} {ways:?}");
        }
    }
}
