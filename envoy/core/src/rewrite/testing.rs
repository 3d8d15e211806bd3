//! For the tests of these modules: a message rewritten.

use crate::contract::identity::HeaderId;
use crate::decision::Denial;
use crate::message::Message;
use crate::profile::Profile;
use crate::testing::{fix, read, show};

/// An order with fields that no substitute takes over.
pub(super) const ORDER: &str = "35=D|34=7|49=A|56=B|50=desk|115=OTHER|52=T|627=1|628=HOP|1128=9|212=3|213=abc|97=Y|5000=x|11=ord-1|167=CS|93=1|89=s|";

/// What `with` writes for a message, behind what was there before: strict, and told without its frame.
pub(super) fn rewrite(version: &str, body: &str, with: impl FnOnce(&Message<'_>, &mut Vec<u8>)) -> String {
    let bytes = fix(version, body);
    let mut fields = Vec::new();
    let profile = Profile::new(&[], &[]);
    let message = read(&bytes, &profile, 64, &mut fields).unwrap();
    let mut out = b"before".to_vec();
    with(&message, &mut out);
    let out = out.strip_prefix(b"before").unwrap();
    read(out, &profile, 64, &mut Vec::new()).unwrap();
    let text = show(out);
    // The body alone, as length and sum were just checked.
    text.split_once("|35=").map(|(_, rest)| format!("35={}", rest.rsplit_once("10=").unwrap().0)).unwrap()
}

/// The optional ids of a Logon.
pub(super) fn ids(ids: &[(u32, &str)]) -> Vec<HeaderId> {
    ids.iter().map(|(tag, value)| (*tag, value.as_bytes().to_vec())).collect()
}

/// With the reason `reason` (380), and 8 for SessionStatus (1409).
pub(super) fn denial(reason: u8) -> Denial {
    Denial::new(b"Insufficient permissions", reason, Some(8))
}
