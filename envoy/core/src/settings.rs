//! The filter's settings: JSON as Envoy hands over a `google.protobuf.Struct`, checked whole before anything starts.
//!
//! Every limit is here. An unknown key, a value of the wrong type or out of its range is an error that names the key.

mod values;

use crate::msg_type::MsgType;
use crate::profile::Profile;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use values::{fault, pairs, tag, tags, whole};

/// What the filter can be told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where decisions come from.
    pub check: Check,
    /// Where the token stands in the Logon.
    #[serde(default)]
    pub token: Token,
    /// How a Logon is refused.
    #[serde(default)]
    pub refusal: Refusal,
    /// A fresh credential in a running session.
    #[serde(default)]
    pub renewal: Renewal,
    /// Decisions that are kept.
    #[serde(default)]
    pub cache: Cache,
    /// The accounts of what they let through.
    #[serde(default)]
    pub accounting: Accounting,
    /// Every bound.
    #[serde(default)]
    pub limits: Limits,
    /// What of the framing is not as strict as it could be.
    #[serde(default)]
    pub framing: Framing,
    /// The end of sessions when the gateway goes down.
    #[serde(default)]
    pub drain: Drain,
    /// Length and data fields beyond the dictionary's.
    #[serde(default)]
    pub data_fields: DataFields,
    /// Body tags that also travel as headers `x-fix-tag-N`.
    #[serde(default, deserialize_with = "tags")]
    pub tag_headers: Vec<u32>,
    /// `context_extensions` of every request.
    #[serde(default)]
    pub context: BTreeMap<String, String>,
}

/// Where decisions come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// The Envoy cluster of the decision service.
    pub cluster: String,
    /// The `:authority` of the calls.
    #[serde(default = "default_authority")]
    pub authority: String,
    /// How long an answer may take, in milliseconds; after that the message is denied.
    #[serde(default = "default_timeout", deserialize_with = "whole")]
    pub timeout_ms: u32,
    /// The same for a Logon and a renewal, about which the service may have to ask an authorization server.
    #[serde(default = "default_logon_timeout", deserialize_with = "whole")]
    pub logon_timeout_ms: u32,
}

/// Where the token stands in the Logon.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Token {
    /// Tried in this order; the first one present counts.
    #[serde(deserialize_with = "tags")]
    pub tags: Vec<u32>,
    /// The token is cut from the Logon that goes upstream.
    pub strip: bool,
    /// What stands there.
    #[serde(deserialize_with = "scheme")]
    pub scheme: Scheme,
    /// With the Basic scheme, the tag of the client's id.
    #[serde(deserialize_with = "tag")]
    pub username_tag: u32,
}

/// What a credential is, and so how the service is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// An access token.
    Bearer,
    /// A client's secret, with its id beside it.
    Basic,
}

/// How a Logon is refused.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Refusal {
    /// Without a Logout, unless the Logon begins the numbers anew (141=Y): most engines count one, though the venue did not.
    pub keep_numbers: bool,
}

/// A fresh credential in a running session: the requests that bring it are answered by the gateway.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Renewal {
    /// UserRequest (35=BE) brings one, from FIX 4.4 on; else that is a message like others.
    pub user_request: bool,
    /// Where it stands, tried in this order; none: NewPassword (925), then the Logon's tags.
    #[serde(deserialize_with = "tags")]
    pub tags: Vec<u32>,
    /// Types of the counterparties' own, of the same fields, for versions that have no UserRequest.
    pub custom: Option<CustomTypes>,
}

/// User-defined types in the place of UserRequest (35=BE) and UserResponse (35=BF).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomTypes {
    /// MsgType (35) of the request.
    pub request: String,
    /// MsgType (35) of the answer.
    pub response: String,
}

