"""The error tree.

AuthzError                 everything that this package raises on purpose
├── FixError               FIX data that cannot be read
│   ├── FieldsError        bytes that are no `tag=value<SOH>` pairs
│   └── UnknownName        a message, tag or value that the dictionary does not have
├── MappingFaults          a mapping that does not compile: every fault at once
├── SignatureError         a signed mapping whose signature is missing or does not hold
├── SettingsFaults         settings that do not hold: every fault at once
├── TokenError             a token that is not accepted, with a text for the counterparty and a reason for the audit
│   ├── ServerUnavailable  the authorization server gave no answer about it (tokens.endpoint)
│   ├── UnknownKey         the key that signed it is not known, or not yet
│   │   └── NoKeys         no key of its issuer is known, yet or any more
│   └── BadCredentials     it refused a client's id and secret (tokens.endpoint)
├── KeysError              keys that cannot be read
│   └── KeysWithdrawn      keys that the issuer has withdrawn
├── HttpError              an authorization server that cannot be asked, or does not answer
├── ContractError          a CheckRequest that no FIX proxy would send
├── StoreError             restrictions and sessions that cannot be kept, or read again
├── AdminError             an operator's request that is refused
└── ToolError              a program or file that a command needs and that is missing

Messages are one line, start in lower case, put the input in backticks, say the mend, and hold no secret.
"""

from __future__ import annotations

from dataclasses import dataclass


class AuthzError(Exception):
    """The root: its text is fit to be shown to a person."""


class FixError(AuthzError):
    """FIX data that cannot be read."""


class FieldsError(FixError):
    """Bytes that are no `tag=value<SOH>` pairs."""


class UnknownName(FixError):
    """A message, tag or value that the dictionary does not have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault in a file that a person wrote: where it is, what it is, how to mend it."""

    file: str
    line: int
    """1-based; 0 where the fault is of the file as a whole (or of the environment)."""
    key: str
    """The path of the key, as `scopes.order:cancel.grants[0].message`."""
    text: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" `{self.key}`" if self.key else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}:{key} {self.text}{hint}"


class Faults(AuthzError):
    """Several faults at once; its text has one a line."""

    def __init__(self, faults: list[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


class MappingFaults(Faults):
    """A mapping that does not compile."""


class SignatureError(AuthzError):
    """A signed mapping whose signature is missing or does not hold, or a key that cannot be used."""


class SettingsFaults(Faults):
    """Settings that do not hold."""


class TokenError(AuthzError):
    """A token that is not accepted.

    `text` may be shown to the counterparty (it goes into 58); `reason` is for the audit; `session_status` is FIX tag
    1409 (5 bad credentials, 7 not allowed now, 8 expired).
    """

    unavailable = False
    """Nothing was learnt about the token: who should tell cannot be asked."""

    def __init__(self, text: str, reason: str, session_status: int = 5) -> None:
        super().__init__(reason)
        self.text = text
        self.reason = reason
        self.session_status = session_status


class UnknownKey(TokenError):
    """A token whose key its issuer's set does not have; the set may be behind, so that it pays to read it again."""


class NoKeys(UnknownKey):
    """The keys of the token's issuer were never read, or too long ago, so the token cannot be verified."""

    unavailable = True


class KeysError(AuthzError):
    """Keys that cannot be had."""


class KeysWithdrawn(KeysError):
    """The issuer says that it has no keys, or none that can be used, and so withdraws the keys that it had before."""


class HttpError(AuthzError):
    """An authorization server that cannot be asked, or does not answer; it names the host and the kind of trouble."""


class ContractError(AuthzError):
    """A CheckRequest that no FIX proxy would send."""


class StoreError(AuthzError):
    """Restrictions and sessions that cannot be kept, or read again."""


class AdminError(AuthzError):
    """What an operator asks and does not get."""


class ToolError(AuthzError):
    """A program or file that a command needs and that is missing."""
