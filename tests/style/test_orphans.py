"""Every module of the product is used: imported somewhere, named as an entry point, or a program itself."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Mapping

from tests.style.source_tree import PRODUCT, PYTHON, REPOSITORY, imports, modules, packages

ENTRY_POINT = re.compile(r"[a-z_]\w*(?:\.\w+)+(?=:\w+$)")


def orphans(sources: Mapping[str, str], product: Mapping[str, str], entry_points: set[str]) -> list[str]:
    """Modules of the product that no other module imports and that nothing starts."""
    used = set(entry_points)
    holders = packages(sources)
    for name, source in sources.items():
        used |= imports(name, source, is_package=name in holders) - {name}
        used |= named_entry_points(source)
    return [
        name
        for name, source in product.items()
        if name not in used and name not in holders and source.strip() and not is_program(source)
    ]


def named_entry_points(source: str) -> set[str]:
    """Modules named in strings as `module:attribute`, as the command table does."""
    strings = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return {match.group() for text in strings if isinstance(text, str) and (match := ENTRY_POINT.match(text))}


def is_program(source: str) -> bool:
    return 'if __name__ == "__main__":' in source


def script_modules() -> set[str]:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    return {target.split(":")[0] for target in project["scripts"].values()}


def test_no_module_is_an_orphan() -> None:
    product = modules(*PRODUCT)
    assert product
    left = orphans(modules(*PYTHON), product, script_modules())
    assert not left, f"nothing uses {', '.join(left)}"


def test_the_check_finds_an_orphan() -> None:
    product = {
        "engine": "",
        "engine.used": "",
        "engine.left": "x = 1",
        "engine.relative": "x = 1",
        "streams.program": 'if __name__ == "__main__":\n    pass',
        "streams.command": "x = 1",
        "streams.self_import": "import streams.self_import",
        "streams.script": "x = 1",
    }
    users = {"engine.used": "from .relative import x", "streams.cli": 'T = {"c": "streams.command:run"}'}
    assert orphans(product | users, product, {"streams.script"}) == ["engine.left", "streams.self_import"]
