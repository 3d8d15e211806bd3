//! No secret goes upstream: what is cut from a Logon, and what becomes of later messages that hold a secret.
//!
//! Passwords (554, 925, 1402, 1404) and the tags that the settings name for tokens are secret in every message. SecureData (91)
//! and RawData (96) are secret in messages that are meant to carry a credential: a Logon, a UserRequest (35=BE) and the renewal
//! request that the settings define. In other messages, such as News, they are content.
//!
//! Invariant: with the default settings no message of the client's reaches the venue with a secret field in it.

use super::{Now, Session};
use crate::command::{Commands, Direction};
use crate::credential;
use crate::decision::{Denial, OTHER};
use crate::message::Message;
use crate::msg_type::MsgType;
use crate::settings::{InLogon, InMessages};
use crate::tags;
use crate::violation::Violation;

/// Text (58) of the denial.
const TEXT: &[u8] = b"Message holds a credential";

impl Session {
    /// Whether `tag` is secret in messages of this type.
    fn is_secret_in(&self, msg_type: MsgType, tag: u32) -> bool {
        let content = matches!(tag, tags::SECURE_DATA | tags::RAW_DATA);
        self.listener.settings.is_secret(tag)
            && (!content || self.listener.renewals.brings_credentials(msg_type))
    }

    /// The secret fields of `message`, without their lengths.
    fn secrets_of(&self, message: &Message<'_>) -> Vec<u32> {
        let lengths = |tag| self.listener.profile.class(tag).is_length();
        let tags = message.fields.iter().map(|field| field.tag);
        tags.filter(|tag| !lengths(*tag) && self.is_secret_in(message.msg_type, *tag)).collect()
    }

    /// Whether the settings refuse the Logon because it has a secret field besides its credential.
    pub(super) fn refuses_secrets_of(&self, logon: &Message<'_>, credential: Option<u32>) -> bool {
        self.listener.settings.secrets.in_logon == InLogon::Refuse
            && logon.has_secrets
            && self.secrets_of(logon).iter().any(|tag| Some(*tag) != credential)
    }

    /// Sends an allowed Logon upstream, without what the venue must not see. `username`: the service has said that the
    /// Username (553) is the identity's.
    pub(super) fn send_logon(
        &mut self,
        logon: &[u8],
        credential: Option<u32>,
        username: bool,
        now: Now,
        out: &mut Commands,
    ) {
        self.reread(logon, |session, message| {
            session.set_foot(message, now);
            session.set_limits(message, now);
            session.expect_heartbeats(message, now, out);
            session.send_without_secrets(message, credential, username, out);
        });
    }

    /// Sends a Logon upstream without what the venue must not see.
    pub(super) fn send_without_secrets(
        &self,
        logon: &Message<'_>,
        credential: Option<u32>,
        username: bool,
        out: &mut Commands,
    ) {
        let cut = self.cut_from_logon(logon, credential, username);
        if cut.is_empty() {
            out.send(Direction::Inbound, logon.bytes);
        } else {
            let profile = &self.listener.profile;
            out.send_with(Direction::Inbound, |to| credential::without(logon, &cut, profile, to));
        }
    }

    fn cut_from_logon(&self, logon: &Message<'_>, credential: Option<u32>, username: bool) -> Vec<u32> {
        let settings = &self.listener.settings;
        if !settings.token.strip {
            return Vec::new();
        }
        let mut cut = self.secrets_of(logon);
        if settings.secrets.in_logon == InLogon::Pass {
            let token = credential.and_then(|tag| logon.get(tag));
            cut.retain(|tag| {
                let mut fields = logon.fields.iter().filter(|field| field.tag == *tag);
                fields.any(|field| Some(logon.value(field)) == token)
            });
        } else if !username && logon.get(tags::USERNAME).is_some() {
            cut.push(tags::USERNAME);
        }
        cut
    }

    /// Refuses or cuts the secret fields of a message behind the Logon. `None`: it has none.
    #[cold]
    pub(super) fn guard_secrets(
        &mut self,
        message: &Message<'_>,
        now: Now,
        out: &mut Commands,
    ) -> Option<Result<(), Violation>> {
        let secrets = self.secrets_of(message);
        let first = secrets.first()?;
        let (msg_type, seq) = (message.msg_type, message.seq);
        Some(match self.listener.settings.secrets.in_messages {
            InMessages::Refuse => {
                let words = format!("{msg_type} {seq} was denied, because tag {first} is secret in it");
                self.report(Direction::Inbound, "secret", &words, now, out);
                self.deny_in_turn(message, Denial::new(TEXT, OTHER, None), now, out);
                Ok(())
            }
            InMessages::Cut => {
                let words = format!("tag {first} is secret in {msg_type} {seq} and was cut from it");
                self.report(Direction::Inbound, "secret", &words, now, out);
                let mut bytes = Vec::with_capacity(message.bytes.len());
                credential::without(message, &secrets, &self.listener.profile, &mut bytes);
                // Without some of its fields the message still satisfies the profile.
                let mut taken = Err(Violation::BodyLength);
                self.reread(&bytes, |session, cut| taken = session.inbound_message(cut, now, out));
                taken
            }
        })
    }
}
