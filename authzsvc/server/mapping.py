"""A mapping as the service takes it: compiled, signed where the settings want that, with the commit that it is from."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from authzsvc.policy import warnings
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.policy.warnings import PolicyWarning
from authzsvc.sessions.signed_mappings import SignedMapping
from authzsvc.sessions.store import Store
from authzsvc.settings import Settings
from authzsvc.workflow import signing

_GIT_PATIENCE_S = 5


@dataclass(frozen=True, slots=True)
class Taken:
    """A mapping that may be put in force."""

    policy: Policy
    commit: str
    """The git commit of its files, `+changes` after it where they differ; empty outside of a repository."""
    files: tuple[Path, ...]
    """All that it rests on."""
    warnings: tuple[PolicyWarning, ...] = ()
    """The warnings about it: where it enforces less than it seems to say."""
    signed: SignedMapping | None = None
    """Its signature's key and serial, if the settings demand a signature."""


def take(settings: Settings) -> Taken:
    """Read the mapping that the settings name. Raises `MappingFaults`, and `SignatureError` where a key is set."""
    policy = compile_mapping(settings.mapping)
    files = tuple(Path(file) for file in policy.files)
    return Taken(policy, commit_of(files), files, warnings.find(policy), _signed(settings, policy))


def _signed(settings: Settings, policy: Policy) -> SignedMapping | None:
    if settings.mapping_key is None:
        return None
    place = signing.path_of(settings.mapping)
    found = signing.verify(policy.name, policy.digest, place, signing.load_public(settings.mapping_key))
    return SignedMapping(found.key_id, found.name, found.serial, found.digest, str(place))


async def accept(taken: Taken, store: Store) -> None:
    """Compares the serial of a signed mapping with the last one that any service of the store accepted, and records it.

    Raises `SignatureError` for an older serial, and `StoreError`. Then the mapping must not be put in force.
    """
    if taken.signed is not None:
        await store.accept_mapping(taken.signed)


def rests_on(settings: Settings) -> tuple[Path, ...]:
    """Give the files that are needed whatever the mapping includes."""
    if settings.mapping_key is None:
        return (settings.mapping,)
    return settings.mapping, signing.path_of(settings.mapping), settings.mapping_key


def commit_of(files: tuple[Path, ...]) -> str:
    """Give the commit that files are from, as `Taken.commit`; empty where git does not know."""
    folder = files[0].resolve().parent
    commit = _git(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    paths = [str(file.resolve()) for file in files]
    known = _git(folder, "ls-files", "--", *paths) if commit else ""
    if not commit or not known:
        return ""
    return commit + ("+changes" if _git(folder, "status", "--porcelain", "--", *paths) else "")


def _git(folder: Path, *arguments: str) -> str:
    """Ask git; empty where it cannot say."""
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_GIT_PATIENCE_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()
