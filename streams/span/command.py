"""``marginmon span``: parameter files of SPAN-type margin from files of others."""

from __future__ import annotations

from pathlib import Path

import click

from engine.market.instruments import Instrument
from streams.parameters import read_toml
from streams.replay.book_file import read_book
from streams.replay.command_errors import FILE, PARAMETERS, refuse_in_one_line
from streams.span.parameter_file import FILE_NAME, write_parameters
from streams.span.rate_history import read_histories, with_histories
from streams.span.risk_parameters import converted
from streams.span.risk_text import read_text
from streams.span.risk_xml import read_xml

_OUT = click.option("--out", type=FILE, required=True, help="Folder to write span-futures.toml into.")


@click.group()
def span() -> None:
    """Make parameter files of SPAN-type margin; use them with --parameters FOLDER.

    \b
    Example:
      marginmon span rates Data/future --out parameters
      marginmon span read cme.20261120.s.pa2 --out parameters
    """


@span.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_OUT
@PARAMETERS
@refuse_in_one_line
def rates(folder: Path, out: Path, parameters: Path | None) -> None:
    """Add the outright rates of all CSV files below FOLDER to the parameter file, each with its date.

    The files are those of QuantConnect LEAN (Data/future/*/margins, Apache-2.0): date,initial,maintenance, named by
    symbol. The valuation day decides which rate is in force: margin --as-of, replay and the worker all follow it.
    A symbol that is no commodity of the parameter file is named on stderr and left out.

    \b
    Example:
      marginmon span rates Data/future --out parameters
      marginmon margin book.json --parameters parameters --as-of 2020-03-16T20:00:00Z
    """
    histories = read_histories(folder)
    dated = with_histories(read_toml(FILE_NAME, parameters), histories)
    remarks = [
        "SPAN-type margin with dated rates: maintenance = price scan range, initial of a customer.",
        "Rates: QuantConnect LEAN, Data/future/*/margins, Apache-2.0, from advisories of the exchanges.",
        "Everything else is as in the parameter file that they were added to, `unverified` marks included.",
        *(f"Not used: {symbol}, which is no commodity of it." for symbol in dated.left_out),
    ]
    file = write_parameters(out, dated.mapping, remarks)
    for symbol in dated.left_out:
        click.echo(f"left out: {histories.files[symbol]}: {symbol} is no commodity of {FILE_NAME}", err=True)
    count = sum(len(histories.rates[symbol].rates) for symbol in dated.taken)
    click.echo(f"{file}: {count} rates of {len(dated.taken)} commodities")


@span.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_OUT
@click.option(
    "--instruments",
    type=FILE,
    help="Book whose futures and options on futures take the file's own risk arrays.",
)
@PARAMETERS
@refuse_in_one_line
def read(file: Path, out: Path, instruments: Path | None, parameters: Path | None) -> None:
    """Make the parameter file from an exchange's SPAN risk parameter FILE: XML (.spn) or text (.pa2, expanded).

    Read are combined commodities in USD with their tiers, inter-month spreads, delivery charges, short option minimums
    and factors by account class, and the spreads between them. What cannot be used is named on stderr and in the
    file. Without --instruments options are revalued by the model; with it contracts of the book take the arrays that
    the exchange made.

    \b
    Example:
      marginmon span read cme.20261120.s.pa2 --out parameters --instruments book.json
    """
    risk = read_xml(file) if _is_xml(file) else read_text(file)
    made = converted(risk, read_toml(FILE_NAME, parameters), _held(instruments))
    remarks = [
        f"SPAN-type margin from {file.name}, business date {risk.date}.",
        "The volatility scan range is the widest of the file as a share of its base volatility.",
        *(f"Not used: {line}." for line in made.left_out),
    ]
    written = write_parameters(out, made.mapping, remarks)
    for line in made.left_out:
        click.echo(f"left out: {line}", err=True)
    commodities, arrays = len(made.mapping["commodities"]), len(made.mapping["risk_arrays"])
    click.echo(f"{written}: {commodities} commodities, {arrays} risk arrays")


def _is_xml(file: Path) -> bool:
    with file.open("rb") as content:
        return content.read(64).lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"<")


def _held(book_file: Path | None) -> list[Instrument]:
    """The futures and options on futures of a book."""
    if book_file is None:
        return []
    book, _ = read_book(book_file)
    records = (each for each in book.instruments if each.product in {"future", "future_option"})
    return [each.to_engine() for each in records]
