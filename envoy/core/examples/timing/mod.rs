//! The median of many rounds over a set of messages, as a line of JSON for `benches/core.py`.

use std::time::Instant;

/// Timed rounds; their median is what counts.
const ROUNDS: usize = 301;

/// Times `round`, which deals with `messages` messages of `bytes` bytes in all, and says how many they were.
pub fn time(set: &str, messages: usize, bytes: usize, mut round: impl FnMut() -> usize) {
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(round(), messages);
            start.elapsed().as_secs_f64()
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let median = rounds[ROUNDS / 2];
    println!(
        r#"{{"set":"{set}","bytes_per_message":{:.1},"ns_per_message":{:.1},"gb_per_s":{:.3}}}"#,
        bytes as f64 / messages as f64,
        median * 1e9 / messages as f64,
        bytes as f64 / median / 1e9,
    );
}
