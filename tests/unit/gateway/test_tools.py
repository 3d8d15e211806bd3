"""Finding Envoy and the filter: the order of the places, and plain words where one is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from authzsvc.errors import ToolError
from authzsvc.gateway.tools import LIBRARY, envoy_command, envoy_environment, find_envoy, find_filter


def make(path: Path, mode: int = 0o644) -> Path:
    """An empty file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(mode)
    return path


def test_the_package_is_looked_at_before_the_checkout(tmp_path: Path) -> None:
    package = tmp_path / "authzsvc"
    built = make(tmp_path / "envoy" / "target" / "release" / LIBRARY)
    assert find_filter({}, package) == built
    packaged = make(package / "_filter" / LIBRARY)
    assert find_filter({}, package) == packaged


def test_the_environment_overrides_the_filter(tmp_path: Path) -> None:
    package = tmp_path / "authzsvc"
    make(package / "_filter" / LIBRARY)
    named = make(tmp_path / "other" / LIBRARY)
    assert find_filter({"AUTHZSVC_FILTER": str(named)}, package) == named


def test_a_missing_filter_is_told_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"`libfix_authz\.so` is missing \(make setup builds it"):
        find_filter({}, tmp_path / "authzsvc")


@pytest.mark.parametrize("name", ["other.so", "none/libfix_authz.so"])
def test_an_override_that_envoy_could_not_load_is_refused(name: str, tmp_path: Path) -> None:
    make(tmp_path / "other.so")
    with pytest.raises(ToolError, match="AUTHZSVC_FILTER"):
        find_filter({"AUTHZSVC_FILTER": str(tmp_path / name)})


def test_the_environment_overrides_envoy(tmp_path: Path) -> None:
    program = make(tmp_path / "my-envoy", 0o755)
    assert find_envoy({"AUTHZSVC_ENVOY": str(program)}) == program


def test_an_envoy_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="AUTHZSVC_ENVOY"):
        find_envoy({"AUTHZSVC_ENVOY": str(make(tmp_path / "envoy"))})


def test_the_path_is_the_last_place_for_envoy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    program = make(tmp_path / "path" / "envoy", 0o755)
    assert find_envoy({"PATH": str(program.parent)}) == program
    beside = make(tmp_path / "bin" / "envoy", 0o755)
    assert find_envoy({"PATH": str(program.parent)}) == beside


def test_a_missing_envoy_is_told_with_the_mend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    with pytest.raises(ToolError, match="`envoy` is missing"):
        find_envoy({"PATH": str(tmp_path)})


def test_envoy_is_started_with_the_configuration_and_finds_the_filter(tmp_path: Path) -> None:
    library = make(tmp_path / LIBRARY)
    command = envoy_command(Path("/bin/envoy"), Path("/etc/envoy.yaml"), concurrency=2)
    assert command[:3] == ["/bin/envoy", "--config-path", "/etc/envoy.yaml"]
    assert command[-2:] == ["--concurrency", "2"]
    assert "--concurrency" not in envoy_command(Path("/bin/envoy"), Path("/etc/envoy.yaml"))
    environment = envoy_environment(library, {"HOME": "/root"})
    assert environment == {"HOME": "/root", "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(tmp_path.resolve())}
