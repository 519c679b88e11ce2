"""Changed copies of good inputs: bytes, and JSON whose values, keys and rows are changed but which stays JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

# What readers have stumbled over: literals, limits, digits that are none, quotes, line ends, marks of encodings.
WORDS: tuple[bytes, ...] = (
    b"", b"0", b"-1", b"1e999", b"-1e999", b"1e-999", b"NaN", b"nan", b"inf", b"-Infinity", b"null", b"true",
    b"1" * 400, b"9" * 5000, b"1_0", b"+1", b"0x10", b"\xc2\xb2", b"\xd9\xa3", b"\xe2\x85\xa7", b"\xef\xbb\xbf",
    b"\xff", b"\x00", b"\r", b"\n", b"\r\n", b"\x0b", b"\x1c", b"\xc2\x85", b"\xe2\x80\xa8", b'"', b'""', b"'",
    b",", b";", b"\t", b"|", b"#", b"=", b"[", b"]", b"{", b"}", b"[[", b"<", b"</", b"/>", b"&amp;", b"&#0;",
    b"\\u0000", b"\\ud800", b"2026-02-30", b"0000-00-00", b"9999-12-31", b"20260230", b"1e308",
    b"1.7976931348623157e308", b"5e-324", b"9223372036854775808", b"A" * 300,
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**70), 10**400, 0.5, -0.0, 1e308, 5e-324, float("nan"),
    float("inf"), "", " ", "0", "USD", "usd", "nan", "1e999", "2026-02-30", "9999-12-31", "\x00", "\ud800", "²",
    "A" * 300, [], {}, [[]], [None], [{}], {"value": None}, {"": {}}, [1, "a"], [[1.0], [2.0]],
)  # fmt: skip


class Mutator:
    """Makes inputs from seeds; the same seed number gives the same inputs."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def bytes(self, seeds: Sequence[bytes]) -> bytes:
        """A seed with up to four places changed."""
        random = self._random
        raw = bytearray(random.choice(seeds))
        for _ in range(random.choice((1, 1, 1, 2, 4))):
            start = random.randint(0, len(raw))
            end = min(len(raw), start + random.choice((0, 0, 1, 1, 2, 8, 40)))
            raw[start:end] = self._piece(raw, seeds)
        return bytes(raw)

    def _piece(self, raw: bytearray, seeds: Sequence[bytes]) -> bytes | bytearray:
        random = self._random
        kind = random.randrange(6)
        if kind <= 2:
            return random.choice(WORDS)
        if kind == 3:
            return random.randbytes(random.randint(1, 4))
        source = raw if kind == 4 else random.choice(seeds)
        start = random.randint(0, len(source))
        return source[start : start + random.choice((1, 4, 20, 200))]

    def json(self, seeds: Sequence[Any]) -> bytes:
        """A parsed seed with one or two places changed, as JSON (with the literals that JSON has not)."""
        random = self._random
        value = random.choice(seeds)
        for _ in range(random.choice((1, 1, 2))):
            value = self.value(value)
        return json.dumps(value).encode()

    def value(self, value: Any) -> Any:
        """A copy with one place changed; what is not on the way to it is shared."""
        random = self._random
        if isinstance(value, dict) and value and random.random() < 0.9:
            key = random.choice(list(value))
            return self._changed_dict(value, key)
        if isinstance(value, list) and value and random.random() < 0.9:
            place = random.randrange(len(value))
            return self._changed_list(value, place)
        return self._other(value)

    def _changed_dict(self, value: dict[str, Any], key: str) -> dict[str, Any]:
        random = self._random
        kind = random.randrange(20)
        changed = dict(value)
        if kind == 0:
            del changed[key]
        elif kind == 1:
            changed[random.choice((key.upper(), key + "x", "", "unknown"))] = changed.pop(key)
        elif kind == 2:
            changed[random.choice(("unknown", "source", *value))] = random.choice(VALUES)
        elif kind == 3:
            changed[key] = value[random.choice(list(value))]
        else:
            changed[key] = self.value(value[key])
        return changed

    def _changed_list(self, value: list[Any], place: int) -> list[Any]:
        kind = self._random.randrange(12)
        if kind == 0:
            return value[:place] + value[place + 1 :]
        if kind == 1:
            return [*value, value[place]]
        if kind == 2:
            return value[::-1]
        if kind == 3:
            return []
        return [*value[:place], self.value(value[place]), *value[place + 1 :]]

    def _other(self, value: Any) -> Any:
        random = self._random
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and abs(value) < 1e300 and random.random() < 0.5:
            return random.choice((-value, value + 1, value * 10, value / 3, float(value), str(value)))
        if isinstance(value, str) and random.random() < 0.3:
            return random.choice((value + "x", value[:-1], value.upper(), value * 2))
        return random.choice(VALUES)
