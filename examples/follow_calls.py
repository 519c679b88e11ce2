"""How another system follows margin calls: every event once, whatever is restarted.

    pip install aiokafka
    python examples/follow_calls.py --bootstrap 127.0.0.1:9092 --state seen.json

TLS and credentials come from the variables and files that marginmon itself takes (docs/security.md), as the user of
the role `calls-consumer` (`marginmon acls --role calls-consumer`):

    export MARGINMON_SECURITY_PROTOCOL=SASL_SSL MARGINMON_TLS_CA_FILE=ca.pem
    export MARGINMON_SASL_USERNAME=marginmon-calls-consumer MARGINMON_SASL_PASSWORD_FILE=consumer.password
    python examples/follow_calls.py --bootstrap kafka:9093

Three things make it right:

* `isolation_level="read_committed"`: events of transactions that were aborted are never seen.
* The offsets that count are those in our own state file, written together with what was done; no group is needed.
* `event_id` is the same whenever the same event is told again, so what has been seen is dropped. Within a case
  (`account_id`, `scope`) `sequence` rises by one from event to event; a gap would be an error.

It prints one line an event. A real system would put its work where the line is printed, in the transaction that also
stores the state.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.helpers import create_ssl_context


def variable(name: str, default: str = "") -> str:
    return os.environ.get(f"MARGINMON_{name}", default)


def first_line(path: str) -> str:
    """A secret in a file; empty if no file is named."""
    return Path(path).read_text().splitlines()[0].strip() if path else ""


def connection(bootstrap: str) -> dict[str, Any]:
    """How Kafka is reached: options of the client, which hold the password and are shown nowhere."""
    protocol = variable("SECURITY_PROTOCOL", "PLAINTEXT")
    options: dict[str, Any] = {"bootstrap_servers": bootstrap, "security_protocol": protocol}
    if protocol == "PLAINTEXT":
        hosts = {server.strip().rpartition(":")[0] for server in bootstrap.split(",")}
        if not hosts <= {"localhost", "127.0.0.1", "[::1]"} and variable("ALLOW_PLAINTEXT") != "true":
            raise SystemExit(f"{bootstrap}: unencrypted over the network; set MARGINMON_SECURITY_PROTOCOL")
        return options
    # Names of brokers are checked; without a file those who sign are the ones that the system trusts.
    options["ssl_context"] = create_ssl_context(
        cafile=variable("TLS_CA_FILE") or None,
        certfile=variable("TLS_CERT_FILE") or None,
        keyfile=variable("TLS_KEY_FILE") or None,
        password=first_line(variable("TLS_KEY_PASSWORD_FILE")) or None,
    )
    if protocol == "SASL_SSL":
        options |= {
            "sasl_mechanism": variable("SASL_MECHANISM", "SCRAM-SHA-512"),
            "sasl_plain_username": variable("SASL_USERNAME"),
            "sasl_plain_password": variable("SASL_PASSWORD") or first_line(variable("SASL_PASSWORD_FILE")),
        }
    return options


class Seen:
    """Offsets by partition and the last sequence by case, in one file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        stored = json.loads(file.read_text()) if file.exists() else {"offsets": {}, "sequences": {}}
        self.offsets: dict[str, int] = stored["offsets"]
        self.sequences: dict[str, int] = stored["sequences"]

    def is_new(self, event: dict[str, Any]) -> bool:
        """False for an event that was told again.

        Raises:
            ValueError: an event between the last one and this one is missing.
        """
        case = f"{event['account_id']}|{event['scope']}"
        last = self.sequences.get(case, 0)
        if event["sequence"] <= last:
            return False
        if last and event["sequence"] != last + 1:
            raise ValueError(f"{case}: event {event['sequence']} follows {last}")
        self.sequences[case] = event["sequence"]
        return True

    def save(self) -> None:
        """All or nothing: a crash leaves the former file."""
        beside = self._file.with_suffix(".new")
        beside.write_text(json.dumps({"offsets": self.offsets, "sequences": self.sequences}))
        beside.replace(self._file)


async def follow(bootstrap: str, topic: str, seen: Seen, idle_s: float | None) -> None:
    """Handle events until nothing has come for ``idle_s`` seconds; None = for ever."""
    consumer = AIOKafkaConsumer(
        topic, **connection(bootstrap), isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        partitions = consumer.partitions_for_topic(topic) or set()
        consumer.unsubscribe()
        consumer.assign([TopicPartition(topic, number) for number in sorted(partitions)])
        for number in sorted(partitions):
            consumer.seek(TopicPartition(topic, number), seen.offsets.get(str(number), 0))
        timeout_ms = 1000 if idle_s is None else int(1000 * idle_s)
        while True:
            fetched = await consumer.getmany(timeout_ms=timeout_ms)
            if not fetched and idle_s is not None:
                return
            for tp, records in fetched.items():
                for record in records:
                    handle(json.loads(record.value), seen)
                seen.offsets[str(tp.partition)] = records[-1].offset + 1
            seen.save()
    finally:
        await consumer.stop()


def handle(event: dict[str, Any], seen: Seen) -> None:
    """What the system does with an event: here a line of it."""
    if event["binding"] and seen.is_new(event):
        print(
            event["event_id"],
            event["account_id"],
            event["scope"],
            event["state"],
            event["margin_call_amount"],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap", default=variable("BOOTSTRAP", "127.0.0.1:9092"))
    parser.add_argument("--topic", default="margin.calls")
    parser.add_argument("--state", type=Path, default=Path("seen.json"))
    parser.add_argument(
        "--idle", type=float, default=None, help="stop when nothing has come for so many seconds"
    )
    arguments = parser.parse_args()
    asyncio.run(follow(arguments.bootstrap, arguments.topic, Seen(arguments.state), arguments.idle))


if __name__ == "__main__":
    main()
