"""``marginmon verify``: what was published, held against what came in."""

from __future__ import annotations

from pathlib import Path

import click

from engine.base.errors import MarginError
from streams.contracts.command import CONNECTION, PREFIX, or_exit
from streams.contracts.connection import Connection
from streams.contracts.topics import DEFAULT_PARTITIONS, TopicTable
from streams.verify.logs import DEFAULT_SAMPLE
from streams.verify.report import NOT_CHECKED
from streams.verify.verify import Extent, verify

_SHOWN = 20


@click.command("verify")
@CONNECTION
@PREFIX
@click.option(
    "--partitions", type=click.IntRange(1, 10_000), envvar="MARGINMON_PARTITIONS", default=DEFAULT_PARTITIONS,
    show_default=True, help="Partitions of the topics that are split by account.",
)  # fmt: skip
@click.option(
    "--settled", is_flag=True,
    help="Nothing is under way: what is not called, ended, answered or refused by now counts as lost.",
)  # fmt: skip
@click.option(
    "--sample", type=click.IntRange(0), default=DEFAULT_SAMPLE, show_default=True,
    help="Most events and statements whose figures are recomputed.",
)  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Of the sample.")
@click.option(
    "--parameters", type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the worker's own parameter files.",
)  # fmt: skip
@click.option(
    "--scenarios", type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The worker's scenario file for the unified candidate.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The whole report as one JSON object.")
def verify_command(
    connection: Connection, prefix: str, partitions: int, settled: bool, sample: int, seed: int,
    parameters: Path | None, scenarios: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """Verify calls, evidence, intraday deficits and statements from the topics alone.

    Shares no code with the worker's ledger, evaluation or call decision. Exit code 0: no contradiction, 1: the first
    one is named on stderr, 2: the topics cannot be read.

    \b
    Example:
      marginmon verify --settled --json
    """
    extent = Extent(settled, sample, seed, parameters, scenarios)
    try:
        report = or_exit(connection, verify(connection, TopicTable(prefix, partitions), extent))
    except MarginError as error:
        click.echo(str(error), err=True)
        raise SystemExit(2) from None
    if as_json:
        click.echo(report.to_json())
    else:
        for name, count in sorted(report.checked.items()):
            click.echo(f"{count:>9,}  {name}")
        for name, count in report.counts().items():
            click.echo(f"{count:>9,}  {name}")
        for name in NOT_CHECKED:
            click.echo(f"not checked: {name}")
        for contradiction in report.contradictions[1:_SHOWN]:
            click.echo(str(contradiction))
    if report.contradictions:
        click.echo(f"contradiction: {report.contradictions[0]}", err=True)
        raise SystemExit(1)