/// Decisions that are kept, as long as the service says that they hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cache {
    /// Off: one Check for each message.
    pub enabled: bool,
    /// The most decisions of a session; beyond it the sixteenth longest unused goes.
    #[serde(deserialize_with = "whole")]
    pub max_entries: u32,
    /// The longest: the type and the fields that the decision rests on.
    #[serde(deserialize_with = "whole")]
    pub max_entry_bytes: u32,
}

/// The accounts of messages that no Check was made for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accounting {
    /// Off: nobody is told.
    pub enabled: bool,
    /// Told at most so often, in milliseconds, and at the end.
    #[serde(deserialize_with = "whole")]
    pub interval_ms: u32,
}

/// Ways to write the frame of a message that the strict profile refuses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// BodyLength (9) may have leading zeros, within its seven digits.
    pub padded_body_length: bool,
}

impl Framing {
    /// None.
    pub const STRICT: Self = Self { padded_body_length: false };
}

/// The end of sessions when the gateway goes down; times in milliseconds.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Drain {
    /// When Envoy begins to drain, sessions begin to end at random moments within so long.
    #[serde(deserialize_with = "whole")]
    pub spread_ms: u32,
    /// So long a session waits for a message whose place a Logout may take; then it is disconnected.
    #[serde(deserialize_with = "whole")]
    pub wait_ms: u32,
    /// The same when Envoy is told to stop, which waits for it.
    #[serde(deserialize_with = "whole")]
    pub stop_ms: u32,
}

/// Length and data fields beyond the dictionary's.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DataFields {
    /// (length tag, data tag).
    #[serde(deserialize_with = "pairs")]
    pub pairs: Vec<(u32, u32)>,
    /// Data tags that this venue sends without their length.
    #[serde(deserialize_with = "tags")]
    pub without_length: Vec<u32>,
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $default:literal in $min:literal..=$max:literal,)*) => {
        /// Every bound; times in milliseconds.
        #[derive(Debug, Clone, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct Limits {
            $($(#[$doc])* #[serde(deserialize_with = "whole")] pub $name: u32,)*
        }

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        impl Limits {
            fn check(&self) -> Result<(), String> {
                $(if !($min..=$max).contains(&self.$name) {
                    return Err(format!(
                        "`limits.{}` is `{}`; it must be from {} to {}",
                        stringify!($name), self.$name, $min, $max,
                    ));
                })*
                Ok(())
            }
        }
    };
}

limits! {
    /// From the connection to an authorized Logon.
    logon_timeout_ms = 10_000 in 10..=600_000,
    /// From a Logout that ends a session to the close, if the venue does not answer it.
    logout_timeout_ms = 2_000 in 10..=60_000,
    /// From the order to end a session to the close, if the client sends nothing that could become a Logout.
    end_timeout_ms = 60_000 in 10..=600_000,
    /// The longest message.
    max_message_bytes = 65_536 in 64..=8_388_608,
    /// The most fields in a message.
    max_fields = 2_048 in 8..=65_536,
    /// Checks out at once, for each direction of a connection.
    max_checks_in_flight = 256 in 1..=65_536,
    /// Bytes waiting for answers, for each direction of a connection.
    max_queued_bytes = 1_048_576 in 1_024..=268_435_456,
    /// Denied messages whose reject the venue's Heartbeat has not yet carried back.
    max_pending_rejects = 1_024 in 1..=65_536,
    /// After so long they hold up nothing any more.
    reject_timeout_ms = 300_000 in 10..=86_400_000,
    /// Inbound messages a second that need a decision; 0: no limit.
    messages_per_s = 0 in 0..=1_000_000,
    /// The same of a day (UTC), in all connections of a FIX session; 0: no limit.
    messages_per_day = 0 in 0..=2_000_000_000,
    /// Denied messages of any minute at which the session is ended; 0: it never is.
    denials_per_minute = 0 in 0..=10_000,
    /// Connections from one address that have no authorized Logon yet; 0: no limit.
    pending_connections_per_address = 0 in 0..=65_536,
    /// Rejects remembered for each FIX session, to be put back where a lost connection took them; 0: none.
    remembered_rejects = 64 in 0..=4_096,
    /// FIX sessions that something is remembered of: rejects, and the day's messages.
    remembered_sessions = 4_096 in 1..=1_048_576,
    /// What all that may take.
    remembered_bytes = 16_777_216 in 65_536..=1_073_741_824,
    /// How long it is remembered.
    remembered_ms = 3_600_000 in 1_000..=604_800_000,
}

