//! What the tests of whole sessions share, and the fuzz targets with them.
//!
//! [`driver`] stands where Envoy stands: it hands events in and carries commands out. [`service`] stands where the
//! decision service stands, and reads the Checks from the wire. [`transcript`] lets a test read as a dialogue. [`run`]
//! plays any sequence of operations, [`law`] judges what came of it, and [`checks`] does both for the bytes of a corpus file.
//! [`substitutes`], [`refused`] and [`answers`] do so for what the filter writes, for what it does not forward, and for what the
//! decision service says; [`slow_parser`] reads a message as plainly as can be written, and [`stream`] what a side said.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

pub mod answers;
pub mod checks;
pub mod driver;
pub mod law;
pub mod lines;
pub mod refused;
pub mod run;
pub mod service;
pub mod slow_parser;
pub mod stream;
pub mod substitutes;
pub mod transcript;
