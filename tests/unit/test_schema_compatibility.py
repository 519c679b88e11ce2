"""What a consumer of version 1 of the call event relied on still holds: its schema is frozen in docs/schemas."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from streams.contracts.results import CallEvent
from tests.stories.stories import STORIES
from tests.stories.test_stories import replayed
from tests.stories.timeline import Story

V1 = json.loads((Path(__file__).parents[2] / "docs/schemas/call-event.v1.json").read_text(encoding="utf-8"))
NOW = CallEvent.model_json_schema(mode="serialization")


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_events_of_today_are_events_of_version_1(story: Story, tmp_path: Path) -> None:
    result, _ = replayed([story], tmp_path)
    assert result.calls
    for event in result.calls:
        jsonschema.validate(json.loads(event.model_dump_json()), V1)


@pytest.mark.parametrize("name", sorted({"CallEvent", *V1["$defs"]}))
def test_no_field_of_version_1_is_gone_optional_or_of_another_type(name: str) -> None:
    before = V1 if name == "CallEvent" else V1["$defs"][name]
    now = NOW if name == "CallEvent" else NOW["$defs"][name]
    assert set(before["required"]) <= set(now["required"])
    for field, schema in before["properties"].items():
        assert _bare(now["properties"][field]) == _bare(schema), field


def _bare(schema: Any) -> Any:
    """A schema without what only explains."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if key not in {"description", "title"}}
    return [_bare(value) for value in schema] if isinstance(schema, list) else schema
