//! Values of settings out of JSON, and what is wrong with them in an operator's words: the key's path, the value, the mend.

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::ops::RangeInclusive;

/// What is wrong with a value; the key is put before it.
pub(super) fn fault<E: serde::de::Error>(value: &Value, wanted: &str) -> E {
    let value = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    E::custom(format_args!("is `{value}`; it must be {wanted}"))
}

/// A number out of its range is a fault of `key`.
pub(super) fn within(key: &str, value: u32, range: RangeInclusive<u32>) -> Result<(), String> {
    if range.contains(&value) {
        return Ok(());
    }
    let (least, most) = range.into_inner();
    Err(format!("`{key}` is `{value}`; it must be from {least} to {most}"))
}

/// The keys that have keys of their own.
pub(super) const SECTIONS: [&str; 15] = [
    "check",
    "token",
    "secrets",
    "renewal",
    "cache",
    "terms",
    "accounting",
    "limits",
    "framing",
    "refusal",
    "rejects",
    "outbound",
    "drain",
    "data_fields",
    "context",
];

/// Serde would take a list for the fields of a struct in their order.
pub(super) fn sections_are_objects(settings: &Value) -> Result<(), String> {
    let Value::Object(keys) = settings else {
        return Err(format!(" is `{settings}`; it must be an object of settings"));
    };
    let sections = SECTIONS.iter().filter_map(|key| keys.get(*key).map(|value| (*key, value)));
    let custom = settings.pointer("/renewal/custom").filter(|custom| !custom.is_null());
    let custom = custom.map(|custom| ("renewal.custom", custom));
    match sections.chain(custom).find(|(_, value)| !value.is_object()) {
        Some((key, value)) => Err(format!(": `{key}` is `{value}`; it must be an object of settings")),
        None => Ok(()),
    }
}

/// Serde's words about the key at `path`, in those of an operator.
pub(super) fn plain(path: &str, error: &serde_json::Error) -> String {
    let error = error.to_string();
    if let Some(name) = error.strip_prefix("missing field `") {
        let parent = if path == "." { String::new() } else { format!("{path}.") };
        return format!("`{parent}{name} is missing");
    }
    match error.split_once(", ") {
        Some((unknown, known)) if unknown.starts_with("unknown field") => {
            format!("`{path}` is no setting of the filter, {known}")
        }
        _ if error.starts_with("is ") => format!("`{path}` {error}"),
        _ => format!("`{path}`: {error}"),
    }
}

/// A `Struct` has one kind of number, so a whole one may arrive as `500.0`.
fn as_whole(value: &Value) -> Option<u32> {
    let number = value.as_f64()?;
    // A cast of what is in the range is exact.
    (number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number)).then_some(number as u32)
}

pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let value = Value::deserialize(deserializer)?;
    as_whole(&value).ok_or_else(|| fault(&value, "a whole number"))
}

/// A field's tag.
struct Tag(u32);

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let tag = as_whole(&value).filter(|tag| (1..=999_999).contains(tag));
        tag.map(Self).ok_or_else(|| fault(&value, "a tag, from 1 to 999999"))
    }
}

pub(super) fn tag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    Tag::deserialize(deserializer).map(|tag| tag.0)
}

pub(super) fn tags<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    Ok(Vec::<Tag>::deserialize(deserializer)?.into_iter().map(|tag| tag.0).collect())
}

pub(super) fn pairs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(u32, u32)>, D::Error> {
    let pairs = Vec::<(Tag, Tag)>::deserialize(deserializer)?;
    Ok(pairs.into_iter().map(|(length, data)| (length.0, data.0)).collect())
}
