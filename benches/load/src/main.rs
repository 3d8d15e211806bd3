//! Load for the benches, in two roles that talk FIX 4.4 to each other through whatever stands between them.
//!
//! `venue` listens and serves one connection after the other, each for the purpose that its Logon names. `client`
//! logs on, measures one thing for a fixed count of messages, and prints what it measured as one line of JSON.
//! Both are blocking and single-threaded: on a small machine, the processor belongs to what is measured. `exchange` and
//! `crowd` are the same for thousands of sessions at once, still in one thread each; `crowd` says how it is led.
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
mod pace;
mod traffic;
mod venue;
mod wire;

use std::env;
use std::process::ExitCode;

const USAGE: &str = "usage: bench_load venue
       bench_load client PORT throughput|latency|bridged MSG_TYPE|mixed WARMUP COUNT < token
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
