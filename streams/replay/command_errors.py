"""What all file commands share: bad files and settings end in one line and exit code 2; times as options."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import click

from engine.base.errors import MarginError
from streams.replay.files import FileError

P = ParamSpec("P")
R = TypeVar("R")

FILE = click.Path(path_type=Path)
PARAMETERS = click.option(
    "--parameters", type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder whose files replace packaged parameter files.",
)  # fmt: skip
SCENARIOS = click.option(
    "--scenarios", type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Scenario CSV of the unified candidate.",
)  # fmt: skip


def refuse_in_one_line(command: Callable[P, R]) -> Callable[P, R]:
    """Turn a refused file or setting into one line on stderr and exit code 2."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (FileError, MarginError) as error:
            click.echo(" ".join(str(error).split()), err=True)
            raise SystemExit(2) from None

    return run


class Time(click.ParamType):
    """ISO 8601, UTC where no offset is given; as nanoseconds since 1970."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time such as 2013-10-07T13:30:00Z", param, ctx)
        return time_ns(time if time.tzinfo else time.replace(tzinfo=UTC))


def time_ns(time: datetime) -> int:
    """Nanoseconds since 1970 UTC, exact to the microsecond."""
    since = time - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1_000


def time_text(time_ns: int) -> str:
    """``2013-10-07T13:30:00Z``; fractions of a second to the microsecond where there are any."""
    time = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).replace(
        microsecond=time_ns // 1000 % 1_000_000
    )
    return time.isoformat().replace("+00:00", "Z")


class Duration(click.ParamType):
    """``90s``, ``15m``, ``2h``, ``1d``; as nanoseconds."""

    name = "duration"
    _SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}  # noqa: RUF012

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,6})([smhd])", value)
        if match is None:
            self.fail(f"{value!r} is no duration such as 90s, 15m, 2h or 1d", param, ctx)
        return int(match[1]) * self._SECONDS[match[2]] * 1_000_000_000
