"""``marginmon span``: parameter files of SPAN-type margin from files of others."""

from __future__ import annotations

from pathlib import Path

import click

from streams.parameters import read_toml
from streams.replay.command_errors import FILE, PARAMETERS, refuse_in_one_line
from streams.span.parameter_file import FILE_NAME, write_parameters
from streams.span.rate_history import read_histories, with_histories

_OUT = click.option("--out", type=FILE, required=True, help="Folder to write span-futures.toml into.")


@click.group()
def span() -> None:
    """Make parameter files of SPAN-type margin; use them with --parameters FOLDER.

    \b
    Example:
      marginmon span rates Data/future --out parameters
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
