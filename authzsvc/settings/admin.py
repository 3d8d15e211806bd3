"""Where operators ask, and how they prove who they are. Never in clear beyond this machine."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from authzsvc.settings.bounds import AdminBounds
from authzsvc.settings.words import Name, Names, Section, SocketPath, TcpAddress


class AdminTls(Section):
    """The admin service's certificate; with `client_ca` operators must show one too."""

    cert: Path
    key: Path
    client_ca: Path | None = None


class AdminToken(Section):
    """Access tokens of this issuer, one of `tokens.issuers`, that have this scope are operators'."""

    issuer: Name
    scope: Name


class AdminSettings(Section):
    """A unix socket for this machine's operators, a TCP address for those elsewhere, or both."""

    unix: SocketPath | None = None
    tcp: TcpAddress | None = None
    tls: AdminTls | None = None
    token: AdminToken | None = None
    operators: Names = Field(default=[])
    """Certificate names (URI SAN, DNS SAN, e-mail or subject) that are let in; all of `client_ca`'s when empty."""
    bounds: AdminBounds = AdminBounds()

    @model_validator(mode="after")
    def _never_open(self) -> AdminSettings:
        if self.unix is None and self.tcp is None:
            raise ValueError("nothing to listen on; set `unix`, `tcp` or both")
        if self.tcp is None and (self.tls is not None or self.token is not None):
            raise ValueError("`tls` and `token` are for `tcp`, which is not set")
        if self.tcp is not None and self.tls is None:
            raise ValueError("`tcp` needs `tls`; without it, anyone could listen in and take over")
        if self.tls is not None and self.tls.client_ca is None and self.token is None:
            raise ValueError("`tcp` needs `tls.client_ca`, `token` or both, so that operators prove who they are")
        if self.operators and (self.tls is None or self.tls.client_ca is None):
            raise ValueError("`operators` are names in certificates; they need `tls.client_ca`")
        return self
