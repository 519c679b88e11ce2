"""``marginmon margin --crif``: ISDA SIMM of a CRIF."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console

from engine.rules.simm.portfolio import COLLECT, SIDES
from streams.replay.command_errors import FILE
from streams.replay.files import FileError
from streams.replay.simm import LATEST, Choice, margin_crif
from streams.replay.simm_report import print_portfolios

RULEBOOK = "isda-simm"
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
    click.option("--crif", type=FILE, help="Margin this CRIF (CSV or JSON) under ISDA SIMM instead of a book."),
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
    click.option("--explain", is_flag=True, help="With --crif: the figure as a tree of its parts."),
)  # fmt: skip


def simm_options(command: Command) -> Command:
    """The options that ``--crif`` brings."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def run_crif(
    settings: Mapping[str, Any], rulebook_ids: tuple[str, ...], parameters: Path | None, *, as_json: bool
) -> int:
    """Print every portfolio's margin; the exit code: 0, or 1 if a row was refused.

    Raises:
        FileError, MarginError: a bad file or setting.
    """
    file = settings["crif"]
    if set(rulebook_ids) - {RULEBOOK}:
        other = ", ".join(sorted(set(rulebook_ids) - {RULEBOOK}))
        raise FileError(file, "", f"a CRIF cannot be margined under {other}", f"give --rulebook {RULEBOOK}")
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
    lines = [f"refused: {row}" for row in crif.refused]
    lines += [f"passed over: {line}" for line in crif.passed_over]
    lines += [f"left out: column {name}: unknown" for name in crif.unknown]
    lines += [
        f"not charged: portfolio {document['portfolio_id']}: notional of {name} has no factor"
        for document in documents
        for name in document["notionals_without_factor"]
    ]
    for line in lines:
        click.echo(" ".join(f"{file}: {line}".split()), err=True)
    if as_json:
        click.echo(json.dumps(documents, indent=2, ensure_ascii=False))
    else:
        print_portfolios(Console(), documents)
    return 1 if crif.refused else 0
