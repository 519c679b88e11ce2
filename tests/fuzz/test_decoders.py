"""Every decoder under arbitrary bytes: it never raises, never hangs, and never takes a good record with a bad one.

`MARGINMON_FUZZ_EXAMPLES` sets how many inputs each topic gets; what was run last stands in docs/security.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from streams.contracts.codec import Fault, decode_model
from streams.contracts.results import CallEvent, RequirementStatement
from streams.contracts.topics import partition_of
from tests.fuzz.records import GOOD, PARTITIONS, fresh, own_key, take
from tests.unit.test_intake import ACCOUNT
from tests.unit.test_parking import Raw

EXAMPLES = int(os.environ.get("MARGINMON_FUZZ_EXAMPLES", "200"))
SLOWEST = timedelta(seconds=2)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "2026-02-30", "securities", "USD", "NaN", "1e999", "\u0000", "A" * 300]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@st.composite
def changed_fields(draw: st.DrawFn, good: dict[str, Any]) -> bytes:
    """A good record with some fields replaced, taken out or added."""
    fields = dict(good)
    for name in draw(st.lists(st.sampled_from([*good, "unknown"]), min_size=1, max_size=3)):
        if draw(st.booleans()):
            fields[name] = draw(json_values)
        else:
            fields.pop(name, None)
    return json.dumps(fields).encode("utf-8", "surrogatepass")


@st.composite
def changed_bytes(draw: st.DrawFn, good: dict[str, Any]) -> bytes:
    """A good record with bytes overwritten, put in or cut out."""
    raw = bytearray(json.dumps(good).encode())
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(raw)))
        raw[start : start + draw(st.integers(0, 6))] = draw(st.binary(max_size=6))
    return bytes(raw)


def values(good: dict[str, Any]) -> st.SearchStrategy[bytes]:
    return st.one_of(
        st.binary(max_size=200),
        json_values.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass")),
        changed_fields(good),
        changed_bytes(good),
    )


def keys(good: dict[str, Any]) -> st.SearchStrategy[bytes | None]:
    return st.sampled_from([own_key(good).encode(), None, b"", b"\xff"]) | st.binary(max_size=20)


@pytest.mark.parametrize("topic", GOOD)
def test_no_bytes_stop_a_worker(topic: str) -> None:
    """Decoded and applied, each beside a good record of its topic."""
    assert partition_of(ACCOUNT, PARTITIONS) == 0
    good, intake, offsets = GOOD[topic], fresh(), iter(range(1, 10_000_000))
    raw = json.dumps(good).encode()
    own = own_key(good)

    @settings(
        max_examples=EXAMPLES, deadline=SLOWEST, derandomize="MARGINMON_FUZZ_EXAMPLES" not in os.environ,
        database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values(good), keys(good))
    @example(b"[" * 100_000, own.encode())
    @example(b'{"a":' * 100_000, own.encode())
    @example(b'"' + b"\\u0000" * 100_000 + b'"', own.encode())
    @example(raw.replace(b"1", b"1" * 5_000), own.encode())
    def run(value: bytes, key: bytes | None) -> None:
        bad = Raw(topic, 0, next(offsets), value, key, 1)
        well = Raw(topic, 0, next(offsets), raw, own.encode(), 1)
        taken = take(intake, topic, [bad, well])
        assert taken is not None
        if topic != "rulebooks":  # the one here is refused by what it says, not by how it is written
            assert well not in [refusal.record for refusal in taken.refusals]
        for refusal in taken.refusals:
            assert refusal.reason
            assert refusal.detail

    run()


RESULTS: dict[str, Callable[[bytes], object]] = {
    "call-cases": lambda value: decode_model(CallEvent, value),
    "requirements": lambda value: decode_model(RequirementStatement, value),
}


@pytest.mark.parametrize("topic", RESULTS)
def test_no_bytes_stop_the_page(topic: str) -> None:
    from tests.web.live_book import LiveBook

    book = LiveBook(2)
    made = book.step()[0] if topic == "call-cases" else book.statements("")[0]
    good = json.loads(made.model_dump_json())

    @settings(
        max_examples=EXAMPLES, deadline=SLOWEST, derandomize="MARGINMON_FUZZ_EXAMPLES" not in os.environ,
        database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(values(good))
    def run(value: bytes) -> None:
        decoded = RESULTS[topic](value)
        assert isinstance(decoded, Fault | tuple)

    run()
