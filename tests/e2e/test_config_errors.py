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
        ("fail_open", True, "unknown field `fail_open`"),
        ("limits.max_feilds", 9, "unknown field `max_feilds`"),
        ("check.retries", 3, "unknown field `retries`"),
        ("token.tag", [554], "unknown field `tag`"),
        ("limits.max_fields", 1, "`limits.max_fields` is `1`; it must be from 8 to 65536"),
        ("limits.remembered_rejects", 5000, "`limits.remembered_rejects` is `5000`; it must be from 0 to 4096"),
        ("check.cluster", "", "`check.cluster` is empty"),
    ],
)
def test_envoy_does_not_start_and_says_why(path: str, value: object, said: str, tmp_path: Path) -> None:
    config = copy.deepcopy(envoy_config(OPTIONS))
    put(config, path, value)
    ended = start(config, tmp_path)
    assert ended.returncode != 0
    assert f"filter_config: {said}" in ended.stderr
