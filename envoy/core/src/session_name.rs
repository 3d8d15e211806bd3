//! `SessionName`: the two names of a connection's session, a secret one and a public one.
//!
//! The secret name proves to the decision service that a request is about this session (`x-fix-session`). The public name
//! is a one-way digest of it (`proto/README.md`, "The two names of a session"): logs, request ids and metadata that an
//! operator may print have only that one.
//!
//! Invariants: `Display` and `Debug` show the public name only; nobody can compute a secret name from its public one.

use sha2::{Digest, Sha256};
use std::fmt;
use std::fmt::Write as _;

/// Keeps this digest apart from any other SHA-256 of the same text.
const PURPOSE: &[u8] = b"fix_authz session\0";
/// Bytes of the digest that are kept: 128 bits, because a second secret name with the same digest would prove the session.
const KEPT: usize = 16;

/// The names of one session.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionName {
    secret: String,
    public: String,
}

impl SessionName {
    /// The session whose secret name is `secret`, which must be unguessable.
    pub fn new(secret: String) -> Self {
        let digest = Sha256::new_with_prefix(PURPOSE).chain_update(secret.as_bytes()).finalize();
        let mut public = String::with_capacity(2 * KEPT);
        for byte in digest.iter().take(KEPT) {
            // Writing to a String cannot fail.
            let _ = write!(public, "{byte:02x}");
        }
        Self { secret, public }
    }

    /// The name that may stand in logs.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The name that proves the session: for requests to the decision service alone.
    pub fn reveal(&self) -> &str {
        &self.secret
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public)
    }
}

impl fmt::Debug for SessionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionName({})", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector of `proto/README.md`; the decision service's tests have it too.
    #[test]
    fn the_public_name_is_the_contracts_digest() {
        let name = SessionName::new("0123456789abcdef0123456789abcdef".to_owned());
        assert_eq!(name.public(), "ac03d0f84574ecd367c8c33fc9a1364c");
    }

    #[test]
    fn what_is_printed_is_the_public_name() {
        let name = SessionName::new("secret".to_owned());
        let printed = format!("{name} {name:?}");
        assert!(printed.contains(name.public()) && !printed.contains(name.reveal()), "{printed}");
    }
}
