//! The name of a FIX session: BeginString, CompIDs, SubIDs and LocationIDs of its Logon, however that orders them.

use super::MAX_BYTES;
use crate::frame::SOH;
use crate::message::Message;
use crate::tags;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The fields that name a FIX session.
const NAMING: [u32; 6] = [
    tags::SENDER_COMP_ID,
    tags::SENDER_SUB_ID,
    tags::SENDER_LOCATION_ID,
    tags::TARGET_COMP_ID,
    tags::TARGET_SUB_ID,
    tags::TARGET_LOCATION_ID,
];

/// The name of a FIX session.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Vec<u8>", from = "Vec<u8>")]
pub(in crate::session) struct Key(Arc<[u8]>);

impl Key {
    /// The Logon's; `None` if it is too long to be kept.
    pub fn of(logon: &Message<'_>) -> Option<Self> {
        let named = logon.fields.iter().filter(|field| NAMING.contains(&field.tag));
        let mut parts: Vec<Vec<u8>> =
            named.map(|field| [&field.tag.to_be_bytes(), logon.value(field)].concat()).collect();
        parts.sort_unstable();
        let mut key = vec![logon.version as u8];
        for part in parts {
            key.push(SOH);
            key.extend_from_slice(&part);
        }
        (key.len() <= MAX_BYTES).then(|| Self(key.into()))
    }

    /// What it takes in memory.
    pub fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl From<Key> for Vec<u8> {
    fn from(key: Key) -> Self {
        key.0.to_vec()
    }
}

impl From<Vec<u8>> for Key {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;
    use crate::profile::Profile;
    use crate::testing::{fix, read};

    fn key(text: &str) -> Key {
        let bytes = fix("FIX.4.4", &format!("35=A|34=1|{text}98=0|"));
        let mut fields = Vec::new();
        Key::of(&read(&bytes, &Profile::new(&[], &[]), 64, &mut fields).unwrap()).unwrap()
    }

    /// The session of this SenderCompID with the one venue.
    pub(in crate::session::memory) fn named(name: &str) -> Key {
        key(&format!("49={name}|56=V|"))
    }

    #[test]
    fn a_session_is_named_by_both_sides_whatever_the_order() {
        assert_eq!(key("49=A|50=x|56=B|"), key("56=B|50=x|49=A|"));
        for other in ["49=B|50=x|56=A|", "49=A|57=x|56=B|", "49=A|142=x|56=B|", "49=A|56=B|"] {
            assert_ne!(key("49=A|50=x|56=B|"), key(other), "{other}");
        }
    }
}
