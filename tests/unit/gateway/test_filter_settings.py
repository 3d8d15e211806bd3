"""The filter's settings: the defaults, the sources and their order, and every fault at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from authzsvc.errors import SettingsFaults
from authzsvc.gateway.filter_settings import (
    Accounting,
    Cache,
    Check,
    Drain,
    FilterSettings,
    Framing,
    Limits,
    Secrets,
    load,
)

SECTIONS: dict[str, type[BaseModel]] = {
    "check": Check,
    "secrets": Secrets,
    "cache": Cache,
    "accounting": Accounting,
    "limits": Limits,
    "framing": Framing,
    "drain": Drain,
}

DEFAULTS = {
    "check": {"cluster": "authz", "authority": "authzsvc", "timeout_ms": 500, "logon_timeout_ms": 8_000},
    "token": {"tags": [554, 96], "strip": True, "scheme": "bearer", "username_tag": 553},
    "secrets": {"in_logon": "cut", "in_messages": "refuse"},
    "renewal": {"user_request": True, "tags": [], "custom": None},
    "refusal": {"keep_numbers": True},
    "rejects": {"journal_directory": None},
    "outbound": {"undecided": "end"},
    "cache": {"enabled": True, "max_entries": 1_024, "max_entry_bytes": 512},
    "terms": {"max_unconfirmed_s": 0},
    "accounting": {"enabled": True, "interval_ms": 5_000},
    "limits": {
        "messages_per_s": 0,
        "messages_per_day": 0,
        "denials_per_minute": 0,
        "pending_connections_per_address": 0,
        "logon_timeout_ms": 10_000,
        "max_message_bytes": 65_536,
        "max_fields": 2_048,
        "max_checks_in_flight": 256,
        "max_checks_in_flight_per_client": 256,
        "denied_or_replayed_per_s": 200,
        "denied_or_replayed_at_once": 10_000,
        "max_queued_bytes": 1_048_576,
        "outbound_hold_ms": 10_000,
        "max_pending_rejects": 1_024,
        "reject_timeout_ms": 300_000,
        "violations_per_minute": 60,
        "remembered_rejects": 1_024,
        "remembered_sessions": 4_096,
        "remembered_bytes": 67_108_864,
        "remembered_ms": 3_600_000,
        "logout_timeout_ms": 2_000,
        "end_timeout_ms": 60_000,
        "silent_heartbeats": 4,
    },
    "framing": {
        "padded_body_length": False,
        "max_tag": 999_999,
        "empty_values": False,
        "separators_in_data": False,
    },
    "drain": {"listener": "", "spread_ms": 10_000, "wait_ms": 60_000, "stop_ms": 5_000},
    "data_fields": {"pairs": [], "without_length": []},
    "tag_headers": [],
    "context": {},
}


def test_the_defaults_are_what_the_filter_documents() -> None:
    assert FilterSettings().as_struct() == DEFAULTS


def test_a_file_and_overrides_are_laid_over_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "filter.yaml"
    file.write_text("limits: {max_fields: 9, max_message_bytes: 512}\ndata_fields: {pairs: [[5001, 5002]]}\n")
    struct = load(file, ["limits.max_fields=20", "context.gateway=east", "token.tags=[925]"]).as_struct()
    assert struct["limits"] == DEFAULTS["limits"] | {"max_fields": 20, "max_message_bytes": 512}  # type: ignore[operator]
    assert struct["data_fields"]["pairs"] == [[5001, 5002]]
    assert struct["context"] == {"gateway": "east"}
    assert struct["token"]["tags"] == [925]


def test_json_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "filter.json"
    file.write_text('{"token": {"strip": false}}')
    assert load(file).token.strip is False


@pytest.mark.parametrize(
    ("override", "key"),
    [
        ("limits.max_feilds=1", "limits.max_feilds"),
        ("limits.max_fields=0", "limits.max_fields"),
        ("limits.max_fields=many", "limits.max_fields"),
        ("limits.max_fields=true", "limits.max_fields"),
        ("limits=3", "limits"),
        ("token.tags=[]", "token.tags"),
        ("token.tags=[1000000]", "token.tags.0"),
        ("token.scheme=digest", "token.scheme"),
        ("token.username_tag=0", "token.username_tag"),
        ("token={scheme: basic, username_tag: 554}", "token"),
        ("secrets.in_logon=keep", "secrets.in_logon"),
        ("secrets.in_messages=pass", "secrets.in_messages"),
        ("renewal.tags=[0]", "renewal.tags.0"),
        ("renewal.custom={request: U1}", "renewal.custom.response"),
        ("renewal.custom={request: D, response: U2}", "renewal.custom.request"),
        ("renewal.custom={request: U1, response: U 2}", "renewal.custom.response"),
        ("renewal.custom={request: U1, response: U1}", "renewal.custom"),
        ("limits.end_timeout_ms=9", "limits.end_timeout_ms"),
        ("limits.messages_per_s=-1", "limits.messages_per_s"),
        ("limits.messages_per_day=2000000001", "limits.messages_per_day"),
        ("limits.denials_per_minute=10001", "limits.denials_per_minute"),
        ("limits.pending_connections_per_address=65537", "limits.pending_connections_per_address"),
        ("cache.max_entries=15", "cache.max_entries"),
        ("cache.max_entry_bytes=65537", "cache.max_entry_bytes"),
        ("cache=off", "cache"),
        ("accounting.interval_ms=0", "accounting.interval_ms"),
        ("framing.padded_body_length=7", "framing.padded_body_length"),
        ("framing.padded=true", "framing.padded"),
        ("framing.max_tag=999", "framing.max_tag"),
        ("framing.max_tag=1000000", "framing.max_tag"),
        ("refusal.keep_numbers=no_reset", "refusal.keep_numbers"),
        ("outbound.undecided=drop", "outbound.undecided"),
        ("drain.stop_ms=-1", "drain.stop_ms"),
        ("drain.wait=1", "drain.wait"),
        ("drain.listener=7", "drain.listener"),
        ("data_fields.pairs=[[5001]]", "data_fields.pairs.0.1"),
        ("check.cluster=", "check.cluster"),
        ("fail_open=true", "fail_open"),
        ("token.strip", "token.strip"),
        ("token.tags=[", "token.tags"),
    ],
)
def test_a_fault_names_its_key(override: str, key: str) -> None:
    with pytest.raises(SettingsFaults) as refusal:
        load(None, [override])
    assert [fault.key for fault in refusal.value.faults] == [key]


@pytest.mark.parametrize(
    ("overrides", "kept"),
    [([], True), (["cache.enabled=false"], False), (["accounting.enabled=false"], False)],
)
def test_accounts_are_kept_where_there_are_some(overrides: list[str], kept: bool) -> None:
    assert load(None, overrides).keeps_accounts is kept


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "filter.yaml"
    file.write_text("limits: {max_fields: -1}\nchecks: {}\n")
    with pytest.raises(SettingsFaults) as refusal:
        load(file, ["token.strip=maybe"])
    assert {fault.key for fault in refusal.value.faults} == {"limits.max_fields", "checks", "token.strip"}
    assert str(file) in str(refusal.value)


@pytest.mark.parametrize(("text", "line"), [("a: [", 1), ("limits:\n  - }\n", 2), ("[]", 0), ("", 0)])
def test_a_file_that_is_no_mapping_is_refused_with_its_place(text: str, line: int, tmp_path: Path) -> None:
    file = tmp_path / "filter.yaml"
    file.write_text(text)
    with pytest.raises(SettingsFaults) as refusal:
        load(file)
    assert [(fault.file, fault.line) for fault in refusal.value.faults] == [(str(file), line)]


def test_a_missing_file_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaults, match="cannot be read"):
        load(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    "key",
    [
        *("check.timeout_ms", "check.logon_timeout_ms"),
        *("cache.max_entries", "cache.max_entry_bytes", "accounting.interval_ms"),
        *(f"drain.{key}" for key in Drain.model_fields if key != "listener"),
        *(f"limits.{key}" for key in Limits.model_fields),
    ],
)
def test_the_bounds_are_the_filters_own(key: str) -> None:
    """The section's module has a line for each: `key = default in least..=most,` or a range where it is checked."""
    section, name = key.split(".")
    source = (Path(__file__).parents[3] / f"envoy/core/src/settings/{section}.rs").read_text().replace("_", "")
    field = SECTIONS[section].model_json_schema()["properties"][name]
    least, most, default, rust = field["minimum"], field["maximum"], field["default"], name.replace("_", "")
    if section == "limits":
        assert f"{rust} = {default} in {least}..={most}," in source
        return
    assert f'within("{section}.{rust}", self.{rust}, {least}..={most})' in source
    if section == "check":
        assert re.search(rf"fn default{rust.removesuffix('ms')}\(\) -> u32 {{\s+{default}\s+}}", source)
    else:
        assert re.search(rf"impl Default for {section.capitalize()} .*?{rust}: {default}\b", source, re.DOTALL)
