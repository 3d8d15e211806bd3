//! The pure core of the FIX authorization filter.
//!
//! [`session::Session`] takes events (bytes from either side, answers, ends, ticks) and yields
//! [`command::Commands`]. It does no I/O, reads no clock and holds no `unsafe`: time, addresses and randomness come in
//! with the events. The law of the crate: nothing is forwarded that was not parsed whole and allowed, and whatever is
//! denied, both sides' sequence numbers stay as they would be without us.

#![forbid(unsafe_code)]

pub mod breaker;
pub mod command;
pub mod contract;
pub mod credential;
pub mod decision;
pub mod failure;
pub mod frame;
pub mod garbled;
pub mod layouts;
pub mod malformed;
pub mod message;
pub mod msg_type;
pub mod outbox;
pub mod oversize;
pub mod profile;
pub mod renewal;
pub mod rewrite;
pub mod separators;
pub mod session;
pub mod session_name;
pub mod session_reject;
pub mod settings;
pub mod simd;
pub mod stats;
pub mod swar;
pub mod tags;
#[doc(hidden)]
pub mod testing;
pub mod version;
pub mod violation;