impl Limits {
    /// See `logon_timeout_ms`.
    pub fn logon_timeout(&self) -> Duration {
        Duration::from_millis(self.logon_timeout_ms.into())
    }

    /// See `logout_timeout_ms`.
    pub fn logout_timeout(&self) -> Duration {
        Duration::from_millis(self.logout_timeout_ms.into())
    }

    /// See `end_timeout_ms`.
    pub fn end_timeout(&self) -> Duration {
        Duration::from_millis(self.end_timeout_ms.into())
    }
}

impl Default for Cache {
    fn default() -> Self {
        Self { enabled: true, max_entries: 1_024, max_entry_bytes: 512 }
    }
}

impl Default for Accounting {
    fn default() -> Self {
        Self { enabled: true, interval_ms: 5_000 }
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self { spread_ms: 10_000, wait_ms: 60_000, stop_ms: 5_000 }
    }
}

impl Default for Token {
    fn default() -> Self {
        Self {
            tags: vec![crate::tags::PASSWORD, crate::tags::RAW_DATA],
            strip: true,
            scheme: Scheme::Bearer,
            username_tag: crate::tags::USERNAME,
        }
    }
}

impl Default for Renewal {
    fn default() -> Self {
        Self { user_request: true, tags: Vec::new(), custom: None }
    }
}

impl CustomTypes {
    /// The two types.
    ///
    /// # Errors
    /// One is not user-defined, or both are the same.
    pub fn types(&self) -> Result<(MsgType, MsgType), String> {
        let user_defined = |key: &str, value: &str| {
            MsgType::new(value.as_bytes()).filter(|_| value.starts_with('U')).ok_or_else(|| {
                format!("`renewal.custom.{key}` is `{value}`; it must be `U` and up to 7 letters or digits")
            })
        };
        let types = (user_defined("request", &self.request)?, user_defined("response", &self.response)?);
        if types.0 == types.1 {
            return Err(format!("`renewal.custom.response` is `{}`, as the request is", self.response));
        }
        Ok(types)
    }
}

fn default_authority() -> String {
    "authzsvc".to_owned()
}

fn default_timeout() -> u32 {
    500
}

fn scheme<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scheme, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(scheme) if scheme == "bearer" => Ok(Scheme::Bearer),
        Value::String(scheme) if scheme == "basic" => Ok(Scheme::Basic),
        other => Err(fault(&other, "`bearer` or `basic`")),
    }
}

fn default_logon_timeout() -> u32 {
    8_000
}

impl Settings {
    /// Reads and checks the settings.
    ///
    /// # Errors
    /// One line that names the key.
    pub fn from_json(json: &[u8]) -> Result<Self, String> {
        let value: Value = serde_json::from_slice(json)
            .map_err(|error| format!("filter_config is no JSON object: {error}"))?;
        values::sections_are_objects(&value).map_err(|error| format!("filter_config{error}"))?;
        let settings: Self = serde_path_to_error::deserialize(value).map_err(|error| {
            format!("filter_config: {}", values::plain(&error.path().to_string(), error.inner()))
        })?;
        settings.check().map_err(|error| format!("filter_config: {error}"))?;
        Ok(settings)
    }

