"""A mapping as the service takes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from authzsvc.errors import MappingFaults, SignatureError
from authzsvc.server.mapping import rests_on, take
from authzsvc.workflow import signing

from .conftest import Site


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_with_its_commit(site: Site) -> None:
    settings = site.settings()
    assert take(settings).commit == ""
    git(site.directory, "init", "-q")
    git(site.directory, "add", "mapping.yaml")
    git(site.directory, "commit", "-qm", "one")
    commit = git(site.directory, "rev-parse", "HEAD")
    assert take(settings).commit == commit
    with settings.mapping.open("a") as mapping:
        mapping.write("# a word\n")
    assert take(settings).commit == f"{commit}+changes"


def test_one_beside_a_repositorys_files_has_no_commit(site: Site) -> None:
    (site.directory / "known").write_text("x")
    git(site.directory, "init", "-q")
    git(site.directory, "add", "known")
    git(site.directory, "commit", "-qm", "one")
    assert take(site.settings()).commit == ""


def test_signed_where_a_key_is_set(site: Site) -> None:
    private, public = signing.generate(site.directory / "keys-of-mappings")
    settings = site.settings(mapping_key=str(public))
    with pytest.raises(SignatureError, match="cannot be read"):
        take(settings)
    place = signing.path_of(settings.mapping)
    policy = take(site.settings()).policy
    signing.write(place, signing.sign(policy.name, policy.digest, 7, signing.load_private(private)))
    taken = take(settings)
    assert taken.policy.name == "example"
    assert taken.signed is not None
    assert (taken.signed.name, taken.signed.serial, taken.signed.digest) == ("example", 7, policy.digest)
    assert set(rests_on(settings)) == {settings.mapping, place, public}


def test_faults(site: Site) -> None:
    settings = site.settings()
    settings.mapping.write_text("")
    with pytest.raises(MappingFaults):
        take(settings)
