"""The package: its pins, its wheel with the filter inside, and what the Makefile says where a tool is missing."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import authzsvc

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINS = ("runtime", "dev", "build")


def pins(name: str) -> dict[str, str]:
    """The versions in one requirements file, by package."""
    text = (ROOT / f"requirements/{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


def mapping_files() -> set[str]:
    """Every file of the mappings, their lists and suites too."""
    return {str(path.relative_to(ROOT)) for path in (ROOT / "mappings").rglob("*") if path.is_file()}


def build(target: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Builds a `wheel` or an `sdist` of the checkout into `folder`, as pip does."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def tools(folder: Path, *names: str) -> str:
    """A PATH with these programs and no others."""
    for name in names:
        program = shutil.which(name)
        assert program is not None
        (folder / name).symlink_to(program)
    return str(folder)


def make(target: str, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`make target` with nothing but this PATH."""
    program = shutil.which("make")
    assert program is not None
    return subprocess.run(
        [program, target, *arguments], cwd=ROOT, env={"PATH": path}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", PINS)
def test_every_pin_has_a_hash_and_none_an_address(name: str) -> None:
    text = (ROOT / f"requirements/{name}.txt").read_text()
    entries = re.findall(r"^[a-z0-9].*(?:\n    .*)*", text, re.MULTILINE)
    assert len(entries) == len(pins(name)) > 0
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"://|--(?:extra-)?index-url|--find-links|--trusted-host|(?<![\w.])/\w+", text) == []


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("runtime", PROJECT["project"]["dependencies"]),
        ("dev", PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["dev"]),
        ("dev", PROJECT["project"]["optional-dependencies"]["demo"]),
        ("dev", PROJECT["project"]["optional-dependencies"]["bench"]),
        ("build", PROJECT["build-system"]["requires"]),
    ],
)
def test_the_pins_are_what_the_project_asks_for(name: str, wanted: list[str]) -> None:
    pinned = pins(name)
    requirements = [Requirement(line) for line in wanted]
    unmet = [r for r in requirements if not r.specifier.contains(pinned.get(canonicalize_name(r.name), "0.dev0"))]
    assert unmet == [], "run `make requirements`"


def test_tests_and_benches_run_with_the_versions_that_are_shipped() -> None:
    shipped, tested = pins("runtime"), pins("dev")
    assert {package: tested.get(package) for package in shipped} == shipped


def test_every_npm_package_has_a_hash_and_none_an_address() -> None:
    lock = json.loads((ROOT / "tests/oidc/package-lock.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages["node_modules/oidc-provider"]["version"] == lock["packages"][""]["dependencies"]["oidc-provider"]
    assert [name for name, entry in packages.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_the_installed_package_is_this_one_and_has_its_command() -> None:
    distribution = importlib.metadata.distribution("authzsvc")
    assert distribution.version == authzsvc.__version__
    (script,) = distribution.entry_points.select(group="console_scripts")
    assert (script.name, script.value) == ("authzsvc", "authzsvc.cli.app:main")
    assert callable(script.load())


def test_the_licence_is_whole() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Version 2.0, January 2004" in text
    assert "APPENDIX: How to apply the Apache License to your work." in text


@pytest.mark.timeout(600)
def test_the_wheel_has_the_filter_the_mappings_and_this_platforms_tag(tmp_path: Path) -> None:
    answer = build("wheel", tmp_path)
    assert answer.returncode == 0, answer.stderr
    (wheel,) = tmp_path.glob("*.whl")
    assert re.fullmatch(rf"authzsvc-{re.escape(authzsvc.__version__)}-py3-none-linux_\w+\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("authzsvc/_filter/libfix_authz.so").startswith(b"\x7fELF")
    assert {"authzsvc/cli/app.py", "authzsvc/py.typed"} <= names
    assert {f"authzsvc/_{name}" for name in mapping_files()} <= names
    assert [name for name in names if name.startswith("tests/")] == []


def test_a_wheel_without_cargo_is_refused_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    answer = build("wheel", tmp_path / "dist", PATH=tools(tmp_path / "bin", "sh"))
    assert answer.returncode != 0
    assert "`cargo` is missing" in answer.stdout + answer.stderr
    assert "Traceback" not in answer.stderr
    assert list(tmp_path.glob("dist/*.whl")) == []


def test_the_source_archive_can_be_built_from(tmp_path: Path) -> None:
    answer = build("sdist", tmp_path)
    assert answer.returncode == 0, answer.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {name.partition("/")[2] for name in tar.getnames()}
    assert {"pyproject.toml", "envoy/build_hook.py", "envoy/Cargo.toml", "envoy/Cargo.lock", "LICENSE"} <= names
    assert mapping_files() <= names
    assert [name for name in names if "/target/" in name or name.endswith(".so")] == []
    assert [name for name in names if name.startswith("tests/")] == []


def test_make_names_a_missing_cargo_and_a_missing_linker(tmp_path: Path) -> None:
    path = tools(tmp_path, "sh", "find", "python3")
    answer = make("cargo-present", path)
    assert answer.returncode != 0
    assert "`cargo` is missing" in answer.stderr
    answer = make("cargo-present", tools(tmp_path, "cargo"))
    assert answer.returncode != 0
    assert "`cc` is missing" in answer.stderr


def test_make_names_a_missing_python(tmp_path: Path) -> None:
    answer = make("python-present", tools(tmp_path, "sh", "find"))
    assert answer.returncode != 0
    assert "`python3` 3.11 or newer is missing" in answer.stderr


def test_make_finds_a_python_with_its_version_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "python3.12").symlink_to(sys.executable)
    assert make("python-present", tools(tmp_path, "sh", "find")).returncode == 0


def test_the_check_of_a_change_can_be_run() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