    fn check(&self) -> Result<(), String> {
        if self.check.cluster.is_empty() {
            return Err("`check.cluster` is empty; it must be the name of a cluster".to_owned());
        }
        let timeouts =
            [("timeout_ms", self.check.timeout_ms), ("logon_timeout_ms", self.check.logon_timeout_ms)];
        if let Some((key, ms)) = timeouts.iter().find(|(_, ms)| !(1..=60_000).contains(ms)) {
            return Err(format!("`check.{key}` is `{ms}`; it must be from 1 to 60000"));
        }
        for (key, value, bounds) in [
            ("cache.max_entries", self.cache.max_entries, 16..=65_536),
            ("cache.max_entry_bytes", self.cache.max_entry_bytes, 16..=65_536),
            ("accounting.interval_ms", self.accounting.interval_ms, 10..=600_000),
            ("drain.spread_ms", self.drain.spread_ms, 0..=86_400_000),
            ("drain.wait_ms", self.drain.wait_ms, 0..=86_400_000),
            ("drain.stop_ms", self.drain.stop_ms, 0..=600_000),
        ] {
            if !bounds.contains(&value) {
                let (least, most) = bounds.into_inner();
                return Err(format!("`{key}` is `{value}`; it must be from {least} to {most}"));
            }
        }
        if self.token.tags.is_empty() {
            return Err("`token.tags` is empty; name the tag of the Logon that holds the token".to_owned());
        }
        const FRAME: [u32; 4] = [
            crate::tags::BEGIN_STRING,
            crate::tags::BODY_LENGTH,
            crate::tags::MSG_TYPE,
            crate::tags::CHECK_SUM,
        ];
        let paired = self.data_fields.pairs.iter().flat_map(|(length, data)| [length, data]);
        if let Some(tag) = paired.chain(&self.data_fields.without_length).find(|tag| FRAME.contains(tag)) {
            return Err(format!("`data_fields` has `{tag}`, which frames a message and holds no data"));
        }
        if let Some(tag) = self.tag_headers.iter().find(|tag| self.is_secret(**tag)) {
            return Err(format!("`tag_headers` has `{tag}`, which is a secret"));
        }
        if self.token.scheme == Scheme::Basic && self.is_secret(self.token.username_tag) {
            return Err(format!("`token.username_tag` is `{}`, which is a secret", self.token.username_tag));
        }
        self.renewal.custom.as_ref().map_or(Ok(()), |custom| custom.types().map(drop))?;
        self.limits.check()
    }

    /// Where a renewal's credential may stand, in the order in which it is looked for.
    pub fn renewal_tags(&self) -> Vec<u32> {
        if self.renewal.tags.is_empty() {
            std::iter::once(crate::tags::NEW_PASSWORD).chain(self.token.tags.iter().copied()).collect()
        } else {
            self.renewal.tags.clone()
        }
    }

    /// The classes of tags under these settings.
    pub fn profile(&self) -> Profile {
        Profile::new(&self.data_fields.pairs, &self.data_fields.without_length)
    }

