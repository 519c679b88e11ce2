"""The API against its own OpenAPI document: generated requests, every answer as documented."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from streams.contracts.topics import TopicTable
from streams.web.openapi import document
from tests.web.live_book import LiveBook, create_topics, producer, publish

TOKEN = "alice-token-0123456789-abcdef"
EXAMPLES = 60
OPERATIONS = [(path, method) for path, methods in document()["paths"].items() for method in methods]


def test_the_document_is_valid() -> None:
    schemas = document()["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    assert len(OPERATIONS) == 5


@pytest.fixture
async def address(
    start_web: Callable[..., tuple[str, Popen[str]]],
    kafka_bootstrap: str,
    topics: TopicTable,
    tmp_path: Path,
) -> str:
    """A page that follows a real log and takes answers."""
    tokens = tmp_path / "tokens"
    tokens.write_text(f"alice {TOKEN}\n")
    await create_topics(kafka_bootstrap, topics)
    book = LiveBook(8)
    events = book.step()
    async with producer(kafka_bootstrap) as sending:
        await publish(sending, topics, book.statements(""), events)
    address, _ = start_web(TOKENS_FILE=str(tokens), ANSWERS_PER_MINUTE="10000", ANSWER_TIMEOUT_S="0.2")
    return address


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_answer_is_as_documented(address: str, path: str, method: str) -> None:
    with httpx.Client(base_url=address) as client:
        served = client.get("/api/openapi.json").json()
    operation = schemathesis.openapi.from_dict(served)[path][method.upper()]

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck), phases=(Phase.generate,),
    )  # fmt: skip
    @given(operation.as_strategy())
    def run(case: Any) -> None:
        case.call_and_validate(
            base_url=address,
            headers={"authorization": f"Bearer {TOKEN}"},
            excluded_checks=[schemathesis.checks.CHECKS.get_one("ignored_auth")],
        )

    run()
