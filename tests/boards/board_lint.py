"""Lint rules for boards in Grafana's classic model.

The first fifteen are dashboard-linter's rules that apply to Prometheus, the others our own. Each takes a
board (parsed JSON) and returns findings, empty if all is well. The linter's two LogQL rules have no use here:
``target-prometheus`` forbids any other data source.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

from grafana.build import BOARD_DIRECTORY
from tests.boards.board_promql import RATE_INTERVAL, selectors

Board = dict[str, Any]
Rule = Callable[[Board], list[str]]
BOARDS: dict[str, Board] = {
    path.name: json.loads(path.read_text("utf-8")) for path in sorted(BOARD_DIRECTORY.glob("*.json"))
}
TEMPLATED = "${datasource}"
UNITS = {"short", "currencyUSD", "percentunit", "s", "ops"}


def panels(board: Board) -> list[dict[str, Any]]:
    """All panels that show data."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def queries(board: Board) -> Iterator[tuple[str, dict[str, Any]]]:
    """(place, query) of every panel target and annotation."""
    for panel in panels(board):
        for target in panel.get("targets", []):
            yield f"panel {panel['title']!r} {target['refId']}", target
    for annotation in board["annotations"]["list"]:
        yield f"annotation {annotation['name']!r}", annotation["target"]


def _variable(board: Board, name: str) -> dict[str, Any]:
    return next((v for v in board["templating"]["list"] if v["name"] == name), {})


def template_datasource(board: Board) -> list[str]:
    sources = [v for v in board["templating"]["list"] if v["type"] == "datasource"]
    wanted = ("datasource", "Data source", "prometheus")
    right = [v for v in sources if (v["name"], v["label"], v["query"]) == wanted]
    return [] if right == sources and sources else ["no single Prometheus variable 'datasource'"]


def _template_label(board: Board, name: str) -> list[str]:
    wanted = {
        "type": "query",
        "label": name.capitalize(),
        "multi": True,
        "includeAll": True,
        "allValue": ".+",
    }
    variable = _variable(board, name)
    found = [
        f"variable {name}: {key} is not {value!r}"
        for key, value in wanted.items()
        if variable.get(key) != value
    ]
    if variable.get("datasource", {}).get("uid") != TEMPLATED:
        found.append(f"variable {name}: data source is fixed")
    return found


def template_job(board: Board) -> list[str]:
    return _template_label(board, "job")


def template_instance(board: Board) -> list[str]:
    return _template_label(board, "instance")


def template_label_promql(board: Board) -> list[str]:
    found = []
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            parts = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"])
            if parts is None or not _parses(parts[1]):
                found.append(f"variable {variable['name']}: {variable['query']}")
    return found


def template_on_time_change_reload(board: Board) -> list[str]:
    variables = [v for v in board["templating"]["list"] if v["type"] == "query"]
    return [f"variable {v['name']}: not reloaded on time change" for v in variables if v.get("refresh") != 2]


def panel_datasource(board: Board) -> list[str]:
    holders = [*panels(board), *board["annotations"]["list"]]
    named = [(holder.get("title") or holder.get("name"), holder) for holder in holders] + list(queries(board))
    return [str(name) for name, holder in named if holder.get("datasource", {}).get("uid") != TEMPLATED]


def panel_title_description(board: Board) -> list[str]:
    form = re.compile(r"\*\*What:\*\* .+\n\n\*\*Bad:\*\* .+\n\n\*\*Do:\*\* .+\.")
    return [
        f"panel {panel['id']} {panel.get('title')!r}"
        for panel in panels(board)
        if not panel.get("title") or not form.fullmatch(panel.get("description", ""))
    ]


def panel_units(board: Board) -> list[str]:
    return [p["title"] for p in panels(board) if p["fieldConfig"]["defaults"].get("unit") not in UNITS]


def panel_no_targets(board: Board) -> list[str]:
    return [panel["title"] for panel in panels(board) if not panel.get("targets")]


def target_prometheus(board: Board) -> list[str]:
    return [
        place for place, query in queries(board) if query.get("datasource", {}).get("type") != "prometheus"
    ]


def target_promql(board: Board) -> list[str]:
    return [
        f"{place}: {query.get('expr')}"
        for place, query in queries(board)
        if not _parses(query.get("expr", ""))
    ]


def _parses(expr: str) -> bool:
    try:
        return bool(selectors(expr))
    except ValueError:
        return False


