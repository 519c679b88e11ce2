"""Files of checkpoints: every byte counts, the one before stays until the next one is whole, others are told apart."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.market.instruments import SILO_INDEX
from engine.state.partition_image import ImageMismatchError, PartitionImage
from streams.inbound import checkpoint as module
from streams.inbound.checkpoint import (
    Checkpoint,
    CheckpointFolder,
    Unusable,
    UnusableError,
    decoded,
    encoded,
)
from tests.engine_book import INSTRUMENTS
from tests.partition_log import ACCOUNTS, PARTITION, PARTITIONS, TOPICS, Follower

DAY = "2026-09-20"


@pytest.fixture
def worker() -> Follower:
    """One account that holds something, with a trade and a movement of the day."""
    follower, account = Follower(), {"account_id": ACCOUNTS[0]}
    opening = {"business_date": "2026-09-19", "as_of_ns": 1, "part": 1, "parts": 1}
    cash = {"cash": [{"silo": "securities", "amount": 5000.0}]}
    trade = {"trade_id": "T", "version": 1, "instrument_id": "SPY", "quantity": 2.0, "price": 1.5}
    moved = {"collateral_id": "C", "version": 1, "silo": "securities", "currency": "USD", "quantity": 7.0}
    follower.send("positions", account | opening | cash)
    follower.send("trades", account | trade | {"business_date": DAY, "trade_time_ns": 1})
    follower.send("collateral", account | moved | {"business_date": DAY, "time_ns": 1})
    return follower


def unusable(folder: CheckpointFolder) -> Unusable:
    with pytest.raises(UnusableError) as caught:
        folder.read(TOPICS, PARTITIONS, PARTITION)
    return caught.value.reason


def reason_of(data: bytes) -> Unusable:
    with pytest.raises(UnusableError) as caught:
        decoded(data)
    return caught.value.reason


def with_digest(head: bytes, body: bytes) -> bytes:
    return head + hashlib.sha256(head + body).digest() + body


def test_what_is_written_is_read(worker: Follower, tmp_path: Path) -> None:
    folder, data = CheckpointFolder(tmp_path / "made" / "below"), worker.checkpoint()
    size = folder.write(decoded(data))
    assert size == len(data) == folder.path(TOPICS, PARTITION).stat().st_size
    assert encoded(folder.read(TOPICS, PARTITIONS, PARTITION)) == data


def test_a_flip_of_any_byte_is_noticed(worker: Follower) -> None:
    data = worker.checkpoint()
    for place in range(len(data)):
        damaged = bytearray(data)
        damaged[place] ^= 0x10
        assert reason_of(bytes(damaged)) in {Unusable.DAMAGED, Unusable.OTHER_VERSION}, place


def test_a_file_cut_off_anywhere_or_with_more_behind_is_noticed(worker: Follower) -> None:
    data = worker.checkpoint()
    for length in range(len(data)):
        assert reason_of(data[:length]) is Unusable.DAMAGED, length
    assert reason_of(data + b"\0") is Unusable.DAMAGED


def test_another_version_of_program_layout_or_format_is_not_read(
    worker: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = worker.checkpoint()
    assert reason_of(data.replace(b"checkpoint 1\n", b"checkpoint 2\n", 1)) is Unusable.OTHER_VERSION
    for name, other in (("version", lambda _: "9.9.9"), ("layout", lambda: "another")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, other)
            assert reason_of(data) is Unusable.OTHER_VERSION


def test_a_whole_file_that_does_not_read_is_damaged(worker: Follower) -> None:
    data = worker.checkpoint()
    head = data[: data.index(b"\n", data.index(b"\n") + 1) + 1]
    body = data[len(head) + 32 :]
    assert with_digest(head, body) == data
    assert reason_of(with_digest(head, b"\xc1")) is Unusable.DAMAGED
    assert reason_of(with_digest(head, body.replace(b"<f8", b"<c8"))) is Unusable.DAMAGED


_IN_THREADS = """
import os, sys, threading
from streams.inbound.checkpoint import decoded

def read():
    together.wait()
    decoded(data)

