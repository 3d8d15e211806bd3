//! Answers of ours on their way, by the id that the venue's Heartbeat will carry back.
//!
//! The ids are unguessable, so a venue or a client cannot make a Heartbeat into an answer; each converts once; their number
//! is bounded.

use crate::renewal::UserResponse;
use crate::rewrite::Rejected;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::HashMap;
use std::fmt::Write;

/// TestReqID (112) of a substituted TestRequest: 16 hexadecimal digits, within the 20 characters that all engines take.
pub(super) type EchoId = String;

/// What a Heartbeat becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Echo {
    /// The reject of a denied message.
    Reject(Rejected),
    /// The answer to a request for renewal.
    UserResponse(UserResponse),
}

/// The answers that wait for a Heartbeat.
#[derive(Debug)]
pub(super) struct Echoes {
    pending: HashMap<EchoId, Echo>,
    generator: ChaCha12Rng,
}

impl Echoes {
    /// An empty table whose ids come from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { pending: HashMap::new(), generator: ChaCha12Rng::from_seed(seed) }
    }

    /// Remembers an answer and names it.
    pub fn add(&mut self, echo: Echo) -> EchoId {
        let id = self.fresh_id();
        self.pending.insert(id.clone(), echo);
        id
    }

    /// 64 fresh unguessable bits in hexadecimal.
    pub fn fresh_id(&mut self) -> String {
        let mut id = String::with_capacity(16);
        // Writing to a String cannot fail.
        let _ = write!(id, "{:016x}", self.fresh());
        id
    }

    /// 64 fresh unguessable bits.
    pub fn fresh(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// At random, from the half of `most` to all of it.
    pub fn jitter(&mut self, most: u32) -> u32 {
        let half = most / 2;
        half + self.generator.next_u32() % (most - half + 1)
    }

    /// The answer that a Heartbeat with this TestReqID (112) carries back; it converts once.
    pub fn take(&mut self, test_req_id: &[u8]) -> Option<Echo> {
        if self.pending.is_empty() {
            return None;
        }
        self.pending.remove(std::str::from_utf8(test_req_id).ok()?)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.pending.len()
    }

    /// The sequence numbers begin anew: what was denied before has no number any more.
    pub fn clear(&mut self) {
        self.pending.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::decision::Denial;
    use crate::msg_type::MsgType;

    #[test]
    fn converts_once() {
        let rejected = Echo::Reject(Rejected {
            seq: 7,
            msg_type: MsgType::LOGON,
            business_id: None,
            denial: Denial::new(b"no", 6, None),
        });
        let mut echoes = Echoes::new([7; 32]);
        let first = echoes.add(rejected.clone());
        let second = echoes.add(rejected.clone());
        assert_ne!(first, second);
        assert_eq!(first.len(), 16);
        assert_eq!(echoes.take(first.as_bytes()), Some(rejected));
        assert_eq!(echoes.take(first.as_bytes()), None);
        assert_eq!(echoes.take(&[0xff]), None);
        echoes.clear();
        assert_eq!(echoes.take(second.as_bytes()), None);
        assert_eq!(echoes.len(), 0);
    }

    #[test]
    fn jitter_keeps_to_the_upper_half() {
        let mut echoes = Echoes::new([7; 32]);
        for most in [0, 1, 2, 1_000, 30_000] {
            assert!((0..100).all(|_| (most / 2..=most).contains(&echoes.jitter(most))), "{most}");
        }
    }
}
