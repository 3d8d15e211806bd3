"""Faults in the filter's own configuration: the real Envoy does not start, and names the key in plain words."""

from __future__ import annotations

import copy
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from authzsvc.gateway import (
    Endpoint,
    GatewayOptions,
    envoy_command,
    envoy_config,
    envoy_environment,
    find_envoy,
    find_filter,
)

OPTIONS = GatewayOptions(
    listen=Endpoint.parse("127.0.0.1:0"),
    upstream=Endpoint.parse("127.0.0.1:1"),
    service=Endpoint.parse("unix:/nonexistent/check.sock"),
)
PATIENCE_S = 30


def put(config: dict[str, Any], path: str, value: object) -> None:
    """Set one key of the filter's settings, whatever the generator would say of it."""
    for listener in config["static_resources"]["listeners"]:
        for chain in listener["filter_chains"]:
            for each in chain["filters"]:
                settings = each["typed_config"].get("filter_config")
                if settings is not None:
                    place = settings.get("value", settings)
                    *parents, last = path.split(".")
                    for parent in parents:
                        place = place[parent]
                    place[last] = value
                    return
    raise AssertionError("no filter in the configuration")


def start(config: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Envoy until it ends by itself."""
    file = folder / "envoy.yaml"
    file.write_text(yaml.safe_dump(config))
    return subprocess.run(
        envoy_command(find_envoy(), file, concurrency=1, log_level="error"),
        env=envoy_environment(find_filter()),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("fail_open", True, "`fail_open` is no setting of the filter, expected one of `check`, `token`,"),
        (
            "limits.max_feilds",
            9,
            "`limits.max_feilds` is no setting of the filter, expected one of `logon_timeout_ms`,",
        ),
        ("check.retries", 3, "`check.retries` is no setting of the filter, expected one of `cluster`, `authority`,"),
        ("token.tag", [554], "`token.tag` is no setting of the filter, expected one of `tags`, `strip`,"),
        ("drain.wait_s", 1, "`drain.wait_s` is no setting of the filter, expected one of `listener`, `spread_ms`,"),
        ("limits.max_fields", 1, "`limits.max_fields` is `1`; it must be from 8 to 65536"),
        ("limits.max_fields", "many", "`limits.max_fields` is `many`; it must be a whole number"),
        ("limits.remembered_rejects", 5000, "`limits.remembered_rejects` is `5000`; it must be from 0 to 4096"),
        ("drain.stop_ms", 600_001, "`drain.stop_ms` is `600001`; it must be from 0 to 600000"),
        ("token.strip", "no", '`token.strip`: invalid type: string "no", expected a boolean'),
        ("token.tags", [554, "96"], "`token.tags[1]` is `96`; it must be a tag, from 1 to 999999"),
        ("token.scheme", "digest", "`token.scheme` is `digest`; it must be `bearer` or `basic`"),
        ("cache", "off", '`cache` is `"off"`; it must be an object of settings'),
        ("data_fields.pairs", [[5001]], "`data_fields.pairs[0]`: invalid length 1, expected a tuple of size 2"),
        ("check.cluster", "", "`check.cluster` is empty; it must be the name of a cluster"),
        ("limits.messages_per_s", 1_000_001, "`limits.messages_per_s` is `1000001`; it must be from 0 to 1000000"),
        (
            "limits.messages_per_day",
            2_000_000_001,
            "`limits.messages_per_day` is `2000000001`; it must be from 0 to 2000000000",
        ),
        (
            "limits.denials_per_minute",
            -1,
            "`limits.denials_per_minute` is `-1`; it must be a whole number",
        ),
        (
            "limits.pending_connections_per_address",
            65_537,
            "`limits.pending_connections_per_address` is `65537`; it must be from 0 to 65536",
        ),
    ],
)
def test_envoy_does_not_start_and_says_why(path: str, value: object, said: str, tmp_path: Path) -> None:
    config = copy.deepcopy(envoy_config(OPTIONS))
    put(config, path, value)
    ended = start(config, tmp_path)
    assert ended.returncode != 0
    assert f"filter_config: {said}" in ended.stderr


def test_without_the_bootstrap_extension_no_report_could_be_sent(tmp_path: Path) -> None:
    config = copy.deepcopy(envoy_config(OPTIONS))
    del config["bootstrap_extensions"]
    ended = start(config, tmp_path)
    assert ended.returncode != 0
    assert "bootstrap_extensions: the module is missing there" in ended.stderr


def test_the_bootstrap_extension_has_nothing_to_set(tmp_path: Path) -> None:
    config = copy.deepcopy(envoy_config(OPTIONS))
    extension = config["bootstrap_extensions"][0]["typed_config"]
    struct = "type.googleapis.com/google.protobuf.Struct"
    extension["extension_config"] = {"@type": struct, "value": {"spread_ms": 1}}
    ended = start(config, tmp_path)
    assert ended.returncode != 0
    assert "extension_config: there is nothing to set here" in ended.stderr