def target_rate_interval(board: Board) -> list[str]:
    return [
        f"{place}: {selector.metric}[{selector.range}]"
        for place, query in queries(board)
        for selector in selectors(query["expr"])
        if selector.range and selector.range != RATE_INTERVAL
    ]


def _target_matcher(board: Board, label: str) -> list[str]:
    return [
        f'{place}: {selector.metric} has no {label}=~"${label}"'
        for place, query in queries(board)
        for selector in selectors(query["expr"])
        if (label, "MatchOp.Re", f"${label}") not in selector.matchers
    ]


def target_job(board: Board) -> list[str]:
    return _target_matcher(board, "job")


def target_instance(board: Board) -> list[str]:
    return _target_matcher(board, "instance")


def target_counter_agg(board: Board) -> list[str]:
    """Counters and histogram series in rate/increase; a gauge histogram's buckets are gauges."""
    growing = re.compile(r".*_(total|seconds_bucket|seconds_count|seconds_sum)")
    return [
        f"{place}: {selector.metric}"
        for place, query in queries(board)
        for selector in selectors(query["expr"])
        if bool(growing.fullmatch(selector.metric)) != (selector.function in {"rate", "increase"})
    ]


def uneditable(board: Board) -> list[str]:
    return ["board is editable"] if board.get("editable", True) else []


def target_one_view_of_requirement(board: Board) -> list[str]:
    """The requirement is exported per silo and as a total: a query must say which it takes."""
    return [
        place
        for place, query in queries(board)
        for selector in selectors(query["expr"])
        if selector.metric == "marginmon_margin_requirement_usd" and not {"view", "silo"} <= selector.labels()
    ]


def panel_not_by_colour_alone(board: Board) -> list[str]:
    """A threshold colours a figure only where a word (mapping) or a position (dashed line) says it too."""
    return [panel["title"] for panel in panels(board) if _coloured(panel) and not _told_otherwise(panel)]


def _coloured(panel: dict[str, Any]) -> bool:
    return len(panel["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", [])) > 1


def _told_otherwise(panel: dict[str, Any]) -> bool:
    defaults = panel["fieldConfig"]["defaults"]
    words = [option["text"] for m in defaults.get("mappings", []) for option in m["options"].values()]
    line = defaults.get("custom", {}).get("thresholdsStyle", {}).get("mode")
    return bool(words) or line == "dashed"


def panel_layout(board: Board) -> list[str]:
    """Unique ids; nothing beyond 24 columns; no two panels on the same cell."""
    boxes = [(panel["id"], panel["gridPos"]) for panel in board["panels"]]
    found = [f"id {id_} twice" for (id_, _), (other, _) in combinations(boxes, 2) if id_ == other]
    found += [f"{id_} is too wide" for id_, box in boxes if box["x"] + box["w"] > 24]
    found += [f"{a} overlaps {b}" for (a, one), (b, two) in combinations(boxes, 2) if _overlap(one, two)]
    return found


def _overlap(one: dict[str, int], two: dict[str, int]) -> bool:
    across = one["x"] < two["x"] + two["w"] and two["x"] < one["x"] + one["w"]
    return across and one["y"] < two["y"] + two["h"] and two["y"] < one["y"] + one["h"]


def links(board: Board) -> list[str]:
    """The way to the other boards, and from every table row to the web page of the account."""
    dropdown = {"type": "dashboards", "asDropdown": True, "includeVars": True, "keepTime": True}
    found = (
        []
        if any(dropdown.items() <= link.items() for link in board["links"])
        else ["no link to other boards"]
    )
    for panel in panels(board):
        urls = [link["url"] for link in panel["fieldConfig"]["defaults"].get("links", [])]
        if panel["type"] == "table" and not any(
            url.startswith("${ui_url}/accounts/${__data.fields") for url in urls
        ):
            found.append(f"table {panel['title']!r} leads nowhere")
    return found


RULES: dict[str, Rule] = {
    rule.__name__.replace("_", "-"): rule
    for rule in (
        template_datasource, template_job, template_instance, template_label_promql,
        template_on_time_change_reload, panel_datasource, panel_title_description, panel_units,
        panel_no_targets, target_promql, target_rate_interval, target_job, target_instance,
        target_counter_agg, uneditable,
        target_prometheus, target_one_view_of_requirement, panel_not_by_colour_alone, panel_layout, links,
    )
}  # fmt: skip
