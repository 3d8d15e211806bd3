"""FIX bytes by hand: what no engine would send, and the plain arithmetic of 9 and 10 apart from all code under test."""

from __future__ import annotations

from dataclasses import dataclass

SOH = b"\x01"


def raw(text: str) -> bytes:
    """`|` for SOH."""
    return text.encode("latin-1").replace(b"|", SOH)


def forge(body: str, *, begin: str = "FIX.4.4", length: str | None = None, check_sum: str | None = None) -> bytes:
    """A message around `body` (`35=D|34=2|…|`); `length` and `check_sum` go over the right ones."""
    content = raw(body)
    head = raw(f"8={begin}|9={len(content) if length is None else length}|")
    total = sum(head + content) % 256
    return head + content + raw(f"10={f'{total:03d}' if check_sum is None else check_sum}|")


def without_field(message: bytes, *tags: int) -> bytes:
    """The message without these fields, its 8 first, 9 and 10 made anew."""
    dropped = tuple(f"{tag}=".encode() for tag in (8, 9, 10, *tags))
    fields = [field for field in message.split(SOH) if field and not field.startswith(dropped)]
    begin = message.split(SOH)[0].removeprefix(b"8=").decode()
    return forge("".join(field.decode("latin-1") + "|" for field in fields), begin=begin)


@dataclass(frozen=True)
class Draft:
    """A good message in parts, for a fault to be put into."""

    msg_type: str
    header: str
    """`34=…|49=…|56=…|52=…|`."""
    body: str

    def whole(self, more: str = "") -> bytes:
        """As it should be, with more fields at its end."""
        return forge(self.text + more)

    @property
    def text(self) -> str:
        """From 35 on, without 10."""
        return f"35={self.msg_type}|{self.header}{self.body}"

    def without(self, tag: int) -> bytes:
        """With a header field left out."""
        header = "".join(f"{field}|" for field in self.header.split("|") if field and not field.startswith(f"{tag}="))
        return forge(f"35={self.msg_type}|{header}{self.body}")

    def with_header(self, tag: int, value: str) -> bytes:
        """With another value in a header field."""
        fields = (f"{tag}={value}" if field.startswith(f"{tag}=") else field for field in self.header.split("|"))
        return forge(f"35={self.msg_type}|{'|'.join(fields)}{self.body}")
