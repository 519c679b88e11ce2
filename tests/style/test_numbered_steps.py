"""The steps of taking, publishing and committing bear the same numbers in docs/guarantees.md and in the code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.style.source_tree import REPOSITORY

ROW = re.compile(r"^\| (\d+) \| .* \| `([\w/.]+\.py)`", re.MULTILINE)


def unnumbered(page: str, sources: Mapping[str, str]) -> list[str]:
    """Steps of the page that the file named first beside them does not mark with a comment."""
    rows = [(int(number), path) for number, path in ROW.findall(page)]
    faults = [
        f"step {number} stands at place {place}"
        for place, (number, _) in enumerate(rows, 1)
        if number != place
    ]
    faults += [
        f"{path} does not mark step {number}"
        for number, path in rows
        if not re.search(rf"#.*\bstep {number}\b", sources[path])
    ]
    return faults


def test_every_step_is_marked_in_the_code() -> None:
    page = (REPOSITORY / "docs" / "guarantees.md").read_text()
    paths = {path for _, path in ROW.findall(page)}
    assert len(ROW.findall(page)) >= 10
    assert unnumbered(page, {path: (REPOSITORY / path).read_text() for path in paths}) == []


def test_the_check_finds_faults() -> None:
    page = "| 1 | fence | `a.py` |\n| 3 | read | `a.py`, `b.py` |\n"
    assert unnumbered(page, {"a.py": "start()  # step 1"}) == [
        "step 3 stands at place 2",
        "a.py does not mark step 3",
    ]
