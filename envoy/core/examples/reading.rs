//! How the strict profile reads a message, for others to be held against (`tests/differential`).
//!
//! Each line of standard input is a message in hexadecimal; each line of standard output is its reading in JSON: `{"fields":
//! [[tag, "value in hexadecimal"], …]}` of what would go on, or `{"violation": "…"}`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

use fix_authz_core::profile::Profile;
use fix_authz_core::testing::read;
use fix_authz_core::violation::Violation;
use std::io::{BufRead, Write};

const MAX_FIELDS: usize = 1_024;

fn main() {
    let profile = Profile::new(&[], &[]);
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let reading = reading(&bytes(&line.expect("a line of text")), &profile);
        writeln!(out, "{reading}").and_then(|()| out.flush()).expect("a reader");
    }
}

fn reading(bytes: &[u8], profile: &Profile) -> serde_json::Value {
    let mut fields = Vec::new();
    match read(bytes, profile, MAX_FIELDS, &mut fields) {
        // What is behind the message is the next one's business.
        Ok(message) if message.bytes.len() < bytes.len() => {
            serde_json::json!({"violation": Violation::Truncated.to_string()})
        }
        Ok(message) => {
            let fields: Vec<(u32, String)> =
                message.fields.iter().map(|field| (field.tag, hexadecimal(message.value(field)))).collect();
            serde_json::json!({"fields": fields})
        }
        Err(violation) => serde_json::json!({"violation": violation.to_string()}),
    }
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<char> = hexadecimal.chars().collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).expect("hexadecimal");
    digits.chunks(2).map(byte).collect()
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
