"""A JSON Web Key Set (RFC 7517) as the public keys in it that may verify a signature. Pure.

What cannot be used is left out and counted: keys for encryption, symmetric and private ones (whoever reads the set
could sign with them), too short or too long ones, unknown types and curves. Certificates and addresses in a key (`x5c`,
`x5u`) are never looked at.

Invariant: a key id names one key. Where a set gives two different keys the same id, neither is used, since which of
them is meant cannot be told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import jwt
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from authzsvc.errors import KeysError, KeysWithdrawn

MAX_KEYS = 1_000
MAX_ID_LENGTH = 512
"""Characters of a key id."""
RSA_BITS = (2048, 8192)
"""The least is RFC 7518's, 3.3; more than the most makes each signature slow to check."""

_ALGORITHMS: Mapping[tuple[str, str], frozenset[str]] = MappingProxyType(
    {
        ("RSA", ""): frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        ("EC", "P-256"): frozenset({"ES256"}),
        ("EC", "P-384"): frozenset({"ES384"}),
        ("EC", "P-521"): frozenset({"ES512"}),
        ("EC", "secp256k1"): frozenset({"ES256K"}),
        ("OKP", "Ed25519"): frozenset({"EdDSA"}),
    }
)
"""What each type and curve may verify (RFC 7518, 3.4; RFC 8037, 3.1; RFC 8812, 3.2)."""
ASYMMETRIC = frozenset[str]().union(*_ALGORITHMS.values())
"""What may be pinned: never `none`, never HMAC (RFC 8725, 3.1 and 3.2)."""

_MEMBERS = {"RSA": ("n", "e"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_OPTIONAL = frozenset({"kid", "alg"})
_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_SAME_AS = {"Ed25519": "EdDSA"}
"""RFC 9864's name for what RFC 8037 calls EdDSA on that curve."""


@dataclass(frozen=True, slots=True)
class Key:
    """A public key of the set."""

    id: str
    """`kid`; empty when the key has none."""
    type: str
    """`kty`: RSA, EC or OKP."""
    curve: str
    """`crv`; empty for RSA."""
    algorithm: str
    """`alg`, the only one that the key may be used with; empty when any that fits the type will do."""
    public: Any = field(repr=False, compare=False)
    """The key, as `cryptography` has it."""
    material: bytes = field(repr=False)
    """The key in DER, to tell keys apart."""

    def serves(self, algorithm: str) -> bool:
        """Whether a signature of that `alg` may be checked with this key."""
        return self.algorithm in ("", algorithm) and algorithm in _ALGORITHMS[self.type, self.curve]


@dataclass(frozen=True, slots=True)
class Jwks:
    """The usable keys of a set."""

    keys: Mapping[str, Key]
    """By id; keys without one are not in it."""
    only: Key | None
    """The key, when there is no other; it serves a token that names none."""
    left_out: int = 0
    """Entries that cannot be used."""
    ambiguous: tuple[str, ...] = ()
    """Ids that two different keys have; neither is used."""


def parse_jwks(document: bytes) -> Jwks:
    """Read a key set. Raises `KeysError` when it is none or has too many keys, `KeysWithdrawn` when no key in it can be
    used."""
    try:
        entries = json.loads(document)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        raise KeysError("the key set is not a JSON Web Key Set (an object with `keys`)")
    if len(entries) > MAX_KEYS:
        raise KeysError(f"the key set has more than {MAX_KEYS} keys")
    read = [_key(entry) for entry in entries]
    found = _merged(key for key in read if key is not None)
    times = Counter(key.id for key in found if key.id)
    ambiguous = tuple(sorted(name for name, count in times.items() if count > 1))
    usable = [key for key in found if key.id not in ambiguous]
    if not usable:
        raise KeysWithdrawn("the key set holds no public key that can be used for signatures")
    keys = MappingProxyType({key.id: key for key in usable if key.id})
    return Jwks(keys, usable[0] if len(found) == 1 else None, read.count(None), ambiguous)


def _merged(keys: Iterable[Key]) -> list[Key]:
    """The keys, each once: one that stands there again for another algorithm serves whatever fits its type."""
    found: dict[tuple[str, bytes], Key] = {}
    for key in keys:
        same = found.setdefault((key.id, key.material), key)
        if same.algorithm != key.algorithm:
            found[key.id, key.material] = replace(same, algorithm="")
    return list(found.values())


def _key(entry: object) -> Key | None:
    """The key that can be used; None for every other entry."""
    if not isinstance(entry, dict) or not _for_signatures(entry):
        return None
    texts = {name: value for name, value in entry.items() if isinstance(value, str)}
    kind, key_id = texts.get("kty", ""), texts.get("kid", "")
    curve = "" if kind == "RSA" else texts.get("crv", "")
    algorithm = _SAME_AS.get(texts.get("alg", ""), texts.get("alg", ""))
    fitting = _ALGORITHMS.get((kind, curve), frozenset())
    if len(key_id) > MAX_ID_LENGTH or not fitting or (algorithm and algorithm not in fitting):
        return None
    if not {*_MEMBERS[kind], *_OPTIONAL.intersection(entry)} <= texts.keys():
        return None
    public = _public({"kty": kind, **{name: texts[name] for name in _MEMBERS[kind]}})
    return public and Key(key_id, kind, curve, algorithm, public, _der(public))


def _for_signatures(entry: Mapping[str, object]) -> bool:
    """`use` and `key_ops` (RFC 7517, 4.2 and 4.3), and nothing private."""
    operations = entry.get("key_ops", ["verify"])
    return (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and _PRIVATE.isdisjoint(entry)
    )


def _public(members: Mapping[str, Any]) -> Any:  # noqa: ANN401 (PyJWT's keys have no common type)
    algorithm: Any = {"RSA": RSAAlgorithm, "EC": ECAlgorithm, "OKP": OKPAlgorithm}[members["kty"]]
    try:
        public = algorithm.from_jwk(dict(members))
    except (jwt.PyJWTError, ValueError, TypeError, ArithmeticError):
        return None
    if members["kty"] == "RSA" and not RSA_BITS[0] <= public.key_size <= RSA_BITS[1]:
        return None
    return public


def _der(public: Any) -> bytes:  # noqa: ANN401 (as above)
    der: bytes = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return der
