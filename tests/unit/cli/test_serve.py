from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "authzsvc", "serve", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}, check=False
    )


def test_all_faults_of_file_environment_and_options_and_exit_code_2(tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("mapping: m.yaml\ntokens:\n  issuers: []\nlog: {level: loud}\n")
    result = serve("--config", str(path), "--listen-tcp", "nowhere", AUTHZSVC_DRAIN_S="-1")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 4
    for place in (f"{path}:3: `tokens.issuers`", f"{path}:4: `log.level`", "options: `listen.tcp`"):
        assert place in result.stderr
    assert "environment: `AUTHZSVC_DRAIN_S`" in result.stderr


def test_the_file_may_be_named_in_the_environment(tmp_path: Path) -> None:
    result = serve(AUTHZSVC_CONFIG=str(tmp_path / "none.yaml"))
    assert result.returncode == 2
    assert result.stderr.startswith(f"{tmp_path / 'none.yaml'}: ")


def test_a_mapping_with_faults(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "version: 1\nname: x\ndescription: x\nfix: FIX.4.4\nscopes: {a: {grants: [{message: Nonsense}]}}\n"
    )
    path = tmp_path / "settings.yaml"
    path.write_text(
        "listen: {unix: s}\ntokens:\n  issuers:\n"
        "    - {issuer: i, audience: a, algorithms: [ES256], jwks: {file: none.json}}\n"
    )
    result = serve("--config", str(path), "--mapping", str(mapping))
    assert result.returncode == 2
    assert f"{mapping}:5:" in result.stderr
    assert "Traceback" not in result.stderr
