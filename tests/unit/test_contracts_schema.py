"""One contract, two decoders: the msgspec structs accept exactly what the pydantic models accept."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from msgspec import Struct

from streams.contracts import codec
from streams.contracts.activity import CollateralRecord, PositionsRecord, PriceRecord, TradeRecord
from streams.contracts.base import Message
from streams.contracts.hot import HotCollateral, HotPositions, HotPrice, HotTrade
from streams.contracts.topics import TopicTable

PAIRS: list[tuple[type[Message], type[Struct], codec.Codec[Any]]] = [
    (TradeRecord, HotTrade, codec.TRADES),
    (CollateralRecord, HotCollateral, codec.COLLATERAL),
    (PriceRecord, HotPrice, codec.PRICES),
    (PositionsRecord, HotPositions, codec.POSITIONS),
]
GOOD: dict[type[Message], dict[str, Any]] = {
    TradeRecord: {
        "trade_id": "t1", "version": 1, "account_id": "A1", "instrument_id": "SPY", "quantity": -100.0,
        "price": 412.5, "status": "new", "business_date": "2026-11-20", "trade_time_ns": 1, "silo": None,
    },
    CollateralRecord: {
        "collateral_id": "c1", "version": 0, "account_id": "A1", "silo": "futures", "instrument_id": None,
        "currency": "USD", "quantity": 1e6, "status": "cancelled", "business_date": "2026-11-20",
        "time_ns": 5, "location": "bank", "released_instrument_id": "T", "released_currency": None,
        "released_quantity": 2.0,
    },
    PriceRecord: {
        "instrument_id": "SPY", "bid": 1.0, "ask": None, "mark": 2.0, "implied_vol": 0.2,
        "source_time_ns": 9, "sequence": 4,
    },
    PositionsRecord: {
        "account_id": "A1", "business_date": "2026-11-20", "as_of_ns": 3, "part": 1, "parts": 2,
        "positions": [{"instrument_id": "X", "quantity": 3.0, "reference_price": 1.0, "silo": "futures"}],
        "cash": [{"silo": "futures", "currency": "USD", "amount": 5.0}],
        "collateral": [{"silo": "futures", "instrument_id": "T", "quantity": 2.0, "location": ""}],
    },
}  # fmt: skip


def essence(schema: Any, definitions: dict[str, Any]) -> Any:
    """A JSON Schema without titles, descriptions, names of definitions and ways of writing the same."""
    if isinstance(schema, list):
        return [essence(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return essence(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    clean = {
        key: ({name: essence(part, definitions) for name, part in value.items()}
              if key == "properties" else essence(value, definitions))
        for key, value in schema.items()
        if key not in {"title", "description", "$defs"}
    }  # fmt: skip
    if "enum" in clean or "required" in clean:
        clean = {k: sorted(v) if k in {"enum", "required"} else v for k, v in clean.items()}
    if "enum" in clean:
        clean.pop("type", None)
    if clean.get("type") == "integer" and "exclusiveMaximum" in clean:
        clean["maximum"] = clean.pop("exclusiveMaximum") - 1
    if "anyOf" in clean:
        clean["anyOf"] = sorted(clean["anyOf"], key=lambda part: json.dumps(part, sort_keys=True))
    return json.loads(json.dumps(clean))


@pytest.mark.parametrize(("model", "struct", "_codec"), PAIRS, ids=lambda part: getattr(part, "__name__", ""))
def test_schemas_are_the_same(model: type[Message], struct: type[Struct], _codec: Any) -> None:
    ours = msgspec.json.schema(struct)
    theirs = model.model_json_schema()
    assert essence(ours, ours["$defs"]) == essence(theirs, theirs.get("$defs", {}))


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=4), st.just([]), st.just({}), st.just("x" * 129), st.just(""),
    st.sampled_from(
        ["2026-02-30", "20261120", "2026-W01-1", "٢٠٢٦-01-01", "2026-11-20\n", "USD", "usd", "futures",
         "bonds", "new", "cancelled", "done"]
    ),
    st.sampled_from([0, 1, 2, 10_000, 10_001, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 1e9, 1e9 + 1, 1e12, 2e12]),
)  # fmt: skip


def mutate(value: Any, steps: list[Any], odd: Any) -> Any:
    """Replace one leaf, chosen by the steps, by an odd value; a step past the end drops the field."""
    value = json.loads(json.dumps(value))
    node, walked = value, [*steps]
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        choice = walked.pop(0) % (len(keys) + 1)
        if choice == len(keys):
            (node.pop(keys[0]) if isinstance(node, dict) else node.append(odd)) if keys else node
            return value
        child = node[keys[choice]]
        if isinstance(child, (dict, list)) and child and walked:
            node = child
            continue
        node[keys[choice]] = odd
        return value


def hot_verdict(model: type[Message], struct_codec: codec.Codec[Any], raw: bytes, key: bytes) -> Any:
    decoded = struct_codec.decode([codec.Raw(key, raw)])
    return decoded.messages[0] if decoded.messages else decoded.faults[0][1]


@settings(max_examples=400, deadline=None)
@given(which=st.sampled_from(PAIRS), steps=st.lists(st.integers(0, 20), min_size=4, max_size=4), odd=ODD)
def test_both_decoders_give_the_same_verdict_and_value(which: Any, steps: list[int], odd: Any) -> None:
    model, _, hot = which
    fields = mutate(GOOD[model], steps, odd)
    raw = json.dumps(fields).encode()
    plain = codec.decode_model(model, raw)
    expected_key = expected_key_of(model, plain)
    verdict = hot_verdict(model, hot, raw, expected_key)
    if isinstance(plain, codec.Fault):
        assert isinstance(verdict, codec.Fault)
        assert verdict.reason in {"MALFORMED", "WRONG_TYPE", "OUT_OF_RANGE"}
    else:
        assert json.loads(msgspec.json.encode(verdict)) == json.loads(plain[0].model_dump_json())


def expected_key_of(model: type[Message], plain: Any) -> bytes:
    if isinstance(plain, codec.Fault):
        return b""
    message = plain[0]
    if model is PriceRecord:
        return str(message.instrument_id).encode()
    if model is PositionsRecord and message.parts > 1:
        return f"{message.account_id}|{message.part}".encode()
    return str(message.account_id).encode()


@pytest.mark.parametrize("topic", [topic for topic in TopicTable() if topic.model], ids=lambda t: t.name)
def test_every_schema_is_valid_json_schema(topic: Any) -> None:
    for mode in ("validation", "serialization"):
        Draft202012Validator.check_schema(topic.model.model_json_schema(mode=mode))


def test_a_written_money_amount_validates_against_the_published_schema() -> None:
    from streams.contracts.results import NamedAmount

    written = json.loads(NamedAmount(name="netting_effect", amount="12.30").model_dump_json())
    assert written["amount"] == "12.30"
    Draft202012Validator(NamedAmount.model_json_schema(mode="serialization")).validate(written)
