//! The access token in a Logon: where it stands, and the Logon without it.

use crate::message::{Field, Message};
use crate::profile::Profile;
use crate::rewrite::compose;
use crate::violation::Violation;
use std::fmt;

/// An access token. It prints as nothing, so that it cannot slip into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Vec<u8>);

impl Token {
    /// The token's bytes, for the `authorization` header alone.
    pub fn reveal(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A token and the tag that held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The token.
    pub token: Token,
    /// The tag.
    pub tag: u32,
}

/// Finds the token: the first of `tags` that the Logon has.
///
/// # Errors
/// That tag stands in the Logon more than once.
pub fn find(logon: &Message<'_>, tags: &[u32]) -> Result<Option<Credential>, Violation> {
    for tag in tags {
        let Some(value) = logon.get(*tag) else { continue };
        if logon.count(*tag) > 1 {
            return Err(Violation::RepeatedCredential);
        }
        return Ok(Some(Credential { token: Token(value.to_vec()), tag: *tag }));
    }
    Ok(None)
}

/// Appends the Logon without the field `tag` (and a length field that announces it), with 9 and 10 made anew.
pub fn without(logon: &Message<'_>, tag: u32, profile: &Profile, out: &mut Vec<u8>) {
    let kept = |field: &&Field| field.tag != tag && profile.data_tag(field.tag) != Some(tag);
    compose(logon.version, out, |body| {
        let inner = logon.fields.get(2..logon.fields.len() - 1).unwrap_or_default();
        inner.iter().filter(kept).for_each(|field| body.extend_from_slice(logon.raw(field)));
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{fix, read};

    const HEAD: &str = "35=A|34=1|49=A|56=B|98=0|108=30|";

    fn on<T>(body: &str, then: impl FnOnce(&Message<'_>, &Profile) -> T) -> T {
        let profile = Profile::new(&[], &[]);
        let bytes = fix("FIX.4.4", &format!("{HEAD}{body}"));
        let mut fields = Vec::new();
        then(&read(&bytes, &profile, 64, &mut fields).unwrap(), &profile)
    }

    #[test]
    fn takes_the_first_configured_tag_present() {
        let found = |body: &str| on(body, |logon, _| find(logon, &[554, 96]));
        let credential = |tag, token: &str| Credential { token: Token(token.into()), tag };
        assert_eq!(found("554=tok|"), Ok(Some(credential(554, "tok"))));
        assert_eq!(found("95=3|96=raw|"), Ok(Some(credential(96, "raw"))));
        assert_eq!(found("95=3|96=raw|554=tok|"), Ok(Some(credential(554, "tok"))));
        assert_eq!(found(""), Ok(None));
        assert_eq!(found("554=a|554=b|"), Err(Violation::RepeatedCredential));
    }

    #[test]
    fn never_prints() {
        let found = on("554=topsecret|", |logon, _| find(logon, &[554]).unwrap());
        assert!(!format!("{found:?}").contains("topsecret"));
    }

    #[test]
    fn cuts_the_token_and_its_length() {
        let cut = |body: &str, tag| {
            on(body, |logon, profile| {
                let mut out = Vec::new();
                without(logon, tag, profile, &mut out);
                out
            })
        };
        assert_eq!(cut("141=Y|554=tok|553=me|", 554), fix("FIX.4.4", &format!("{HEAD}141=Y|553=me|")));
        assert_eq!(cut("95=3|96=raw|141=Y|", 96), fix("FIX.4.4", &format!("{HEAD}141=Y|")));
        assert_eq!(cut("5000=tok|", 5000), fix("FIX.4.4", HEAD));
    }
}
