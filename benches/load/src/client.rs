//! The client: logs on with the token from standard input, measures, logs out, and prints one line of JSON.

use crate::fix::{FIRST_SEQ, Purpose, invalid};
use crate::orders::Orders;
use crate::session::Session;
use crate::traffic::Traffic;
use crate::words::{joined, number};
use std::io::{self, Read};

/// No run sends more, so that all its messages fit into memory.
const MOST_MESSAGES: u32 = 4_000_000;

/// What to measure.
pub struct Plan {
    port: u16,
    purpose: Purpose,
    traffic: Traffic,
    warmup: u32,
    count: u32,
}

impl Plan {
    /// Reads the command line's words.
    pub fn parse(port: &str, purpose: &str, traffic: &str, warmup: &str, count: &str) -> io::Result<Self> {
        let plan = Self {
            port: number(port)?,
            purpose: Purpose::named(purpose)?,
            traffic: Traffic::named(traffic)?,
            warmup: number(warmup)?,
            count: number(count)?,
        };
        if plan.count == 0 || plan.warmup.saturating_add(plan.count) > MOST_MESSAGES {
            return Err(invalid(&format!("a run sends 1 to {MOST_MESSAGES} messages")));
        }
        Ok(plan)
    }
}

/// Carries the plan out.
pub fn run(plan: Plan) -> io::Result<()> {
    let first = FIRST_SEQ + 1;
    // The question between the two takes a number.
    let between = u32::from(plan.purpose != Purpose::Latency);
    let warmup = Orders::build(&plan.traffic, 0, first, plan.warmup);
    let orders = Orders::build(&plan.traffic, plan.warmup, first + plan.warmup + between, plan.count);
    // A desk of its own each time: of two services, one may not know yet that the last run's session has ended.
    let desk = std::process::id().to_string();
    let mut session = Session::log_on(plan.port, plan.purpose, &desk, &token()?)?;
    match plan.purpose {
        Purpose::Throughput | Purpose::Bridged => {
            let question = plan.purpose.question();
            session.saturate(&warmup, question)?;
            let elapsed = session.saturate(&orders, question)?;
            println!("{{\"messages\":{},\"elapsed_ns\":{}}}", plan.count, elapsed.as_nanos());
        }
        Purpose::Latency => {
            let mut trips = Vec::with_capacity(plan.count as usize);
            session.ping_pong(&warmup, &mut Vec::new())?;
            session.ping_pong(&orders, &mut trips)?;
            println!("{{\"round_trips_ns\":[{}]}}", joined(trips));
        }
    }
    session.log_out()
}

fn token() -> io::Result<String> {
    let mut token = String::new();
    io::stdin().read_to_string(&mut token)?;
    Ok(token.trim().to_owned())
}
