"""Kernels do without numba's linear algebra, which needs scipy: the product is installed without it."""

from __future__ import annotations

import ast
from collections.abc import Mapping

import pytest

from tests.style.source_tree import modules

ALGEBRA = {"dot", "vdot", "linalg"}


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
    return isinstance(decorator, ast.Name) and decorator.id == "kernel"


def test_kernels_do_without_scipy() -> None:
    assert algebra_in_kernels(modules("engine")) == []


@pytest.mark.parametrize(
    "line", ["return a @ b", "a @= b", "return np.dot(a, b)", "return np.linalg.norm(a)"]
)
def test_algebra_is_found(line: str) -> None:
    assert len(algebra_in_kernels({"engine.x": f"@kernel\ndef f(a, b):\n    {line}\n"})) == 1
    assert algebra_in_kernels({"engine.x": f"def f(a, b):\n    {line}\n"}) == []
