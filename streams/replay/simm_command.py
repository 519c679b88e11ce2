"""``marginmon margin --crif``: ISDA SIMM or the schedule of a CRIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.rules.simm.portfolio import COLLECT, SIDES
from streams.replay import schedule_crif
from streams.replay.command_errors import FILE
from streams.replay.crif_file import Crif
from streams.replay.crif_groups import add_collections
from streams.replay.files import FileError
from streams.replay.schedule_crif import ScheduleChoice, ScheduleCrif, margin_schedule
from streams.replay.schedule_report import print_schedules
from streams.replay.simm import LATEST, Choice, margin_crif
from streams.replay.simm_report import print_portfolios

RULEBOOK = "isda-simm"
_RULEBOOKS = (RULEBOOK, schedule_crif.RULEBOOK)
Command = TypeVar("Command", bound=Callable[..., Any])


class Rate(click.ParamType):
    """``EUR=1.0842``: USD for one unit of a currency."""

    name = "rate"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        currency, _, text = str(value).partition("=")
        try:
            rate = float(text)
        except ValueError:
            rate = 0.0
        if len(currency) != 3 or not currency.isupper() or not 0.0 < rate < 1e9:
            self.fail(f"{value!r} is no rate such as EUR=1.0842 (USD for one EUR)", param, ctx)
        return currency, rate


def _currency(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if len(value) != 3 or not value.isalpha() or not value.isupper():
        raise click.BadParameter(f"{value!r} is no currency of three capitals such as USD")
    return value


_OPTIONS = (
    click.option(
        "--crif", type=FILE,
        help="Margin this CRIF (CSV or JSON) instead of a book, under --rulebook isda-simm [default] or schedule-im.",
    ),
    click.option("--version", default=LATEST, show_default=True, help="With --crif: version of the model."),
    click.option(
        "--horizon", type=click.Choice(["10d", "1d"]), default="10d", show_default=True, help="With --crif."
    ),
    click.option(
        "--side", type=click.Choice(SIDES), default=COLLECT, show_default=True,
        help="With --crif: whose figure stands on top; the other side's is beside it.",
    ),
    click.option(
        "--currency", default="USD", show_default=True, callback=_currency,
        help="With --crif: of the result; other than USD needs its --fx.",
    ),
    click.option(
        "--calculation-currency", default="USD", show_default=True, callback=_currency,
        help="With --crif: FX risk is measured against it.",
    ),
    click.option(
        "--fx", type=Rate(), multiple=True, metavar="CCY=USD",
        help="With --crif: USD for one unit, for rows without AmountUSD and for the result.",
    ),
    click.option(
        "--day-first", is_flag=True, help="With --crif under schedule-im: dates are 23/08/2022, not 2022-08-23."
    ),
    click.option(
        "--groups", type=FILE,
        help="With --crif: counterparties' groups (TOML); adds what threshold and minimum transfer leave to move.",
    ),
    click.option("--explain", is_flag=True, help="With --crif: the figure as a tree of its parts."),
)  # fmt: skip


def simm_options(command: Command) -> Command:
    """The options that ``--crif`` brings."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run_crif(
    settings: Mapping[str, Any],
    rulebook_ids: tuple[str, ...],
    parameters: Path | None,
    as_of_ns: int | None,
    *,
    as_json: bool,
) -> int:
    """Print every portfolio's margin; the exit code: 0, or 1 if a row was refused.

    Raises:
        FileError, MarginError: a bad file or setting.
    """
    file = settings["crif"]
    chosen = rulebook_ids or (RULEBOOK,)
    if len(set(chosen)) > 1 or chosen[0] not in _RULEBOOKS:
        other = ", ".join(sorted(set(chosen)))
        remedy = f"give --rulebook {' or '.join(_RULEBOOKS)}"
        raise FileError(file, "", f"a CRIF cannot be margined under {other}", remedy)
    as_of = (
        None if as_of_ns is None else datetime.fromtimestamp(as_of_ns // NANOSECONDS_PER_SECOND, UTC).date()
    )
    under = _schedule if chosen[0] == schedule_crif.RULEBOOK else _simm
    documents, lines, show, refused = under(file, settings, parameters, as_of)
    if settings["groups"] is not None:
        units = 1.0 if settings["currency"] == "USD" else 1.0 / dict(settings["fx"])[settings["currency"]]
        lines += add_collections(settings["groups"], documents, units, as_of, parameters)
    for line in lines:
        click.echo(" ".join(f"{file}: {line}".split()), err=True)
    if as_json:
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
    else:
        show(Console(), documents)
    return 1 if refused else 0


Margined = tuple[list[dict[str, Any]], list[str], Callable[[Console, list[dict[str, Any]]], None], bool]


def _simm(file: Path, settings: Mapping[str, Any], parameters: Path | None, as_of: date | None) -> Margined:
    choice = Choice(
        version=settings["version"],
        days=int(settings["horizon"].removesuffix("d")),
        side=settings["side"],
        currency=settings["currency"],
        calculation_currency=settings["calculation_currency"],
        usd_per_unit=dict(settings["fx"]),
        with_explanation=settings["explain"],
    )
    documents, crif = margin_crif(file, choice, parameters)
    lines = _left_out(crif)
    lines += [
        f"not charged: portfolio {document['portfolio_id']}: notional of {name} has no factor"
        for document in documents
        for name in document["notionals_without_factor"]
    ]
    return documents, lines, print_portfolios, bool(crif.refused)


def _schedule(
    file: Path, settings: Mapping[str, Any], parameters: Path | None, as_of: date | None
) -> Margined:
    if settings["currency"] != "USD":
        raise FileError(file, "", "the schedule is given in USD", "leave --currency out")
    choice = ScheduleChoice(
        side=settings["side"],
        as_of=as_of,
        day_first=settings["day_first"],
        usd_per_unit=dict(settings["fx"]),
        with_explanation=settings["explain"],
    )
    documents, crif = margin_schedule(file, choice, parameters)
    lines = _left_out(crif)
    lines += [f"worth nothing: {line}" for line in crif.without_value]
    return documents, lines, print_schedules, bool(crif.refused)


def _left_out(crif: Crif | ScheduleCrif) -> list[str]:
    """What of the file is in no figure, a line each."""
    lines = [f"refused: {row}" for row in crif.refused]
    lines += [f"passed over: {line}" for line in crif.passed_over]
    return lines + [f"left out: column {name}: unknown" for name in crif.unknown]
