"""Inside engine and streams a package imports only what stands before it in the flow; engine stays pure."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from tests.style.source_tree import imports, modules

FLOW = {
    "engine": ("base", "market", "portfolio", "risk", "rules", "shortfall", "state"),
    "streams": (
        *("business_days", "cutoffs", "call_rules", "parameters", "warmup"),
        *("contracts", "inbound", "outbound", "worker"),
        *("broker", "desk", "verify", "simulator", "web", "replay", "span", "demo", "cli"),
    ),
}
# Transport, clock, environment, files, processes: they come in as values or not at all.
IMPURE_MODULES = {
    *("streams", "grafana", "faust", "mode", "aiokafka", "kafka", "confluent_kafka"),
    *("os", "io", "sys", "time", "pathlib", "glob", "shutil", "tempfile", "subprocess", "socket", "signal"),
    *("asyncio", "threading", "multiprocessing", "concurrent", "logging", "random", "secrets", "importlib"),
    *("requests", "aiohttp", "urllib", "http", "click", "rich", "prometheus_client", "pydantic_settings"),
}
# The one place that starts threads; what it is given to run decides nothing by time or order.
EXEMPT = {("engine.base.threads", "concurrent")}
IMPURE_CALLS = {"open", "print", "input"}
IMPURE_METHODS = {"now", "utcnow", "today", "read_text", "write_text", "read_bytes", "write_bytes", "getenv"}


def against_the_flow(sources: Mapping[str, str]) -> list[str]:
    """Imports of a later package of the same tree, and packages that have no place in the flow."""
    faults = []
    for name, source in sources.items():
        top, *below = name.split(".")
        if not below:
            continue
        if below[0] not in FLOW[top]:
            faults.append(f"{name}: {top}.{below[0]} has no place in the flow; give it one in FLOW")
            continue
        place = FLOW[top].index(below[0])
        later = {f"{top}.{package}" for package in FLOW[top][place + 1 :]}
        named = {".".join(target.split(".")[:2]) for target in imports(name, source)}
        faults += [f"{name} imports {target}, which comes later" for target in sorted(named & later)]
    return faults


def impurities(sources: Mapping[str, str]) -> list[str]:
    """Imports and calls in engine that reach outside: Kafka, clock, environment, files."""
    faults = []
    for name, source in sources.items():
        tops = {target.split(".")[0] for target in imports(name, source)}
        faults += [
            f"{name} imports {module}"
            for module in sorted(tops & IMPURE_MODULES)
            if (name, module) not in EXEMPT
        ]
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call) and called(node) in IMPURE_CALLS:
                faults.append(f"{name} line {node.lineno} calls {called(node)}()")
            if isinstance(node, ast.Attribute) and node.attr in IMPURE_METHODS:
                faults.append(f"{name} line {node.lineno} uses .{node.attr}")
    return faults


def called(call: ast.Call) -> str | None:
    return call.func.id if isinstance(call.func, ast.Name) else None


# What the verifier verifies; the plain twins of the rulebooks are its reference, so it may ask them.
VERIFIED = (
    *(
        "engine.state",
        "engine.shortfall",
        "engine.risk",
        "engine.portfolio.ledger",
        "engine.portfolio.holdings",
    ),
    *(
        "streams.inbound",
        "streams.outbound",
        "streams.worker",
        "streams.contracts.codec",
        "streams.contracts.hot",
    ),
)


@pytest.mark.parametrize("top", FLOW)
def test_packages_import_only_what_stands_before_them(top: str) -> None:
    sources = modules(top)
    assert sources
    assert against_the_flow(sources) == []


def test_engine_reaches_nothing_outside() -> None:
    assert impurities(modules("engine")) == []


def test_the_verifier_shares_no_code_with_what_it_verifies() -> None:
    sources = {
        name: source for name, source in modules("streams").items() if name.startswith("streams.verify")
    }
    assert sources
    shared = {
        f"{name} imports {target}"
        for name, source in sources.items()
        for target in imports(name, source)
        if any(target == part or target.startswith(part + ".") for part in VERIFIED)
    }
    assert shared == set()


def test_the_flow_check_finds_faults() -> None:
    made_up = {
        "engine.base.units": "from engine.state.engine import Engine",
        "engine.market.prices": "import engine.base.units\nfrom engine import risk",
        "engine.rules.span": "def late():\n    import engine.shortfall.gap",
        "engine.oddments": "",
    }
    assert against_the_flow(made_up) == [
        "engine.base.units imports engine.state, which comes later",
        "engine.market.prices imports engine.risk, which comes later",
        "engine.rules.span imports engine.shortfall, which comes later",
        "engine.oddments: engine.oddments has no place in the flow; give it one in FLOW",
    ]
    assert against_the_flow({"engine.state.engine": "from engine.base.units import Money"}) == []


def test_the_purity_check_finds_faults() -> None:
    made_up = {
        "engine.base.a": "from os import environ\nimport time",
        "engine.base.b": "from datetime import UTC, datetime\nx = datetime.now(UTC)",
        "engine.base.c": "def f(p):\n    return open(p)",
        "engine.base.d": "def f():\n    from streams.contracts import codec",
    }
    assert impurities(made_up) == [
        "engine.base.a imports os",
        "engine.base.a imports time",
        "engine.base.b line 2 uses .now",
        "engine.base.c line 2 calls open()",
        "engine.base.d imports streams",
    ]
    assert impurities({"engine.base.e": "from datetime import date, time\nimport numpy as np"}) == []
