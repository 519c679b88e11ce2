"""ISDA SIMM by the Open Source Risk Engine, run as a program of its own on a CRIF: the oracle of tests and benchmarks.

::

    python tests/simm_oracle.py VERSION DAYS CALCULATION_CURRENCY CRIF.csv     (tab-separated CRIF)

Versions 2.5 and 2.7, portfolios with regulations and calculation currencies other than USD are reached through the
engine's application (that of 1.8.17 cannot build 2.8+2512), the others through its classes. These take buckets from a
mapper by qualifier, so a qualifier must have one bucket per risk type.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

CLASSES = {
    "2.6": "SimmConfiguration_ISDA_V2_6",
    "2.7+2412": "SimmConfiguration_ISDA_V2_7_2412",
    "2.8+2506": "SimmConfiguration_ISDA_V2_8_2506",
    "2.8+2512": "SimmConfiguration_ISDA_V2_8_2512",
}
COLUMNS = (
    "TradeID", "PortfolioID", "ProductClass", "RiskType", "Qualifier", "Bucket", "Label1", "Label2",
    "AmountCurrency", "Amount", "AmountUSD", "collect_regulations", "post_regulations",
)  # fmt: skip
PRODUCT_CLASSES = ("RatesFX", "Credit", "Equity", "Commodity", "All")
RISK_CLASSES = (
    "InterestRate", "CreditQualifying", "CreditNonQualifying", "Equity", "Commodity", "FX", "All"
)  # fmt: skip
MARGIN_TYPES = ("Delta", "Vega", "Curvature", "BaseCorr", "AdditionalIM", "All")
NO_BUCKET = ("Risk_IRCurve", "Risk_IRVol")

# portfolio -> side -> "product class|risk class|margin type" -> amount
Figures = dict[str, dict[str, dict[str, float]]]


def figures(version: str, days: int, rows: list[dict[str, str]], currency: str = "USD") -> Figures:
    """Every figure of the deciding regulation of every portfolio and side.

    Skips the calling test, loudly, where the engine is not installed.
    """
    return report(version, days, rows, currency)["figures"]  # type: ignore[no-any-return]


def installed() -> bool:
    return importlib.util.find_spec("ORE") is not None


def report(version: str, days: int, rows: list[dict[str, str]], currency: str = "USD") -> dict[str, Any]:
    """``figures``, and ``seconds`` for the calculation without reading the file."""
    if not installed():
        pytest.skip(
            "ORACLE ABSENT: pip install open-source-risk-engine==1.8.17.0 (extra 'oracle') to run this test"
        )
    with tempfile.TemporaryDirectory() as folder:
        crif = Path(folder) / "crif.csv"
        with crif.open("w", newline="") as file:
            # The engine reads no row whose last columns are empty, so regulations only stand where there are any.
            columns = COLUMNS if any(row.get("post_regulations") for row in rows) else COLUMNS[:-2]
            writer = csv.DictWriter(file, columns, delimiter="\t", extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        program = [sys.executable, __file__, version, str(days), currency, str(crif)]
        done = subprocess.run(program, capture_output=True, text=True, timeout=600, check=False, cwd=folder)
        assert done.returncode == 0, done.stderr[-2000:]
        outcome: dict[str, Any] = json.loads((Path(folder) / "figures.json").read_text())
    return outcome


def by_class(ore: Any, version: str, days: int, crif_file: Path) -> dict[str, Any]:
    """Through the classes."""
    kinds = ore.CrifRecord
    mapper = ore.SimmBucketMapperBase()
    portfolios = {}
    with crif_file.open(newline="") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            portfolios[row["PortfolioID"]] = None
            if row["Bucket"] and row["RiskType"] not in NO_BUCKET:
                kind = getattr(kinds, "RiskType_" + row["RiskType"].removeprefix("Risk_"))
                mapper.addMapping(kind, row["Qualifier"], row["Bucket"])
    configuration = getattr(ore, CLASSES[version])(mapper, days)
    crif = ore.Crif()
    crif.setCsvLoaderConfig(configuration)  # its own delimiter is the tab
    crif.fromCSVString(crif_file.read_text())
    start = time.perf_counter()
    calculator = ore.SimmCalculator(crif, configuration)
    seconds = time.perf_counter() - start
    found: Figures = {}
    for portfolio in portfolios:
        for side, place in (("collect", "Call"), ("post", "Post")):
            number = getattr(ore.SimmConfiguration, f"SimmSide_{place}")
            try:
                final = calculator.finalSimmResults(number, ore.NettingSetDetails(portfolio))
            except RuntimeError:
                continue  # a side that is not margined
            found.setdefault(portfolio, {})[side] = _all(ore, final.second)
    return {"seconds": seconds, "figures": found}


def _all(ore: Any, results: Any) -> dict[str, float]:
    amounts = {}
    for product in PRODUCT_CLASSES:
        for risk in RISK_CLASSES:
            for kind in MARGIN_TYPES:
                place = (
                    getattr(ore.CrifRecord, f"ProductClass_{product}"),
                    getattr(ore.SimmConfiguration, f"RiskClass_{risk}"),
                    getattr(ore.SimmConfiguration, f"MarginType_{kind}"),
                    "All",
                )
                if results.has(*place):
                    amounts[f"{product}|{risk}|{kind}"] = results.get(*place)
    return amounts


_SETUP = {
    "asofDate": "2019-12-30", "logFile": "log.txt", "logMask": "31", "marketDataFile": "market.txt",
    "fixingDataFile": "", "implyTodaysFixings": "N", "curveConfigFile": "curves.xml",
    "conventionsFile": "conventions.xml", "marketConfigFile": "today.xml", "pricingEnginesFile": "engines.xml",
    "portfolioFile": "", "observationModel": "None",
}  # fmt: skip
# The application wants a market, though no figure comes from it.
_INPUTS = {
    "market.txt": "20191230 FX/RATE/EUR/USD 1.1\n",
    "curves.xml": "<CurveConfiguration/>",
    "conventions.xml": "<Conventions/>",
    "engines.xml": "<PricingEngines/>",
    "today.xml": (
        '<TodaysMarket><Configuration id="default"><FxSpotsId>default</FxSpotsId></Configuration>'
        '<FxSpots id="default"><FxSpot pair="EURUSD">FX/EUR/USD</FxSpot></FxSpots></TodaysMarket>'
    ),
}


def by_application(ore: Any, version: str, days: int, currency: str, crif_file: Path) -> dict[str, Any]:
    """Through the application, whose report has nine decimals."""
    folder = crif_file.parent
    for name, text in _INPUTS.items():
        (folder / name).write_text(text)
    comma = folder / "comma.csv"
    with crif_file.open(newline="") as source, comma.open("w", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(csv.reader(source, delimiter="\t"))
    setup = {**_SETUP, "inputPath": str(folder), "outputPath": str(folder / "out")}
    analytic = {
        "active": "Y", "version": version, "crif": comma.name, "calculationCurrency": currency,
        "resultCurrency": "USD", "enforceIMRegulations": "Y", "mporDays": str(days),
    }  # fmt: skip
    (folder / "ore.xml").write_text(
        f"<ORE><Setup>{_parameters(setup)}</Setup>"
        f"<Markets>{_parameters({'pricing': 'default', 'simulation': 'default'})}</Markets>"
        f'<Analytics><Analytic type="simm">{_parameters(analytic)}</Analytic></Analytics></ORE>'
    )
    parameters = ore.Parameters()
    parameters.fromFile(str(folder / "ore.xml"))
    start = time.perf_counter()
    ore.OREApp(parameters).run()
    seconds = time.perf_counter() - start
    found: Figures = {}
    with (folder / "out" / "simm.csv").open(newline="") as file:
        for row in csv.DictReader(line.removeprefix("#") for line in file):
            if row["Bucket"] == "All":
                side = {"Call": "collect", "Post": "post"}[row["SimmSide"]]
                place = f"{row['ProductClass']}|{row['RiskClass']}|{row['MarginType']}"
                amount = float(row["InitialMargin"])
                found.setdefault(row["Portfolio"], {}).setdefault(side, {})[place] = amount
    found.pop("All", None)
    return {"seconds": seconds, "figures": found}


def _parameters(values: dict[str, str]) -> str:
    return "".join(f'<Parameter name="{name}">{value}</Parameter>' for name, value in values.items())


def main() -> None:
    import ORE as ore  # noqa: N811

    version, days, currency, file = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    # The classes leave regulations out of account.
    has_regulations = "collect_regulations" in file.open().readline()
    if version in CLASSES and currency == "USD" and not has_regulations:
        outcome = by_class(ore, version, days, file)
    else:
        outcome = by_application(ore, version, days, currency, file)
    # The engine writes to stdout; the answer goes beside the CRIF.
    (file.parent / "figures.json").write_text(json.dumps(outcome))


if __name__ == "__main__":
    main()
