"""Whether a Kafka answers: asked by a real metadata request, not by an open port."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

REQUEST_TIMEOUT_MS = 5_000


def answers(bootstrap_servers: str, **security: Any) -> bool:
    """True when the Kafka at `host:port[,host:port]` answers a metadata request with at least one broker.

    ``security``: further options of an aiokafka client.

    Works with and without a running event loop in the calling thread; it blocks for at most a few seconds.
    """
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_answers(bootstrap_servers, security))).result()


async def _answers(bootstrap_servers: str, security: dict[str, Any]) -> bool:
    # A refused connection is an answer here, not an error to report.
    logging.getLogger("aiokafka").addFilter(_drop)
    client = AIOKafkaAdminClient(
        bootstrap_servers=bootstrap_servers, request_timeout_ms=REQUEST_TIMEOUT_MS, **security
    )
    try:
        async with asyncio.timeout(REQUEST_TIMEOUT_MS / 1000):
            await client.start()
            return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
        logging.getLogger("aiokafka").removeFilter(_drop)


def _drop(record: logging.LogRecord) -> bool:
    return False
