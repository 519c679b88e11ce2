"""No note to self, no path of somebody's machine, no address of a package registry in any tracked file."""

from __future__ import annotations

import re

import pytest

from tests.style.source_tree import texts

# Written in pieces, so that this file does not find itself.
NOTES_TO_SELF = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:work|farm|root|home/\w+|Users/\w+)" + "/")
REGISTRIES = re.compile(
    "|".join(
        (
            "--(?:extra-)?index-" + "url",
            "--find-" + "links [/h.]",
            "/mav" + "en2",
            r"pypi\.(?:" + "org|python)",
            "python" + r"hosted\.org",
            r"maven\." + "(?:org|apache)",
            "/simp" + "le/",
            r"npm" + r"js\.(?:org|com)",
        )
    )
)
CHECKS = {"note to self": NOTES_TO_SELF, "machine path": MACHINE_PATHS, "registry address": REGISTRIES}


def found(kind: str, text: str) -> list[str]:
    """`line: content` of every line with a thing of this kind."""
    lines = enumerate(text.splitlines(), start=1)
    return [f"{number}: {line.strip()[:100]}" for number, line in lines if CHECKS[kind].search(line)]


@pytest.mark.parametrize("kind", CHECKS)
def test_no_tracked_file_has(kind: str) -> None:
    files = dict(texts())
    assert files
    assert [f"{path}:{line}" for path, text in files.items() for line in found(kind, text)] == []


@pytest.mark.parametrize(
    ("kind", "bad", "good"),
    [
        ("note to self", "# TO" + "DO: later", "MASTODON"),
        ("note to self", "FIX" + "ME", "prefixed"),
        ("machine path", 'open("/ro' + 'ot/x")', "grafana/boards and ../shared/notes/x"),
        ("machine path", "cd /ho" + "me/somebody/x", "the page /home and /tmp"),
        ("registry address", "--index-" + "url https://x", "index_url"),
        ("registry address", "https://py" + "pi.org/p", "on PyPI"),
        ("registry address", "repo.maven." + "apache.org", "Maven Central"),
    ],
)
def test_the_check_tells_bad_from_good(kind: str, bad: str, good: str) -> None:
    assert found(kind, f"first\n{bad}") == [f"2: {bad}"]
    assert found(kind, good) == []
