"""A service in this process, and settings for a real one on a unix socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from authzsvc.settings import Settings, load
from authzsvc.tokens.development import ALGORITHM, AUDIENCE, DevelopmentIssuer
from tests.unit.checks import MAPPING, Desk, desk


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    """A desk whose audit is a file."""
    made = await desk(tmp_path, admitted=("spiffe://admitted",))
    yield made
    await made.close()


@dataclass(frozen=True)
class Site:
    """Where a service of the tests lives."""

    directory: Path
    issuer: DevelopmentIssuer

    @property
    def socket(self) -> Path:
        return self.directory / "s"

    @property
    def audit(self) -> Path:
        return self.directory / "audit.jsonl"

    def config(self, **more: Any) -> Path:  # noqa: ANN401
        """A settings file; `more` replaces sections."""
        issuer = {
            "issuer": self.issuer.name,
            "audience": AUDIENCE,
            "algorithms": [ALGORITHM],
            "jwks": {"file": str(self.issuer.jwks_path)},
        }
        settings = {
            "listen": {"unix": str(self.socket)},
            "mapping": str(self.directory / "mapping.yaml"),
            "tokens": {"issuers": [issuer]},
            "audit": {"path": str(self.audit)},
            "sessions": {"store": str(self.directory / "sessions.db")},
            **more,
        }
        path = self.directory / "settings.yaml"
        path.write_text(yaml.safe_dump(settings))
        return path

    def settings(self, **more: Any) -> Settings:  # noqa: ANN401
        return load(self.config(**more))


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "mapping.yaml").write_text(MAPPING)
    return Site(tmp_path, DevelopmentIssuer.create(tmp_path / "keys"))
