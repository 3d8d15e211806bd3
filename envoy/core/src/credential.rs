//! The credential in a Logon or a renewal: its tag, what the service gets of it, and the message without it.

use crate::message::{Field, Message};
use crate::profile::Profile;
use crate::rewrite::compose;
use crate::settings::{Scheme, Token};
use crate::violation::Violation;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

/// The value of an `authorization` header. It prints as nothing, so that it cannot slip into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(String);

impl Authorization {
    /// `Bearer` and a token. What is no UTF-8 cannot be a valid token, and arrives as something else that is none.
    fn bearer(token: &[u8]) -> Self {
        Self(format!("Bearer {}", String::from_utf8_lossy(token)))
    }

    /// `Basic` and a client's id and secret, each form-urlencoded first: RFC 6749 2.3.1.
    fn basic(username: &[u8], secret: &[u8]) -> Self {
        let encoded = |part| form_urlencoded::byte_serialize(part).collect::<String>();
        let pair = format!("{}:{}", encoded(username), encoded(secret));
        Self(format!("Basic {}", STANDARD.encode(pair)))
    }

    /// The value, for its header alone.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

/// A credential and the tag that held it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// What the service is shown; `None` for Basic without a username.
    pub authorization: Option<Authorization>,
    /// The tag of the token or secret.
    pub tag: u32,
}

/// Finds the credential: the first of `tags` that the message has, and with the Basic scheme the username beside it.
///
/// # Errors
/// One of these tags stands in the message more than once.
pub fn find(message: &Message<'_>, tags: &[u32], token: &Token) -> Result<Option<Credential>, Violation> {
    let mut present = tags.iter().filter_map(|tag| message.get(*tag).map(|value| (*tag, value)));
    let Some((tag, secret)) = present.next() else { return Ok(None) };
    if message.count(tag) > 1 {
        return Err(Violation::RepeatedCredential);
    }
    let authorization = match token.scheme {
        Scheme::Bearer => Some(Authorization::bearer(secret)),
        Scheme::Basic if message.count(token.username_tag) > 1 => return Err(Violation::RepeatedCredential),
        Scheme::Basic => {
            message.get(token.username_tag).map(|username| Authorization::basic(username, secret))
        }
    };
    Ok(Some(Credential { authorization, tag }))
}

/// Appends the message without the fields `tags` and their length fields, with new BodyLength (9) and CheckSum (10).
pub fn without(message: &Message<'_>, tags: &[u32], profile: &Profile, out: &mut Vec<u8>) {
    let announces = |length: u32| profile.data_tag(length).is_some_and(|data| tags.contains(&data));
    let kept = |field: &&Field| !tags.contains(&field.tag) && !announces(field.tag);
    compose(message.version, out, |body| {
        let inner = message.fields.get(2..message.fields.len() - 1).unwrap_or_default();
        inner.iter().filter(kept).for_each(|field| body.extend_from_slice(message.raw(field)));
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

    fn found(body: &str, scheme: Scheme) -> Result<Option<(String, u32)>, Violation> {
        let token = Token { scheme, ..Token::default() };
        let shown = |found: Credential| (found.authorization.map(|a| a.0).unwrap_or_default(), found.tag);
        on(body, |logon, _| find(logon, &[554, 96], &token)).map(|found| found.map(shown))
    }

    #[test]
    fn takes_the_first_configured_tag_present() {
        let bearer = |body: &str| found(body, Scheme::Bearer);
        let credential = |tag, token: &str| Ok(Some((format!("Bearer {token}"), tag)));
        assert_eq!(bearer("554=tok|"), credential(554, "tok"));
        assert_eq!(bearer("95=3|96=raw|"), credential(96, "raw"));
        assert_eq!(bearer("95=3|96=raw|554=tok|"), credential(554, "tok"));
        assert_eq!(bearer(""), Ok(None));
        assert_eq!(bearer("95=1|96=a|95=1|96=b|"), Err(Violation::RepeatedCredential));
        assert_eq!(bearer("553=a|553=b|554=tok|"), credential(554, "tok"));
    }

    #[test]
    fn basic_encodes_both_parts_as_forms() {
        let basic = |body: &str| found(body, Scheme::Basic);
        let shown = |pair: &str| Ok(Some((format!("Basic {}", STANDARD.encode(pair)), 554)));
        assert_eq!(basic("553=me|554=s3cret|"), shown("me:s3cret"));
        assert_eq!(basic("554=a b+c:d%\u{e9}|553=cl:ie nt|"), shown("cl%3Aie+nt:a+b%2Bc%3Ad%25%C3%A9"));
        assert_eq!(basic("554=s3cret|"), Ok(Some((String::new(), 554))));
        assert_eq!(basic("553=me|"), Ok(None));
        assert_eq!(basic("553=me|553=you|554=s3cret|"), Err(Violation::RepeatedCredential));
    }

    #[test]
    fn never_prints() {
        let found = on("554=topsecret|", |logon, _| find(logon, &[554], &Token::default()).unwrap());
        assert!(!format!("{found:?}").contains("topsecret"));
    }

    #[test]
    fn cuts_the_token_and_its_length() {
        let cut = |body: &str, tags: &[u32]| {
            on(body, |logon, profile| {
                let mut out = Vec::new();
                without(logon, tags, profile, &mut out);
                out
            })
        };
        assert_eq!(cut("141=Y|554=tok|553=me|", &[554]), fix("FIX.4.4", &format!("{HEAD}141=Y|553=me|")));
        assert_eq!(cut("95=3|96=raw|141=Y|", &[96]), fix("FIX.4.4", &format!("{HEAD}141=Y|")));
        assert_eq!(cut("5000=tok|", &[5000]), fix("FIX.4.4", HEAD));
        assert_eq!(cut("553=me|95=3|96=raw|554=tok|925=n|", &[925, 96, 554, 553]), fix("FIX.4.4", HEAD));
    }
}
