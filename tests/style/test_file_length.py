"""Long files are pointed out, very long ones refused: one concept a file reads best at 60 to 250 lines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import pytest

from tests.style.source_tree import PYTHON, modules

SECOND_LOOK_LINES = 500
LIMIT_LINES = 800


def lengths(sources: Mapping[str, str], over_lines: int) -> dict[str, int]:
    """Module -> its number of lines, for those above the bound."""
    counted = {name: len(source.splitlines()) for name, source in sources.items()}
    return {name: count for name, count in counted.items() if count > over_lines}


def test_no_file_is_beyond_the_limit() -> None:
    sources = modules(*PYTHON)
    assert sources
    for name, count in lengths(sources, SECOND_LOOK_LINES).items():
        warnings.warn(f"{name} has {count} lines: does it hold more than one concept?", stacklevel=1)
    assert lengths(sources, LIMIT_LINES) == {}


@pytest.mark.parametrize(("count", "over"), [(500, False), (501, True)])
def test_the_count_is_exact_at_the_bound(count: int, over: bool) -> None:
    assert bool(lengths({"engine.long": "x = 1\n" * count}, SECOND_LOOK_LINES)) is over
