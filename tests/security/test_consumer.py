"""The example consumer through TLS, with nothing allowed but its role, from the variables that the product takes."""

from __future__ import annotations

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.broker.test_example_consumer import EXAMPLE, event
from tests.broker.worker_harness import Harness
from tests.security.secure_kafka import SecureKafka, user_of

ROLE = "calls-consumer"


@pytest.fixture
async def harness(secured: SecureKafka, tmp_path: Path) -> AsyncIterator[Harness]:
    """An event on the topic of calls, which the consumer may read."""
    prefix = f"consumer-{uuid.uuid4().hex[:8]}-"
    async with Harness(secured.broker.bootstrap, prefix, tmp_path) as running:
        await asyncio.to_thread(secured.allow, ROLE, running.topics, prefix + "group")
        await running.send("calls", "A", event(1))
        yield running


async def consume(harness: Harness, variables: dict[str, str]) -> tuple[int, str, str]:
    """Run the example until it tells of an event, or ends: exit code (0 if it told), what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-u", EXAMPLE, "--topic", harness.topics["calls"].name,
        "--state", harness.folder / "seen.json",
        env=os.environ | variables, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    async with asyncio.timeout(60):
        told = await process.stdout.readline()
        if told:
            process.terminate()
        out, err = await process.communicate()
    assert process.returncode is not None
    return 0 if told else process.returncode, (told + out).decode(), err.decode()


async def consume_once_allowed(harness: Harness, variables: dict[str, str]) -> tuple[int, str, str]:
    """Grants take effect some time after the broker has taken them."""
    async with asyncio.timeout(60):
        while True:
            code, told, err = await consume(harness, variables)
            if code == 0 or "not authorized" not in err:
                return code, told, err


def password_of(variables: dict[str, str]) -> str:
    return Path(variables["MARGINMON_SASL_PASSWORD_FILE"]).read_text().strip()


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SSL"])
async def test_it_follows_calls_as_its_role(secured: SecureKafka, harness: Harness, protocol: str) -> None:
    code, told, err = await consume_once_allowed(harness, secured.environment(user_of(ROLE), protocol))
    assert (code, told.split()[:1]) == (0, ["mc-A-1"]), err


async def test_a_password_may_stand_in_the_environment(secured: SecureKafka, harness: Harness) -> None:
    variables = secured.environment(user_of(ROLE), "SASL_SSL")
    password = password_of(variables)
    del variables["MARGINMON_SASL_PASSWORD_FILE"]
    code, told, err = await consume_once_allowed(harness, variables | {"MARGINMON_SASL_PASSWORD": password})
    assert (code, told.split()[:1]) == (0, ["mc-A-1"]), err


@pytest.mark.parametrize("wrong", ["role", "password", "authority", "plaintext"])
async def test_it_ends_without_an_event_or_a_secret(
    secured: SecureKafka, harness: Harness, tmp_path: Path, wrong: str
) -> None:
    variables = secured.environment(user_of(ROLE), "SASL_SSL")
    password = password_of(variables)
    if wrong == "role":
        variables = secured.environment(user_of("price-producer"), "SASL_SSL")
    elif wrong == "password":
        password = "wrong-" + password
        (tmp_path / "password").write_text(password)
        variables["MARGINMON_SASL_PASSWORD_FILE"] = str(tmp_path / "password")
    elif wrong == "authority":
        del variables["MARGINMON_TLS_CA_FILE"]
    else:
        variables = {"MARGINMON_BOOTSTRAP": "192.0.2.1:9092"}  # an address of documents, on no network
    code, told, err = await consume(harness, variables)
    assert code == 1
    assert told == ""
    assert password not in err
