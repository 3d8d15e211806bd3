//! Load for the benches, in two roles that talk FIX 4.4 to each other through whatever stands between them.
//!
//! `venue` listens and serves each connection in a thread of its own, for the purpose that its Logon names. `client` logs
//! on, measures one thing for a fixed count of messages, and prints what it measured as one line of JSON; `turns` is the
//! same on several ways at once, one of which is at work at any moment. All are blocking, and none is busy while it waits:
//! on a small machine, the processor belongs to what is measured. `exchange` and `crowd` are for thousands of sessions at
//! once, in one thread each; `crowd` says how it is led.
//!
//! Every wait has a deadline, every loop a bound; what does not match (a message lost, doubled or out of order) ends the
//! program with an error.

mod client;
mod connection;
mod crowd;
mod desk;
mod exchange;
mod fix;
mod member;
mod orders;
mod pace;
mod places;
mod session;
mod traffic;
mod turns;
mod venue;
mod wire;
mod words;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "usage: bench_load venue
       bench_load client PORT throughput|latency|bridged MSG_TYPE|mixed WARMUP COUNT < token
       bench_load turns WARMUP TURNS BLOCK PORT:MSG_TYPE|mixed… < tokens, a line a way
       bench_load exchange
       bench_load crowd PORT < commands";

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let outcome = match *words.as_slice() {
        ["venue"] => venue::serve(),
        ["exchange"] => exchange::serve(),
        ["crowd", port] => crowd::run(port),
        ["client", port, purpose, traffic, warmup, count] => {
            client::Plan::parse(port, purpose, traffic, warmup, count).and_then(client::run)
        }
        ["turns", warmup, turns, block, ref ways @ ..] => {
            turns::Plan::parse([warmup, turns, block], ways).and_then(turns::run)
        }
        _ => Err(fix::invalid(USAGE)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_load: {error}");
            ExitCode::FAILURE
        }
    }
}
