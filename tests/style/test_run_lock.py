"""The run lock alone is enough: imports, requirements of requirements, and kernels when they are compiled."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.run_lock import PRODUCT, RUN_LOCK, canonical, locked
from tests.style.source_tree import PRODUCT as PACKAGES
from tests.style.source_tree import REPOSITORY, imports, modules

# What `make demo` installs: extras of pyproject.toml that the run lock is made of.
EXTRAS = ("embedded", "web", "parquet")


def run(program: str) -> subprocess.CompletedProcess[str]:
    """A Python program in which only what the run lock holds can be imported."""
    hidden = f"from tests.run_lock import hide\nhide()\n{program}"
    return subprocess.run(
        [sys.executable, "-c", hidden], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )


def test_all_that_the_product_imports_is_in_the_run_lock() -> None:
    providers = importlib.metadata.packages_distributions()
    for name, source in modules(*PACKAGES).items():
        for imported in imports(name, source):
            top = imported.partition(".")[0]
            if top in sys.stdlib_module_names or top in PACKAGES:
                continue
            distributions = {canonical(distribution) for distribution in providers.get(top, ())}
            assert distributions & locked(), f"{name} imports {top}, which {RUN_LOCK.name} does not hold"


def required(distribution: str, extras: tuple[str, ...] = ("",)) -> Iterator[Requirement]:
    """What a distribution requires on this machine, with extras."""
    for line in importlib.metadata.requires(distribution) or ():
        requirement = Requirement(line)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def test_the_run_lock_holds_the_requirements_of_what_it_holds() -> None:
    """Else `pip install --require-hashes` refuses it, or something is missing when the product runs."""
    waiting = [(PRODUCT, requirement) for requirement in required(PRODUCT, ("", *EXTRAS))]
    seen = set()
    while waiting:
        of, requirement = waiting.pop()
        name = canonical(requirement.name)
        assert name in locked(), f"{of} requires {name}, which {RUN_LOCK.name} does not hold"
        key = (name, *sorted(requirement.extras))
        if key not in seen:
            seen.add(key)
            waiting += [(name, each) for each in required(name, ("", *requirement.extras))]
    assert len(seen) > 20


def test_every_module_loads_with_the_run_lock_alone() -> None:
    names = sorted(name for name in modules(*PACKAGES))
    done = run(f"import importlib\nfor name in {names}: importlib.import_module(name)\nprint(len({names}))")
    assert (done.returncode, done.stdout.split()) == (0, [str(len(names))]), done.stderr


@pytest.mark.parametrize("module", ["pytest", "scipy.linalg"])
def test_what_only_tests_need_is_hidden(module: str) -> None:
    pytest.importorskip(module)
    done = run(f"import {module}")
    assert done.returncode == 1
    assert f"is not in {RUN_LOCK.name}" in done.stderr


@pytest.mark.parametrize(("line", "code"), [("return (a @ a)[0]", 1), ("return (a * a)[0]", 0)])
def test_a_kernel_that_needs_scipy_does_not_compile(line: str, code: int, tmp_path: Path) -> None:
    """So the warm-up that every test of a worker waits for (`warm_kernels`) ends with an error."""
    (tmp_path / "product.py").write_text(
        f"import numpy as np\nfrom engine.base.kernel import kernel\n\n@kernel\ndef f(a):\n    {line}\n"
        "\nf(np.ones((2, 2)))\n"
    )
    done = run(f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport product")
    assert done.returncode == code, done.stderr
    assert ("scipy" in done.stderr) is bool(code)


def test_the_session_compiles_with_the_run_lock_alone() -> None:
    """The one compilation of a test run is the one that hides; another command would prove nothing."""
    [fixture] = [
        node
        for node in ast.parse((REPOSITORY / "tests/conftest.py").read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "warm_kernels"
    ]
    assert "tests.run_lock" in {node.value for node in ast.walk(fixture) if isinstance(node, ast.Constant)}


@pytest.mark.parametrize("file", ["Makefile", ".ci/run"])
def test_kernels_are_not_compiled_for_tests_in_another_way(file: str) -> None:
    """A cache filled with everything installed would hide what the run lock lacks from `warm_kernels`."""
    assert "marginmon warmup" not in (REPOSITORY / file).read_text()
    assert "kernels" in (REPOSITORY / file).read_text()
