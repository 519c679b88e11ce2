"""The AsyncAPI 3.0 document of all topics, generated from the topic table and the models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from streams.contracts.base import Message
from streams.contracts.topics import Topic, TopicTable

ASYNCAPI_VERSION: Final = "3.0.0"
CONTRACT_VERSION: Final = "1.1.0"
_KAFKA_BINDING_VERSION: Final = "0.5.0"
_WRITTEN: Final = ("calls", "call-cases", "call-evidence", "intraday-deficits", "requirements")


def document(table: TopicTable) -> dict[str, Any]:
    """AsyncAPI 3.0: a channel per topic, a message per model, the worker's receive and send operations."""
    models = {topic.model.__name__: topic.model for topic in table if topic.model is not None}
    schemas: dict[str, Any] = {}
    for name, model in sorted(models.items()):
        schemas.update(_schemas(name, model))
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "marginmon topics",
            "version": CONTRACT_VERSION,
            "description": "Values are UTF-8 JSON. Unknown fields are ignored and counted.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {_short(table, topic): _channel(table, topic) for topic in table},
        "operations": dict(_operation(table, topic) for topic in table),
        "components": {
            "messages": {name: _message(name, model) for name, model in sorted(models.items())}
            | {"DeadLetter": _DEAD_LETTER},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _short(table: TopicTable, topic: Topic) -> str:
    return topic.name.removeprefix(table.prefix)


def _message_name(topic: Topic) -> str:
    return topic.model.__name__ if topic.model is not None else "DeadLetter"


def _channel(table: TopicTable, topic: Topic) -> dict[str, Any]:
    name = _message_name(topic)
    configuration: dict[str, Any] = {"cleanup.policy": [topic.cleanup_policy]}
    if topic.cleanup_policy == "delete":
        configuration["retention.ms"] = topic.retention_ms
    return {
        "address": topic.name,
        "description": f"{topic.description}; key: {topic.key}",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": configuration,
                "bindingVersion": _KAFKA_BINDING_VERSION,
            }
        },
    }


def _operation(table: TopicTable, topic: Topic) -> tuple[str, dict[str, Any]]:
    short = _short(table, topic)
    action = "send" if topic.model is None or short in _WRITTEN else "receive"
    return f"{action}-{short}", {
        "action": action,
        "channel": {"$ref": f"#/channels/{short}"},
        "summary": topic.description,
    }


def _message(name: str, model: type[Message]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": name,
        "contentType": "application/json",
        "summary": (model.__doc__ or name).strip().splitlines()[0].replace("``", ""),
        "payload": {"$ref": f"#/components/schemas/{name}"},
    }
    if name in _EVENT_TYPES:
        described["headers"] = _cloudevents(_EVENT_TYPES[name])
    return described


def _schemas(name: str, model: type[Message]) -> dict[str, Any]:
    """The model's JSON Schema and those it refers to, under ``#/components/schemas``."""
    schema = model.model_json_schema(mode="serialization", ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    return {name: schema, **nested}


def _string_headers(names: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": "string", "description": text} for name, text in names.items()},
        "required": list(names),
    }


_EVENT_TYPES: Final = {
    "CallEvent": "marginmon.call.<state>",
    "IntradayEventRecord": "marginmon.intraday_deficit.<reason, lower case>",
}


def _cloudevents(kind: str) -> dict[str, Any]:
    return _string_headers(
        {
            "ce_specversion": "1.0",
            "ce_id": "event_id: the same event always has the same, so that a consumer may drop what it has seen",
            "ce_source": "marginmon worker and partition",
            "ce_type": kind,
            "ce_time": "as_of in ISO 8601",
            "ce_subject": "account_id",
            "content-type": "application/json",
        }
    )


_DEAD_LETTER: Final[dict[str, Any]] = {
    "name": "DeadLetter",
    "summary": "A record that could not be used, untouched, and why in further headers.",
    "payload": {"description": "the original value, whatever it was"},
    "headers": _string_headers(
        {
            "dlq.reason": "named reason, e.g. MALFORMED",
            "dlq.error": "what is wrong, in words",
            "dlq.topic": "where it was read",
            "dlq.partition": "where it was read",
            "dlq.offset": "where it was read",
            "dlq.time": "when it was refused, ISO 8601",
        }
    ),
}


def write(path: Path) -> None:
    """Write the document of the default table."""
    path.write_text(json.dumps(document(TopicTable()), indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path("docs/asyncapi.json"))