    /// A tag whose value must not leave the filter but upstream.
    pub fn is_secret(&self, tag: u32) -> bool {
        crate::tags::SECRETS.contains(&tag)
            || self.token.tags.contains(&tag)
            || self.renewal.tags.contains(&tag)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn has_a_default_for_all_but_the_cluster() {
        let settings = Settings::from_json(br#"{"check":{"cluster":"authz"}}"#).unwrap();
        assert_eq!(settings.token.tags, [554, 96]);
        assert!(settings.token.strip);
        assert_eq!(settings.limits.logon_timeout(), Duration::from_secs(10));
        assert_eq!(settings.check.timeout_ms, 500);
        assert_eq!((settings.token.scheme, settings.token.username_tag), (Scheme::Bearer, 553));
        assert!(settings.renewal.user_request && settings.renewal.custom.is_none());
        assert_eq!(settings.renewal_tags(), [925, 554, 96]);
        let cache = &settings.cache;
        assert_eq!((cache.enabled, cache.max_entries, cache.max_entry_bytes), (true, 1_024, 512));
        assert_eq!((settings.accounting.enabled, settings.accounting.interval_ms), (true, 5_000));
        assert_eq!(settings.framing, Framing::STRICT);
        assert!(!settings.refusal.keep_numbers);
    }

    #[test]
    fn takes_a_framing_that_is_less_strict() {
        let json = br#"{"check":{"cluster":"a"},"framing":{"padded_body_length":true}}"#;
        assert!(Settings::from_json(json).unwrap().framing.padded_body_length);
    }

    #[test]
    fn takes_renewal_in_types_of_their_own() {
        let json = br#"{"check":{"cluster":"a"},"token":{"scheme":"basic"},"renewal":{"user_request":false,
            "tags":[5000.0],"custom":{"request":"U1","response":"U2"}}}"#;
        let settings = Settings::from_json(json).unwrap();
        assert_eq!(settings.token.scheme, Scheme::Basic);
        assert_eq!(settings.renewal_tags(), [5000]);
        let types = settings.renewal.custom.as_ref().unwrap().types().unwrap();
        assert_eq!((types.0.to_string(), types.1.to_string()), ("U1".into(), "U2".into()));
        assert!(settings.is_secret(5000));
        let nothing = br#"{"check":{"cluster":"a"},"renewal":{"custom":null}}"#;
        assert!(Settings::from_json(nothing).unwrap().renewal.custom.is_none());
    }

