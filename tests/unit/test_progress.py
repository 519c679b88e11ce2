"""How far reading back is, as the pages and the log say it."""

from __future__ import annotations

from streams.inbound.progress import Progress


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_nothing_to_read_is_all_read() -> None:
    progress = Progress()
    assert progress.share == 1.0
    assert progress.text() == ""


def test_readings_are_one_share_and_one_rate() -> None:
    clock = Clock()
    progress = Progress(clock)
    first, second = progress.begin("partition 0"), progress.begin("partition 1")
    assert progress.share == 0.0, "what is to be read is not known yet"
    first.total, second.total = 1_000, 3_000
    first.advance(1_000)
    second.advance(200)
    clock.now_s += 4.0
    assert progress.share == 0.3
    assert progress.text() == "30% of 4,000 records read, 300 a second"


def test_the_share_does_not_fall_when_one_of_two_is_read() -> None:
    progress = Progress()
    first, second = progress.begin("partition 0"), progress.begin("partition 1")
    first.total = second.total = 1_000
    first.advance(1_000)
    progress.end("partition 0")
    assert progress.share == 0.5
    second.advance(1_000)
    progress.end("partition 1")
    assert progress.share == 1.0
    assert progress.text() == ""


def test_what_is_given_up_does_not_count() -> None:
    progress = Progress()
    first, second = progress.begin("partition 0"), progress.begin("partition 1")
    first.total = second.total = 1_000
    second.advance(400)
    progress.give_up("partition 0")
    assert progress.share == 0.4
    progress.give_up("partition 1")
    assert progress.share == 1.0


def test_a_second_attempt_begins_anew() -> None:
    progress = Progress()
    first = progress.begin("partition 0")
    first.total = 1_000
    first.advance(900)
    assert progress.begin("partition 0").done == 0
    assert progress.share == 0.0
