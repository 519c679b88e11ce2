"""The OpenAPI document of the JSON API, made from the structures that it answers with."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any, Final

import msgspec

from streams.contracts.intraday import IntradayEventRecord
from streams.contracts.results import CallEvent
from streams.web.account_view import AccountView
from streams.web.answers import MOST_TEXT, AnswerRequest
from streams.web.calls import CallRow
from streams.web.views import SORTS, AccountTable, Overview

_REFERENCE: Final = "#/components/schemas/{name}"
_ERROR: Final = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
_SELECTION: Final = ("sort", "q", "limit")


@cache
def document() -> dict[str, Any]:
    """OpenAPI 3.1."""
    (overview, table, account, row), schemas = msgspec.json.schema_components(
        (Overview, AccountTable, AccountView, CallRow), ref_template=_REFERENCE
    )
    event = CallEvent.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
    granted = IntradayEventRecord.model_json_schema(
        ref_template="#/components/schemas/{model}", mode="serialization"
    )
    definitions = event.pop("$defs") | granted.pop("$defs")
    answer = AnswerRequest.model_json_schema()
    return {
        "openapi": "3.1.0",
        "info": {"title": "marginmon page", "version": version("marginmon")},
        "paths": {
            "/api/overview": {"get": _get("Totals and worst accounts", overview, [*_SELECTION, "calls"])},
            "/api/accounts": {"get": _get("The accounts table", table, _SELECTION)},
            "/api/accounts/{account_id}": {
                "get": _get("One account and its explanation", account, ["account_id"], missing=True)
            },
            "/api/calls": {
                "get": _get("Newest call events", {"type": "array", "items": row}, ["limit_calls", "account"])
            },
            "/api/calls/{call_id}/answers": {"post": _post()},
        },
        "components": {
            "schemas": {
                **schemas,
                **definitions,
                "CallEvent": event,
                "IntradayEventRecord": granted,
                "AnswerRequest": answer,
                "Error": _ERROR,
            },
            "securitySchemes": {"operator": {"type": "http", "scheme": "bearer"}},
        },
    }


def _content(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _answer(description: str, schema: Any) -> dict[str, Any]:
    return {"description": description, "content": _content(schema)}


def _errors(*statuses: tuple[int, str]) -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name="Error")}
    return {str(status): _answer(why, schema) for status, why in statuses}


def _get(summary: str, schema: Any, parameters: list[str] | tuple[str, ...], *, missing: bool = False) -> Any:
    refused = [(404, "not known")] if missing else [(400, "a parameter is out of its bounds")]
    return {
        "summary": summary,
        "parameters": [_PARAMETERS[name] for name in parameters],
        "responses": {"200": _answer("as known now", schema), **_errors(*refused)},
    }


def _post() -> dict[str, Any]:
    event = {
        "type": "object",
        "properties": {
            "event": {
                "oneOf": [
                    {"$ref": _REFERENCE.format(name=name)} for name in ("CallEvent", "IntradayEventRecord")
                ]
            }
        },
        "required": ["event"],
    }
    return {
        "summary": "Answer a call by its call_id, or grant an exception for an intraday deficit by its deficit_id; "
        f"the text, at most {MOST_TEXT} characters, stands in the event",
        "security": [{"operator": []}],
        "parameters": [_path("call_id")],
        "requestBody": {
            "required": True,
            "content": _content({"$ref": _REFERENCE.format(name="AnswerRequest")}),
        },
        "responses": {
            "200": _answer("taken: the event that it made", event),
            **_errors(
                (202, "sent, but no worker has said in time what became of it"),
                (401, "no operator has this token"),
                (403, "from another site, or nobody may answer here"),
                (404, "no case has this call now"),
                (409, "refused by the worker, with its reason"),
                (413, "too long"),
                (415, "not JSON"),
                (422, "not as the schema says"),
                (429, "too many within a minute"),
                (503, "Kafka does not answer"),
            ),
        },
    }


def _path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}


def _query(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "schema": schema}


_PARAMETERS: Final = {
    "sort": _query("sort", enum=list(SORTS), type="string"),
    "q": _query("q", type="string", maxLength=64),
    "limit": _query("limit", type="integer", minimum=1, maximum=500),
    "calls": _query("calls", type="integer", minimum=1, maximum=500),
    "limit_calls": _query("limit", type="integer", minimum=1, maximum=5_000),
    "account": _query("account", type="string"),
    "account_id": _path("account_id"),
}
