//! Rejects on their way: what was denied, by the id that the venue's Heartbeat will carry back.
//!
//! The ids are unguessable, so a venue or a client cannot make a Heartbeat into a reject; each converts once; their number
//! is bounded.

use crate::rewrite::Rejected;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::collections::HashMap;
use std::fmt::Write;

/// TestReqID (112) of a substituted TestRequest: 16 hexadecimal digits, within the 20 characters that all engines take.
pub(super) type EchoId = String;

/// The rejects that wait for a Heartbeat.
#[derive(Debug)]
pub(super) struct Echoes {
    pending: HashMap<EchoId, Rejected>,
    generator: ChaCha12Rng,
}

impl Echoes {
    /// An empty table whose ids come from `seed`.
    pub fn new(seed: [u8; 32]) -> Self {
        Self { pending: HashMap::new(), generator: ChaCha12Rng::from_seed(seed) }
    }

    /// Remembers a reject and names it.
    pub fn add(&mut self, rejected: Rejected) -> EchoId {
        let id = self.fresh_id();
        self.pending.insert(id.clone(), rejected);
        id
    }

    /// 64 fresh unguessable bits in hexadecimal.
    pub fn fresh_id(&mut self) -> String {
        let mut id = String::with_capacity(16);
        // Writing to a String cannot fail.
        let _ = write!(id, "{:016x}", self.generator.next_u64());
        id
    }

    /// The reject that a Heartbeat with this TestReqID (112) carries back; it converts once.
    pub fn take(&mut self, test_req_id: &[u8]) -> Option<Rejected> {
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
        let rejected = Rejected {
            seq: 7,
            msg_type: MsgType::LOGON,
            business_id: None,
            denial: Denial::new(b"no", 6, None),
        };
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
}
