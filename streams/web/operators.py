"""Who may answer calls through the page: an operator for each token, and how often."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from pydantic import SecretStr

_LEAST_TOKEN: Final = 20  # characters; `openssl rand -base64 24` gives 32
_WINDOW_S: Final = 60.0


def read_tokens(path: Path) -> dict[str, SecretStr]:
    """Lines ``operator token``; empty lines and those that begin with # are left out.

    Raises:
        ValueError: naming file and line, never what stands there.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no UTF-8 text"
        raise ValueError(f"tokens_file: {path} cannot be read: {why}; name a readable file") from None
    tokens: dict[str, SecretStr] = {}
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2 or len(words[1]) < _LEAST_TOKEN or not words[1].isascii():
            raise ValueError(
                f"tokens_file: {path} line {number} is not `operator token` with an ASCII token of at least "
                f"{_LEAST_TOKEN} characters; correct the line"
            )
        if words[0] in tokens or any(words[1] == other.get_secret_value() for other in tokens.values()):
            raise ValueError(f"tokens_file: {path} line {number} repeats an operator or a token; take it out")
        tokens[words[0]] = SecretStr(words[1])
    return tokens


class Operators:
    """Tells operators by their tokens, in a time that does not depend on what was given."""

    def __init__(self, tokens: Mapping[str, SecretStr]) -> None:
        self._tokens = {name: token.get_secret_value().encode() for name, token in tokens.items()}

    def __bool__(self) -> bool:
        return bool(self._tokens)

    def of(self, authorization: str) -> str | None:
        """The operator of an ``Authorization: Bearer`` header; None if the token is nobody's."""
        scheme, _, token = authorization.partition(" ")
        given = token.strip().encode() if scheme.lower() == "bearer" else b""
        found = None
        for name, expected in self._tokens.items():  # all of them, always
            if hmac.compare_digest(given, expected):
                found = name
        return found


class RateLimit:
    """At most so many events a minute for each name; forgets names that were quiet that long."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = most
        self._clock = clock
        self._seen: dict[str, list[float]] = {}

    def full(self, name: str) -> bool:
        """Whether the name has to wait."""
        return len(self._recent(name)) >= self._most

    def count(self, name: str) -> None:
        """One more event."""
        self._seen[name] = [*self._recent(name), self._clock()]

    def _recent(self, name: str) -> list[float]:
        since = self._clock() - _WINDOW_S
        self._seen = {key: times for key, times in self._seen.items() if times[-1] > since}
        return [moment for moment in self._seen.get(name, []) if moment > since]
