//! What the settings take, and the words for what they do not.

use super::*;
use std::time::Duration;

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
    assert_eq!((settings.secrets.in_logon, settings.secrets.in_messages), (InLogon::Cut, InMessages::Refuse));
    assert!(settings.refusal.keep_numbers);
}

#[test]
fn takes_a_framing_that_is_less_strict() {
    let json = br#"{"check":{"cluster":"a"},"framing":{"padded_body_length":true}}"#;
    assert!(Settings::from_json(json).unwrap().framing.padded_body_length);
}

#[test]
fn takes_what_becomes_of_secrets() {
    for (in_logon, expected) in [("cut", InLogon::Cut), ("refuse", InLogon::Refuse), ("pass", InLogon::Pass)]
    {
        let json = format!(r#"{{"check":{{"cluster":"a"}},"secrets":{{"in_logon":"{in_logon}"}}}}"#);
        assert_eq!(Settings::from_json(json.as_bytes()).unwrap().secrets.in_logon, expected);
    }
    let json = br#"{"check":{"cluster":"a"},"secrets":{"in_messages":"cut"}}"#;
    assert_eq!(Settings::from_json(json).unwrap().secrets.in_messages, InMessages::Cut);
}

#[test]
fn makes_the_profile_of_the_settings() {
    let json = br#"{"check":{"cluster":"a"},"framing":{"max_tag":65535},"token":{"tags":[5000]},
        "renewal":{"tags":[5001]}}"#;
    let profile = Settings::from_json(json).unwrap().profile();
    assert_eq!(profile.max_tag(), 65_535);
    assert!([554, 96, 5_000, 5_001].iter().all(|tag| profile.class(*tag).is_secret()));
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
    ("secrets", "\"cut\"", ""),
    ("secrets.in_logon", "true", "\"keep\""),
    ("secrets.in_messages", "[]", "\"pass\""),
    ("outbound", "\"end\"", ""),
    ("outbound.undecided", "true", "\"drop\""),
    ("limits.outbound_hold_ms", "\"\"", "600001"),
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
    ("framing", "[]", ""),
    ("framing.padded_body_length", "\"yes\"", ""),
    ("framing.max_tag", "\"all\"", "1000000"),
    ("drain", "\"\"", ""),
    ("drain.listener", "7", ""),
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
        (r#"{"check":{"cluster":"a"},"token":{"scheme":"basic","username_tag":554}}"#, "token.username_tag"),
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
        (
            r#"{"check":{"cluster":"a"},"rejects":{"journal_directory":"run"}}"#,
            "`rejects.journal_directory` is `run`",
        ),
        (r#"{"check":{"cluster":"a"},"framing":{"padded":true}}"#, "padded"),
        (r#"{"check":{"cluster":"a"},"framing":{"padded_body_length":1}}"#, "expected a boolean"),
        (
            r#"{"check":{"cluster":"a"},"framing":{"max_tag":999}}"#,
            "`framing.max_tag` is `999`; it must be from 1000 to 999999",
        ),
        (
            r#"{"check":{"cluster":"a"},"limits":{"messages_per_s":1000001}}"#,
            "`limits.messages_per_s` is `1000001`; it must be from 0 to 1000000",
        ),
        (r#"{"check":{"cluster":"a"},"limits":{"messages_per_day":2000000001}}"#, "limits.messages_per_day"),
        (
            r#"{"check":{"cluster":"a"},"limits":{"messages_per_day":-1}}"#,
            "`limits.messages_per_day` is `-1`",
        ),
        (r#"{"check":{"cluster":"a"},"limits":{"denials_per_minute":10001}}"#, "limits.denials_per_minute"),
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
