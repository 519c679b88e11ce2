"""Dead letters on a real Kafka: nothing is too odd to be set aside."""

from __future__ import annotations

from engine.base.errors import Reason
from streams.inbound.record import Refusal
from streams.outbound.dead_letter import DeadLetters
from tests.broker.worker_harness import Harness
from tests.unit.test_parking import Raw


def refusal(harness: Harness, value: bytes | None, detail: str = "why") -> Refusal:
    name = harness.topics["trades"].name
    record = Raw(name, 1, 7, value, b"\x00\xff", 0, (("own", b"\x01"), ("own", b"\x02")))  # type: ignore[arg-type]
    return Refusal(record, Reason.MALFORMED, detail)


async def test_bytes_and_headers_come_through_untouched(harness: Harness) -> None:
    values = [b"\xff\x00{", None, b""]
    await DeadLetters(harness.producer).write([refusal(harness, value, "odd \ud800") for value in values])
    letters = await harness.read("trades.dlq")
    assert [letter.value for letter in letters] == values
    for letter in letters:
        assert (letter.key, letter.partition) == (b"\x00\xff", 1)
        assert letter.headers[:2] == (("own", b"\x01"), ("own", b"\x02"))
        assert dict(letter.headers)["dlq.reason"] == b"MALFORMED"
        assert dict(letter.headers)["dlq.offset"] == b"7"


async def test_a_value_at_the_size_limit_is_set_aside_by_reference(harness: Harness) -> None:
    await DeadLetters(harness.producer).write([refusal(harness, b"x" * 1_048_500)])
    (letter,) = await harness.read("trades.dlq")
    assert letter.value is None
    assert b"1048500 bytes" in dict(letter.headers)["dlq.error"]
