"""Where the example of October 2013 stands, and its commands' arguments."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from streams.cli import main

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "2013-10-07"
WINDOW = ["--from", "2013-10-07T13:31:00Z", "--to", "2013-10-08T20:00:00Z"]
_FACTORS = [
    "EQ:SPX=eq_spy.csv:adj_close", "EQ:IBM=eq_ibm.csv:adj_close", "EQ:BAC=eq_bac.csv:adj_close",
    "CMD:GOLD=gold_oanda_xauusd.csv",
]  # fmt: skip
_MARKET = [
    "equity_minute_20131007.csv", "future_minute_20131007.csv.gz", "equity_minute_20131008.csv",
    "future_minute_20131008.csv.gz",
]  # fmt: skip


def build_scenarios(reference: Path, folder: Path) -> Path:
    """The scenario set as the README's first command builds it."""
    out = folder / "scenarios.csv"
    factors = [text for factor in _FACTORS for text in ("--factor", factor)]
    result = CliRunner().invoke(
        main,
        [
            "scenarios", "build", "--history", str(reference / "market_daily"), *factors, "--from", "2008-01-01",
            "--to", "2013-10-04", "--count", "1350", "--horizon", "2", "--label", "observed-2008-2013",
            "--out", str(out),
        ],
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    return out


def book_arguments(scenarios: Path) -> list[str]:
    return [
        "--book", str(EXAMPLE / "book.json"), "--parameters", str(EXAMPLE / "parameters"),
        "--scenarios", str(scenarios),
    ]  # fmt: skip


def market_files(reference: Path) -> list[Path]:
    return [reference / "market_intraday" / name for name in _MARKET]


def market_arguments(reference: Path) -> list[str]:
    return [text for file in market_files(reference) for text in ("--market", str(file))]
