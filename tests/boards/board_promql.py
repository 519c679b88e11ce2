"""PromQL for the board tests: Grafana's variables filled in, selectors with the calls around them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser as promql

# What Grafana would put in; no expression writes these ranges itself, so they can be recognised when parsed.
RATE_INTERVAL = "4m51s"
_DURATIONS = {"$__rate_interval": RATE_INTERVAL, "$__interval": "1m53s", "$__range": "6h7m"}


@dataclass(frozen=True)
class Selector:
    """A selected metric, its matchers, its range ("" if instant) and the function applied to it."""

    metric: str
    matchers: frozenset[tuple[str, str, str]]
    range: str
    function: str

    def labels(self) -> set[str]:
        return {label for label, _, _ in self.matchers}


def filled(expr: str) -> str:
    """The expression with Grafana's durations replaced; label variables are strings already."""
    for variable, duration in _DURATIONS.items():
        expr = expr.replace(variable, duration)
    return expr


def selectors(expr: str) -> list[Selector]:
    """Every selector of the expression; raises ValueError if it does not parse."""
    return list(_walk(promql.parse(filled(expr)), function=""))


def metrics(expr: str) -> set[str]:
    """Names of the metrics that the expression reads."""
    return {selector.metric for selector in selectors(expr)}


def _walk(node: promql.Expr, function: str) -> Iterator[Selector]:
    match node:
        case promql.VectorSelector():
            yield _selector(node, "", "")
        case promql.MatrixSelector():
            span = promql.display_duration(node.range)
            yield _selector(node.vector_selector, span, function)
        case promql.Call():
            for argument in node.args:
                yield from _walk(argument, node.func.name)
        case promql.BinaryExpr():
            yield from _walk(node.lhs, "")
            yield from _walk(node.rhs, "")
        case promql.NumberLiteral() | promql.StringLiteral():
            return
        case promql.AggregateExpr() | promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _walk(node.expr, "")
        case _:
            raise TypeError(f"PromQL node {type(node).__name__} is not handled by the board tests")


def _selector(node: promql.VectorSelector, span: str, function: str) -> Selector:
    matchers = frozenset((m.name, str(m.op), m.value) for m in node.matchers.matchers)
    return Selector(node.name or "", matchers, span, function)


def base_name(metric: str, documented: set[str]) -> str:
    """The documented metric that a histogram's series belongs to; the name itself for anything else."""
    base = re.sub(r"_(bucket|sum|count|gsum|gcount)$", "", metric)
    return base if metric not in documented and base in documented else metric
