"""The example consumer sees every event once: aborted ones never, repeated ones not again."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer

from tests.broker.worker_harness import Harness

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/follow_calls.py"


def event(sequence: int, account_id: str = "A", **more: Any) -> dict[str, Any]:
    return {
        "event_id": f"mc-{account_id}-{sequence}", "account_id": account_id, "scope": "silo:futures", "binding": True,
        "sequence": sequence, "state": "issued", "margin_call_amount": "1.00", **more,
    }  # fmt: skip


async def consume(harness: Harness, state: Path) -> tuple[int, list[str], str]:
    """Run the example until it is idle: exit code, event ids printed, what went wrong."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, EXAMPLE, "--bootstrap", harness.bootstrap, "--topic", harness.topics["calls"].name,
        "--state", state, "--idle", "2", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, [line.split()[0] for line in out.decode().splitlines()], err.decode()


async def test_each_event_is_handled_once(harness: Harness, tmp_path: Path) -> None:
    state = tmp_path / "seen.json"
    for sequence in (1, 2, 2):  # the second comes twice
        await harness.send("calls", "A", event(sequence))
    await harness.send("calls", "A", event(7, binding=False, scope="unified:one-pot"))
    producer = AIOKafkaProducer(bootstrap_servers=harness.bootstrap, transactional_id=harness.prefix + "t")
    await producer.start()
    await producer.begin_transaction()
    await producer.send(harness.topics["calls"].name, json.dumps(event(3)).encode(), key=b"A")
    await producer.flush()
    await producer.abort_transaction()
    await producer.stop()
    assert await consume(harness, state) == (0, ["mc-A-1", "mc-A-2"], "")
    await harness.send("calls", "A", event(3))
    await harness.send("calls", "A", event(1))
    assert await consume(harness, state) == (0, ["mc-A-3"], "")
    state.write_text(json.dumps({"offsets": {}, "sequences": json.loads(state.read_text())["sequences"]}))
    assert await consume(harness, state) == (
        0,
        [],
        "",
    )  # its offsets are lost: all comes again, nothing counts
    await harness.send("calls", "A", event(5))
    code, told, err = await consume(harness, state)
    assert (code, told) == (1, [])
    assert "event 5 follows 3" in err
