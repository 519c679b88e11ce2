"""Kernels do without numba's linear algebra, which needs scipy: the product is installed without it.

Kernels that count no references (`in_place`) get no array from what they call: nobody would give it back.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping

import pytest

from tests.style.source_tree import modules

ALGEBRA = {"dot", "vdot", "linalg"}
NUMBERS = {"None", "int", "float", "bool", "tuple", "np.int64"}


def algebra_in_kernels(sources: Mapping[str, str]) -> list[str]:
    """Matrix products and calls of numpy's linear algebra inside functions that are compiled."""
    faults = []
    for name, source in sources.items():
        for function in ast.walk(ast.parse(source)):
            if not isinstance(function, ast.FunctionDef) or not any(map(is_kernel, function.decorator_list)):
                continue
            for node in ast.walk(function):
                product = isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.MatMult)
                if product or (isinstance(node, ast.Attribute) and node.attr in ALGEBRA):
                    faults.append(f"{name} line {node.lineno}: use engine.base.inner")
    return faults


def is_kernel(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id in ("kernel", "in_place")


def arrays_nobody_gives_back(sources: Mapping[str, str]) -> list[str]:
    """Kernels without reference counts that return more than numbers, or call a kernel that does."""
    compiled: dict[tuple[str, str], ast.FunctionDef] = {}
    imported: dict[tuple[str, str], tuple[str, str]] = {}
    for name, source in sources.items():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef) and any(map(is_kernel, node.decorator_list)):
                compiled[name, node.name] = node
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported |= {(name, one.asname or one.name): (node.module, one.name) for one in node.names}
    faults = []
    for (name, _), function in compiled.items():
        if "in_place" not in map(ast.unparse, function.decorator_list):
            continue
        calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
        for used in {function.name} | {call.id for call in calls if isinstance(call, ast.Name)}:
            callee = compiled.get(imported.get((name, used), (name, used)))
            if callee is not None and not returns_numbers(callee):
                faults.append(f"{name} {function.name}: {used} returns an array, make this a kernel")
    return faults


def returns_numbers(function: ast.FunctionDef) -> bool:
    words = re.findall(r"[\w.]+", ast.unparse(function.returns or ast.Constant(None)))
    return set(words) <= NUMBERS


def test_kernels_do_without_scipy() -> None:
    assert algebra_in_kernels(modules("engine")) == []


@pytest.mark.parametrize(
    "line", ["return a @ b", "a @= b", "return np.dot(a, b)", "return np.linalg.norm(a)"]
)
def test_algebra_is_found(line: str) -> None:
    assert len(algebra_in_kernels({"engine.x": f"@kernel\ndef f(a, b):\n    {line}\n"})) == 1
    assert algebra_in_kernels({"engine.x": f"def f(a, b):\n    {line}\n"}) == []


def test_no_array_is_left_with_nobody_to_give_it_back() -> None:
    assert arrays_nobody_gives_back(modules("engine")) == []


@pytest.mark.parametrize("line", ["return float(g(a)[0])", "for b in g(a):\n        pass"])
def test_arrays_left_are_found(line: str) -> None:
    made = "@kernel\ndef g(a) -> Float64s:\n    return a.copy()\n"
    assert (
        len(arrays_nobody_gives_back({"engine.x": f"{made}@in_place\ndef f(a) -> float:\n    {line}\n"})) == 1
    )
    assert arrays_nobody_gives_back({"engine.x": f"{made}@kernel\ndef f(a) -> float:\n    {line}\n"}) == []


def test_an_array_handed_on_is_found() -> None:
    assert (
        len(arrays_nobody_gives_back({"engine.x": "@in_place\ndef f(a) -> Float64s:\n    return a\n"})) == 1
    )