data = open(sys.argv[1], "rb").read()
sys.setswitchinterval(1e-6)
for _ in range(8):
    if not (child := os.fork()):
        together = threading.Barrier(6)
        threads = [threading.Thread(target=read) for _ in range(6)]
        [thread.start() for thread in threads], [thread.join() for thread in threads]
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit("a reader died")
"""


def test_the_first_ones_may_be_read_beside_each_other(worker: Follower, tmp_path: Path) -> None:
    path = tmp_path / "one"
    path.write_bytes(worker.checkpoint())
    command = [sys.executable, "-c", _IN_THREADS, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert (done.returncode, done.stderr) == (0, "")


def test_absent_foreign_and_unreadable_files_are_told_apart(worker: Follower, tmp_path: Path) -> None:
    folder, held = CheckpointFolder(tmp_path), decoded(worker.checkpoint())
    assert unusable(folder) is Unusable.ABSENT
    path = folder.path(TOPICS, PARTITION)
    others = (
        replace(held, topics=TOPICS | {"positions": "u.positions"}),
        replace(held, partitions=PARTITIONS + 1),
        replace(held, partition=PARTITION + 1),
    )
    for other in others:
        path.write_bytes(encoded(other))
        assert unusable(folder) is Unusable.OTHER_TOPICS
    path.unlink()
    path.mkdir()
    assert unusable(folder) is Unusable.DAMAGED


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_while_writing_leaves_the_one_before(
    worker: Follower, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.write(decoded(worker.checkpoint()))
    before = folder.path(TOPICS, PARTITION).read_bytes()

    def fail(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(*((os, "fsync") if step == "fsync" else (Path, "replace")), fail)
    worker.now_ns += 1
    with pytest.raises(OSError, match="no space"):
        folder.write(decoded(worker.checkpoint()))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_what_a_crash_left_half_written_is_swept_and_nothing_else(worker: Follower, tmp_path: Path) -> None:
    folder = CheckpointFolder(tmp_path)
    folder.write(decoded(worker.checkpoint()))
    (tmp_path / "t.trades-0.checkpointabc.part").write_bytes(b"half")
    folder.sweep()
    assert list(tmp_path.iterdir()) == [folder.path(TOPICS, PARTITION)]


# ---------------------------------------------------------------- terms


def put(worker: Follower, checkpoint: Checkpoint) -> None:
    worker.intake.put_state(PARTITION, checkpoint.state, TOPICS)


def fresh(worker: Follower) -> Follower:
    """One that has taken the partition, empty."""
    worker.begin([])
    return worker


def test_a_checkpoint_under_other_terms_is_not_taken_and_changes_nothing(worker: Follower) -> None:
    held = decoded(worker.checkpoint())
    image = held.state.image
    others: list[tuple[str, PartitionImage]] = [
        ("policy", replace(image, rules="other")),
        ("not known", replace(image, instruments=[replace(image.instruments[0], instrument_id="GONE")])),
        ("other terms", replace(image, instruments=[replace(image.instruments[0], multiplier=2.0)])),
        ("other terms", replace(image, instruments=[replace(image.instruments[0], inverse=True)])),
        ("other terms", replace(image, instruments=[replace(image.instruments[0], silo=1)])),
        ("GONE", replace(image, account_ids=["GONE"])),
        ("business_day", replace(image, business_day=image.business_day[:0])),
        ("a silo that", replace(image, security_future_silo=image.security_future_silo + 99)),
        ("held_silo", replace(image, held_silo=image.held_silo[:0])),
        ("does not list", replace(image, held_account=image.held_account + 1)),
        ("other columns", replace(image, trades=replace(image.trades, columns={}))),
        ("fill", replace(image, trades=replace(image.trades, text=image.trades.text[1:]))),
    ]
    for text, other in others:
        again = fresh(worker)
        with pytest.raises(ImageMismatchError, match=text):
            put(again, replace(held, state=replace(held.state, image=other)))
        assert len(again.engine.partitions[PARTITION].trades) == 0
        assert not again.engine.holdings.held.any()
        assert not again.engine.holdings.cash.any()
    put(fresh(worker), held)
    assert len(worker.engine.partitions[PARTITION].trades) == 1


def test_what_an_accounts_record_chose_since_is_followed(worker: Follower) -> None:
    account, trade = {"account_id": ACCOUNTS[0]}, {"trade_id": "F", "version": 1, "instrument_id": "AAPL-F"}
    terms = {"quantity": 2.0, "price": 200.0, "business_date": DAY, "trade_time_ns": 1}
    worker.send("trades", account | trade | terms)
    held = decoded(worker.checkpoint())
    again = fresh(worker)
    for follower in (worker, again):
        record = follower.engine.accounts.records[int(follower.engine.account_slots([ACCOUNTS[0]])[0])]
        follower.engine.put_account(replace(record, security_future_silo="futures"), PARTITION)
    put(again, held)
    again.engine.go_live(PARTITION)
    assert any(silo == SILO_INDEX["futures"] for _, _, silo, *_ in again.shown()["held"])
    for name in ("held", "cash", "trades"):
        assert again.shown()[name] == worker.shown()[name]


def test_an_account_of_another_partition_is_not_taken(worker: Follower) -> None:
    held = decoded(worker.checkpoint())
    again = fresh(worker)
    again.engine.accounts.partition[:] = PARTITION + 1
    with pytest.raises(ImageMismatchError, match=ACCOUNTS[0]):
        put(again, held)


def test_a_checkpoint_names_only_what_it_needs(worker: Follower) -> None:
    image = decoded(worker.checkpoint()).state.image
    assert image.account_ids == [ACCOUNTS[0]]
    assert [terms.instrument_id for terms in image.instruments] == ["SPY"]
    assert len(INSTRUMENTS) > 1
    assert len(ACCOUNTS) > 1


def test_a_partition_that_is_not_live_has_no_checkpoint(worker: Follower) -> None:
    again = fresh(worker)
    assert again.intake.copy_of(PARTITION) is None
    assert again.intake.copy_of(PARTITION + 1) is None
