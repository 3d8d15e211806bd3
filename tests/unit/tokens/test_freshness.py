from __future__ import annotations

import pytest

from authzsvc.tokens.freshness import fresh_for_s
from authzsvc.tokens.http import Answer

DATE = "Wed, 21 Oct 2026 07:28:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"cache-control": "max-age=60"}, 60.0),
        ({"cache-control": 'public , Max-Age = "60", must-revalidate'}, 60.0),
        ({"cache-control": "max-age=60", "age": "20"}, 40.0),
        ({"cache-control": "max-age=60", "age": "100"}, 0.0),
        ({"cache-control": "max-age=60", "age": "x"}, 60.0),
        ({"cache-control": "max-age=60, no-cache"}, 0.0),
        ({"cache-control": "no-store"}, 0.0),
        ({"cache-control": "max-age=-1"}, None),
        ({"cache-control": "max-age=nan"}, None),
        ({"cache-control": "max-age=\u0663"}, None),
        ({"cache-control": "max-age=" + "9" * 400}, 2.0**31),
        ({"cache-control": ",,=,"}, None),
        ({"expires": "Wed, 21 Oct 2026 07:29:00 GMT", "date": DATE}, 60.0),
        ({"expires": "Wed, 21 Oct 2026 07:29:00 GMT", "date": DATE, "cache-control": "max-age=5"}, 5.0),
        ({"expires": "Wed, 21 Oct 2026 07:27:00 GMT", "date": DATE}, 0.0),
        ({"expires": "0", "date": DATE}, 0.0),
        ({"expires": "Wed, 21 Oct 2026 07:29:00", "date": DATE}, 0.0),
        ({"expires": "Wed, 21 Oct 2026 07:29:00 GMT"}, None),
    ],
)
def test_how_long_headers_let_keys_live(headers: dict[str, str], seconds: float | None) -> None:
    assert fresh_for_s(Answer(200, headers, b"")) == seconds