    #[test]
    fn takes_the_numbers_of_a_struct() {
        let json = br#"{"check":{"cluster":"a","timeout_ms":250.0},"token":{"tags":[5001.0]},
            "data_fields":{"pairs":[[5001.0,5002.0]]},"limits":{"max_fields":64.0}}"#;
        let settings = Settings::from_json(json).unwrap();
        assert_eq!((settings.check.timeout_ms, settings.limits.max_fields), (250, 64));
        assert_eq!(settings.token.tags, [5001]);
        assert_eq!(settings.data_fields.pairs, [(5001, 5002)]);
    }

    /// Each key, a value of another type, and one out of its range where it has one.
    const KEYS: &[(&str, &str, &str)] = &[
        ("check", "[\"authz\"]", ""),
        ("check.cluster", "7", "\"\""),
        ("check.authority", "7", ""),
        ("check.timeout_ms", "\"soon\"", "60001"),
        ("check.logon_timeout_ms", "[]", "0"),
        ("token", "3", ""),
        ("token.tags", "554", "[]"),
        ("token.tags[0]", "\"554\"", "1000000"),
        ("token.scheme", "true", "\"digest\""),
        ("token.username_tag", "\"553\"", "0"),
        ("token.strip", "\"no\"", ""),
        ("renewal", "null", ""),
        ("renewal.user_request", "1", ""),
        ("renewal.tags", "{}", ""),
        ("renewal.tags[0]", "null", "0"),
        ("renewal.custom", "[\"U1\",\"U2\"]", ""),
        ("cache", "false", ""),
        ("cache.enabled", "0", ""),
        ("cache.max_entries", "\"many\"", "65537"),
        ("cache.max_entry_bytes", "{}", "15"),
        ("accounting", "[]", ""),
        ("accounting.enabled", "\"yes\"", ""),
        ("accounting.interval_ms", "true", "600001"),
        ("limits", "[]", ""),
        ("limits.logon_timeout_ms", "\"\"", "9"),
        ("limits.max_queued_bytes", "1.5", "268435457"),
        ("limits.max_fields", "-1", "7"),
        ("limits.remembered_ms", "1e300", "999"),
        ("drain", "\"\"", ""),
        ("drain.spread_ms", "\"\"", "86400001"),
        ("drain.wait_ms", "null", "86400001"),
        ("drain.stop_ms", "[0]", "600001"),
        ("data_fields", "[]", ""),
        ("data_fields.pairs", "5001", ""),
        ("data_fields.pairs[0]", "[5001]", ""),
        ("data_fields.pairs[0][1]", "\"\"", "0"),
        ("data_fields.without_length", "\"96\"", ""),
        ("data_fields.without_length[0]", "[]", "0"),
        ("tag_headers", "55", ""),
        ("tag_headers[0]", "\"55\"", "0"),
        ("context", "\"east\"", ""),
        ("context.gateway", "7", ""),
    ];

    /// Settings that are good but for the value of one key.
    fn spoiled(key: &str, value: &str) -> String {
        let mut value: Value = serde_json::from_str(value).unwrap();
        let mut path = key;
        loop {
            if let Some(list) = path.strip_suffix("[0][1]") {
                (path, value) = (list, serde_json::json!([[5001, value]]));
            } else if let Some(list) = path.strip_suffix("[0]") {
                (path, value) = (list, Value::Array(vec![value]));
            }
            match path.rsplit_once('.') {
                Some((parent, name)) => {
                    value = if parent == "check" && name != "cluster" {
                        serde_json::json!({"cluster": "a", name: value})
                    } else {
                        serde_json::json!({name: value})
                    };
                    path = parent;
                }
                None => break,
            }
        }
        let mut settings = serde_json::json!({"check": {"cluster": "a"}});
        settings.as_object_mut().unwrap().insert(path.to_owned(), value);
        settings.to_string()
    }

    #[test]
    fn each_fault_names_the_path_of_its_key_and_the_mend() {
        for (key, of_another_type, out_of_range) in KEYS {
            for value in [of_another_type, out_of_range].into_iter().filter(|value| !value.is_empty()) {
                let error = Settings::from_json(spoiled(key, value).as_bytes()).unwrap_err();
                assert!(error.starts_with(&format!("filter_config: `{key}`")), "{value}: {error}");
                let mends = ["must be", "expected", "name the tag"];
                assert!(mends.iter().any(|mend| error.contains(mend)), "{error}");
                assert!(!error.contains('\n'), "{error}");
            }
            if values::SECTIONS.contains(key) && *key != "context" {
                let unknown = format!("{key}.no_such");
                let error = Settings::from_json(spoiled(&unknown, "1").as_bytes()).unwrap_err();
                let said = format!("filter_config: `{unknown}` is no setting of the filter, expected ");
                assert!(error.starts_with(&said), "{error}");
            }
        }
    }

    #[test]
    fn names_the_key_of_every_fault() {
        for (json, key) in [
            ("", "JSON"),
            ("[]", "filter_config is `[]`; it must be an object of settings"),
            ("{}", "`check` is missing"),
            (r#"{"check":{}}"#, "`check.cluster` is missing"),
            (r#"{"check":{"cluster":""}}"#, "check.cluster"),
            (r#"{"check":{"cluster":"a","timeout_ms":0}}"#, "check.timeout_ms"),
            (r#"{"check":{"cluster":"a","logon_timeout_ms":60001}}"#, "check.logon_timeout_ms"),
            (r#"{"check":{"cluster":"a","timeout":1}}"#, "timeout"),
            (r#"{"check":{"cluster":"a"},"limit":{}}"#, "limit"),
            (r#"{"check":{"cluster":"a"},"limits":{"max_fields":1}}"#, "limits.max_fields"),
            (r#"{"check":{"cluster":"a"},"limits":{"max_fields":-1}}"#, "`limits.max_fields` is `-1`"),
            (r#"{"check":{"cluster":"a"},"limits":{"max_fields":9.5}}"#, "`limits.max_fields` is `9.5`"),
            (r#"{"check":{"cluster":"a"},"renewal":{"tags":[5000,-1]}}"#, "`renewal.tags[1]` is `-1`"),
            (r#"{"check":{"cluster":"a"},"token":{"tags":[]}}"#, "token.tags"),
            (r#"{"check":{"cluster":"a"},"token":{"tags":[0]}}"#, "token.tags"),
            (r#"{"check":{"cluster":"a"},"tag_headers":[554]}"#, "tag_headers"),
            (r#"{"check":{"cluster":"a"},"token":{"scheme":"digest"}}"#, "token.scheme"),
            (r#"{"check":{"cluster":"a"},"token":{"username_tag":0}}"#, "token.username_tag"),
            (
                r#"{"check":{"cluster":"a"},"token":{"scheme":"basic","username_tag":554}}"#,
                "token.username_tag",
            ),
            (r#"{"check":{"cluster":"a"},"renewal":{"tags":[1000000]}}"#, "renewal.tags"),
            (r#"{"check":{"cluster":"a"},"renewal":{"tags":[5000]},"tag_headers":[5000]}"#, "tag_headers"),
            (
                r#"{"check":{"cluster":"a"},"renewal":{"custom":{"request":"U1"}}}"#,
                "`renewal.custom.response` is missing",
            ),
            (
                r#"{"check":{"cluster":"a"},"renewal":{"custom":{"request":"D","response":"U2"}}}"#,
                "renewal.custom.request",
            ),
            (
                r#"{"check":{"cluster":"a"},"renewal":{"custom":{"request":"U1","response":"U 2"}}}"#,
                "renewal.custom.response",
            ),
            (
                r#"{"check":{"cluster":"a"},"renewal":{"custom":{"request":"U1","response":"U1"}}}"#,
                "renewal.custom.response",
            ),
            (r#"{"check":{"cluster":"a"},"cache":{"max_entries":15}}"#, "cache.max_entries"),
            (r#"{"check":{"cluster":"a"},"cache":{"max_entry_bytes":65537}}"#, "cache.max_entry_bytes"),
            (r#"{"check":{"cluster":"a"},"cache":{"enable":true}}"#, "enable"),
            (r#"{"check":{"cluster":"a"},"accounting":{"interval_ms":9}}"#, "accounting.interval_ms"),
            (r#"{"check":{"cluster":"a"},"limits":{"end_timeout_ms":9}}"#, "limits.end_timeout_ms"),
            (r#"{"check":{"cluster":"a"},"refusal":{"keep":true}}"#, "keep"),
            (r#"{"check":{"cluster":"a"},"framing":{"padded":true}}"#, "padded"),
            (r#"{"check":{"cluster":"a"},"framing":{"padded_body_length":1}}"#, "expected a boolean"),
            (
                r#"{"check":{"cluster":"a"},"limits":{"messages_per_s":1000001}}"#,
                "`limits.messages_per_s` is `1000001`; it must be from 0 to 1000000",
            ),
            (
                r#"{"check":{"cluster":"a"},"limits":{"messages_per_day":2000000001}}"#,
                "limits.messages_per_day",
            ),
            (
                r#"{"check":{"cluster":"a"},"limits":{"messages_per_day":-1}}"#,
                "`limits.messages_per_day` is `-1`",
            ),
            (
                r#"{"check":{"cluster":"a"},"limits":{"denials_per_minute":10001}}"#,
                "limits.denials_per_minute",
            ),
            (
                r#"{"check":{"cluster":"a"},"limits":{"pending_connections_per_address":65537}}"#,
                "limits.pending_connections_per_address",
            ),
            (r#"{"check":{"cluster":"a"},"data_fields":{"pairs":[[1]]}}"#, "tuple"),
            (r#"{"check":{"cluster":"a"},"data_fields":{"pairs":[[5001,35]]}}"#, "`data_fields` has `35`"),
            (r#"{"check":{"cluster":"a"},"data_fields":{"without_length":[10]}}"#, "`data_fields` has `10`"),
        ] {
            let error = Settings::from_json(json.as_bytes()).unwrap_err();
            assert!(error.contains(key), "{json}: {error}");
        }
    }
}
