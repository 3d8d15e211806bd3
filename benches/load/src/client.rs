//! The client: logs on with the token from standard input, measures, logs out, and prints one line of JSON.
//!
//! All messages are built before the clock starts; the timed part does nothing but write, read and read the clock.

use crate::connection::Connection;
use crate::fix::{self, CLIENT, FIRST_SEQ, Purpose, VENUE, invalid};
use crate::traffic::Traffic;
use std::io::{self, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

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
        let number = |text: &str| text.parse::<u32>().map_err(|_| invalid(&format!("`{text}` is no number")));
        let plan = Self {
            port: port.parse().map_err(|_| invalid(&format!("`{port}` is no port")))?,
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
    let orders = Orders::build(&plan);
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, plan.port))?;
    let mut session = Session { connection: Connection::new(stream)?, seq: FIRST_SEQ };
    session.log_on(plan.purpose, &token()?)?;
    match plan.purpose {
        Purpose::Throughput | Purpose::Bridged => {
            let question = plan.purpose.question();
            session.saturate(orders.slice(0, plan.warmup), plan.warmup, question)?;
            let elapsed = session.saturate(orders.slice(plan.warmup, plan.count), plan.count, question)?;
            println!("{{\"messages\":{},\"elapsed_ns\":{}}}", plan.count, elapsed.as_nanos());
        }
        Purpose::Latency => {
            session.ping_pong(&orders, 0, plan.warmup)?;
            let trips = session.ping_pong(&orders, plan.warmup, plan.count)?;
            let trips: Vec<String> = trips.iter().map(|trip| trip.as_nanos().to_string()).collect();
            println!("{{\"round_trips_ns\":[{}]}}", trips.join(","));
        }
    }
    session.log_out()
}

fn token() -> io::Result<String> {
    let mut token = String::new();
    io::stdin().read_to_string(&mut token)?;
    Ok(token.trim().to_owned())
}

/// All messages of a run, one behind the other, and where each begins.
struct Orders {
    bytes: Vec<u8>,
    starts: Vec<usize>,
}

impl Orders {
    /// In the throughput run a question stands between the warm-up and the rest, and takes a number.
    fn build(plan: &Plan) -> Self {
        let total = plan.warmup + plan.count;
        let mut orders =
            Self { bytes: Vec::with_capacity(total as usize * fix::ORDER_LENGTH), starts: Vec::new() };
        for index in 0..total {
            let between = u32::from(plan.purpose != Purpose::Latency && index >= plan.warmup);
            orders.starts.push(orders.bytes.len());
            plan.traffic.write(&mut orders.bytes, index, FIRST_SEQ + 1 + index + between);
        }
        orders.starts.push(orders.bytes.len());
        orders
    }

    fn slice(&self, from: u32, count: u32) -> &[u8] {
        let start = |index: u32| self.starts.get(index as usize).copied().unwrap_or(self.bytes.len());
        self.bytes.get(start(from)..start(from + count)).unwrap_or_default()
    }
}

struct Session {
    connection: Connection,
    /// MsgSeqNum (34) of the next message.
    seq: u32,
}

impl Session {
    fn log_on(&mut self, purpose: Purpose, token: &str) -> io::Result<()> {
        // A desk of its own each time (50): of two services, one may not know yet that the last run's session has ended.
        let desk = std::process::id();
        self.say("A", &format!("50={desk}|57={}|98=0|108=30|554={token}|", purpose.name()))?;
        let answer = self.connection.next()?;
        match answer.msg_type {
            b"A" => Ok(()),
            _ => Err(invalid(&format!("logon refused: {}", answer.get("58=").unwrap_or("no reason given")))),
        }
    }

    /// Sends all, as fast as they are taken, and waits until the venue says that it has them.
    fn saturate(&mut self, orders: &[u8], count: u32, question: (&str, &[u8])) -> io::Result<Duration> {
        let started = Instant::now();
        self.connection.send(orders)?;
        self.seq += count;
        self.say(question.0, "112=bench|")?;
        let answer = self.connection.next()?;
        let elapsed = started.elapsed();
        match answer.get("58=").and_then(|text| text.parse::<u32>().ok()) {
            Some(arrived) if answer.msg_type == question.1 && arrived == count => Ok(elapsed),
            _ => Err(invalid(&format!("the venue did not confirm {count} orders: {}", shown(answer.bytes)))),
        }
    }

    /// Sends one at a time and waits for its answer; each round trip.
    fn ping_pong(&mut self, orders: &Orders, from: u32, count: u32) -> io::Result<Vec<Duration>> {
        let mut trips = Vec::with_capacity(count as usize);
        for index in from..from + count {
            let started = Instant::now();
            self.connection.send(orders.slice(index, 1))?;
            let answer = self.connection.next()?;
            trips.push(started.elapsed());
            let id = format!("ORDER-{}", self.seq);
            if answer.msg_type != b"8" || answer.get("11=") != Some(&id) {
                return Err(invalid(&format!("no report on {id}: {}", shown(answer.bytes))));
            }
            self.seq += 1;
        }
        Ok(trips)
    }

    fn log_out(&mut self) -> io::Result<()> {
        self.say("5", "")?;
        match self.connection.next()?.msg_type {
            b"5" => Ok(()),
            _ => Err(invalid("the Logout was not answered")),
        }
    }

    fn say(&mut self, msg_type: &str, body: &str) -> io::Result<()> {
        let mut bytes = Vec::new();
        fix::write(&mut bytes, msg_type, self.seq, CLIENT, VENUE, body);
        self.seq += 1;
        self.connection.send(&bytes)
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace('\x01', "|")
}
