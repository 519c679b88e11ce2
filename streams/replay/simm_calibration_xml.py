"""Reference calibration XML of ISDA SIMM -> the parameter file that `isda-simm` reads.

::

    python -m streams.replay.simm_calibration_xml simmcalibration.xml --source "where it is from" > 2.8+2512.toml

The XML is the one that the Open Source Risk Engine publishes (Configurations/SIMM). Values are carried over as they
are written; nothing is rounded or filled in.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from engine.base.errors import MarginError
from engine.rules.simm.calibration import Calibration
from streams.replay.files import FileError

HORIZONS = ("10", "1")
TENORS = ("2w", "1m", "3m", "6m", "1y", "2y", "3y", "5y", "10y", "15y", "20y", "30y")
RISK_CLASSES = ("InterestRate", "CreditQualifying", "CreditNonQualifying", "Equity", "Commodity", "FX")
NAMED = {
    "CreditQualifying": "credit_qualifying",
    "CreditNonQualifying": "credit_non_qualifying",
    "Equity": "equity",
    "Commodity": "commodity",
}
OTHERS = "*"


class CalibrationXml:
    """One ``SIMMCalibration`` element.

    Attributes:
        version: of the model, e.g. ``2.8+2512``.
    """

    def __init__(self, file: Path) -> None:
        """
        Raises:
            FileError: it is not such an XML file.
        """
        self._file = file
        try:
            tree = ElementTree.parse(file)  # noqa: S314 - a file that the operator names, not one from the network
        except (
            OSError,
            ElementTree.ParseError,
            ValueError,
            LookupError,
        ) as error:  # the last two: its encoding
            raise self._bad("", str(error)) from None
        calibrations = tree.getroot().findall("SIMMCalibration")
        if len(calibrations) != 1:
            raise self._bad("", f"holds {len(calibrations)} SIMMCalibration elements, not one")
        self._root = calibrations[0]
        # The file of 2.7 names its development version first; the official one is the last that is a number.
        names = [name for name in self._texts("VersionNames/Name") if name[:1].isdigit()]
        if not names:
            raise self._bad("VersionNames", "names no version by number")
        self.version = names[-1]

    def toml(self, source: str) -> str:
        """The parameter file; what is written can be read again.

        Raises:
            FileError: naming what is missing in the XML, or the parameter that it makes unusable.
        """
        try:
            text = self._toml(source)
            Calibration.from_mapping(tomllib.loads(text))
        except KeyError as error:
            raise self._bad("", f"has no cell {error}") from None
        except tomllib.TOMLDecodeError as error:
            raise self._bad("", f"has a value that is no number: {error}") from None
        except MarginError as error:
            raise self._bad(error.thing, error.detail) from None
        return text

    def _toml(self, source: str) -> str:
        return "\n".join(
            [*self._head(source), *self._interest_rate()]
            + [line for name in NAMED for line in self._named(name)]
            + [*self._fx(), *self._risk_classes(), ""]
        )

    def _head(self, source: str) -> Iterator[str]:
        effective = self._text("AdditionalFields/SIMM_EffectiveDate")
        yield f"# ISDA SIMM {self.version}: reference calibration, made by streams.replay.simm_calibration_xml."
        yield "# ISDA SIMM is intellectual property of ISDA; commercial users need a licence from ISDA."
        yield "# The reference is (c) Quaternion Risk Management Ltd., Modified BSD licence: see NOTICE.md."
        yield 'rulebook_id = "isda-simm"'
        yield f'version = "{self.version}"'
        yield f'effective_from = "{effective}"'
        yield 'currency = "USD"'
        yield f'source = "{source}"'
        yield 'unit = "risk weights per 1 bp (rates, credit) or 1 % (equity, commodity, FX)"'

    def _interest_rate(self) -> Iterator[str]:
        yield "\n[interest_rate]"
        yield f"currencies = {self._groups('InterestRate/RiskWeights/CurrencyLists')}"
        for days in HORIZONS:
            weights = self._cells(self._at("InterestRate", "Delta", days), "bucket", "label1")
            yield f"\n[interest_rate.{_horizon(days)}]"
            yield "delta = ["
            for bucket in ("1", "2", "3"):
                yield f"    {_row(weights[bucket, tenor] for tenor in TENORS)},"
            yield "]"
            yield f"vega = {self._single('InterestRate', 'Vega', days)}"
            ratio = self._single("InterestRate", "HistoricalVolatilityRatio", days)
            yield f"historical_volatility_ratio = {ratio}"
            yield f"inflation = {self._single('InterestRate', 'Inflation', days)}"
            yield f"cross_currency_basis = {self._single('InterestRate', 'XCcyBasis', days)}"
        yield "\n[interest_rate.correlation]"
        yield from self._matrix("tenors", "InterestRate/Correlations/IntraBucket", TENORS)
        yield f"sub_curves = {self._text('InterestRate/Correlations/SubCurves')}"
        yield f"inflation = {self._text('InterestRate/Correlations/Inflation')}"
        yield f"cross_currency_basis = {self._text('InterestRate/Correlations/XCcyBasis')}"
        yield f"currencies = {self._text('InterestRate/Correlations/Outer')}"
        yield from self._thresholds("InterestRate", "interest_rate")

    def _named(self, name: str) -> Iterator[str]:
        key = NAMED[name]
        buckets = [str(weight.get("bucket")) for weight in self._at(name, "Delta", "10")]
        yield f"\n[{key}]"
        yield "buckets = [" + ", ".join(f'"{bucket}"' for bucket in buckets) + "]"
        for days in HORIZONS:
            yield f"\n[{key}.{_horizon(days)}]"
            yield f"delta = {_values(self._at(name, 'Delta', days))}"
            yield f"vega = {_values(self._at(name, 'Vega', days))}"
            if name in ("Equity", "Commodity"):
                ratio = self._single(name, "HistoricalVolatilityRatio", days)
                yield f"historical_volatility_ratio = {ratio}"
            if name == "CreditQualifying":
                yield f"base_correlation = {self._single(name, 'BaseCorrelation', days)}"
        yield f"\n[{key}.correlation]"
        intra = f"{name}/Correlations/IntraBucket"
        if name.startswith("Credit"):
            cells = self._cells(self._element(intra), "label1", "label2")
            for place in ("aggregate", "residual"):
                for alike in ("same", "different"):
                    yield f"{place}_{alike} = {cells[place, alike]}"
        else:
            yield f"different = {_values(self._element(intra))}"
        if name == "CreditQualifying":
            yield f"base_correlation = {self._text(f'{name}/Correlations/BaseCorrelation')}"
        ordinary = [bucket for bucket in buckets if bucket != "Residual"]
        yield from self._matrix("buckets", f"{name}/Correlations/InterBucket", ordinary)
        yield from self._thresholds(name, key)

    def _fx(self) -> Iterator[str]:
        yield "\n[fx]"
        yield f"currencies = {self._groups('FX/RiskWeights/CurrencyLists')}"
        for days in HORIZONS:
            weights = self._cells(self._at("FX", "Delta", days), "label1", "label2")
            yield f"\n[fx.{_horizon(days)}]"
            yield f"delta = {_square(weights)}"
            yield f"vega = {self._single('FX', 'Vega', days)}"
            ratio = self._single("FX", "HistoricalVolatilityRatio", days)
            yield f"historical_volatility_ratio = {ratio}"
        yield "\n# delta: by group of the calculation currency, then of the two currencies"
        yield "[fx.correlation]"
        cells = self._cells(self._element("FX/Correlations/IntraBucket"), "bucket", "label1", "label2")
        yield "delta = ["
        for group in ("1", "2"):
            yield f"    {_square({key[1:]: value for key, value in cells.items() if key[0] == group})},"
        yield "]"
        yield f"vega = {self._text('FX/Correlations/Volatility')}"
        yield from self._thresholds("FX", "fx")

    def _risk_classes(self) -> Iterator[str]:
        yield "\n[risk_classes]"
        yield "names = [" + ", ".join(f'"{name}"' for name in RISK_CLASSES) + "]"
        yield from self._matrix("correlation", "RiskClassCorrelations", RISK_CLASSES)

    def _thresholds(self, name: str, key: str) -> Iterator[str]:
        path = f"{name}/ConcentrationThresholds"
        yield f"\n[{key}.threshold_musd]"
        if name in ("InterestRate", "FX"):
            yield f"currencies = {self._groups(f'{path}/CurrencyLists')}"
        yield f"delta = {_values(self._element(f'{path}/Delta'))}"
        yield f"vega = {_values(self._element(f'{path}/Vega'))}"

    def _groups(self, path: str) -> str:
        groups: dict[str, list[str]] = {}
        for currency in self._element(path):
            name = str(currency.text)
            groups.setdefault(str(currency.get("bucket")), []).append(OTHERS if name == "Other" else name)
        lists = [", ".join(f'"{name}"' for name in sorted(groups[key])) for key in sorted(groups)]
        return "[" + ", ".join(f"[{names}]" for names in lists) + "]"

    def _matrix(self, key: str, path: str, labels: Sequence[str]) -> Iterator[str]:
        """The square as rows, 1 on the diagonal."""
        cells = self._cells(self._element(path), "label1", "label2")
        yield f"{key} = ["
        for first in labels:
            yield f"    {_row('1' if first == second else cells[first, second] for second in labels)},"
        yield "]"

    def _cells(self, element: Element, *labels: str) -> dict[tuple[str, ...], str]:
        return {tuple(str(cell.get(label)) for label in labels): _text_of(cell) for cell in element}

    def _at(self, name: str, kind: str, days: str) -> Element:
        for element in self._element(f"{name}/RiskWeights").findall(kind):
            if element.get("mporDays") == days:
                return element
        raise self._bad(f"{name}/RiskWeights/{kind}", f"has no mporDays {days}")

    def _single(self, name: str, kind: str, days: str) -> str:
        element = self._at(name, kind, days)
        return _text_of(element[0] if len(element) else element)

    def _element(self, path: str) -> Element:
        element = self._root.find(path)
        if element is None:
            raise self._bad(path, "is missing")
        return element

    def _text(self, path: str) -> str:
        return _text_of(self._element(path))

    def _texts(self, path: str) -> list[str]:
        return [_text_of(element) for element in self._root.findall(path)]

    def _bad(self, place: str, detail: str) -> FileError:
        return FileError(
            self._file, place, detail, "give a SIMM calibration XML of the Open Source Risk Engine"
        )


def _horizon(days: str) -> str:
    return f"horizon_{days}d"


def _text_of(element: Element) -> str:
    return (element.text or "").strip()


def _values(element: Element) -> str:
    return _row(_text_of(value) for value in element)


def _row(values: Iterator[str]) -> str:
    return "[" + ", ".join(values) + "]"


def _square(cells: dict[tuple[str, ...], str]) -> str:
    rows = [f"[{cells[first, '1']}, {cells[first, '2']}]" for first in ("1", "2")]
    return "[" + ", ".join(rows) + "]"


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert a SIMM calibration XML to a parameter file (TOML).")
    parser.add_argument("xml", type=Path)
    parser.add_argument("--source", required=True, help="where the XML is from; kept in the file")
    arguments = parser.parse_args()
    try:
        sys.stdout.write(CalibrationXml(arguments.xml).toml(arguments.source))
    except FileError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
