"""Calibration files of ISDA SIMM: what the converter makes of the reference XML, and what a bad file is told."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError
from engine.rules.simm.calibration import Calibration
from streams.replay.files import FileError
from streams.replay.simm_calibration_xml import CalibrationXml
from tests.rulebook_cases import DATA
from tests.simm_book import VERSIONS, calibration

FOLDER = DATA / "simm"
WITH_XML = ("2.5", "2.6", "2.7", "2.7+2412", "2.8+2506")


def test_every_version_is_shipped() -> None:
    assert sorted(path.stem for path in FOLDER.glob("*.toml")) == sorted(VERSIONS)
    days = [calibration(version).effective_from for version in VERSIONS]
    assert days == sorted(days)
    assert days[-1] == "2026-07-11"


@pytest.mark.parametrize("version", WITH_XML)
def test_shipped_files_are_what_the_converter_makes(version: str, reference_dir: Path) -> None:
    shipped = (FOLDER / f"{version}.toml").read_text()
    xml = CalibrationXml(reference_dir / "ore_simm_calibrations" / f"simmcalibration_{version}.xml")
    assert xml.version == version
    assert xml.toml(tomllib.loads(shipped)["source"]) == shipped


def test_converter_names_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "x.xml"
    file.write_text(
        "<SIMMCalibrationData><SIMMCalibration id='x'><VersionNames><Name>9.9</Name></VersionNames>"
        "</SIMMCalibration></SIMMCalibrationData>"
    )
    with pytest.raises(FileError, match="AdditionalFields/SIMM_EffectiveDate: is missing"):
        CalibrationXml(file).toml("test")
    file.write_text("<SIMMCalibrationData/>")
    with pytest.raises(FileError, match="holds 0 SIMMCalibration elements"):
        CalibrationXml(file)
    file.write_text("no xml")
    with pytest.raises(FileError, match=r"x\.xml: syntax error"):
        CalibrationXml(file)


def edited(path: str, value: Any) -> dict[str, Any]:
    mapping = tomllib.loads((FOLDER / "2.8+2512.toml").read_text())
    mapping = copy.deepcopy(mapping)
    table = mapping
    *above, key = path.split(".")
    for name in above:
        table = table[name]
    if value is None:
        del table[key]
    else:
        table[key] = value
    return mapping


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("interest_rate.horizon_10d.vega", -1, r"interest_rate\.horizon_10d\.vega: -1 is not in \[0, 100000\]"),
        ("interest_rate.horizon_1d.delta", [[1.0]], r"horizon_1d\.delta: .* is not a list of 3 items"),
        ("interest_rate.currencies", [["USD"], ["JPY"]], r"currencies: have no group with '\*'"),
        ("equity.buckets", ["Residual", "1"], r"equity\.buckets: Residual must be the last"),
        ("credit_qualifying.correlation.aggregate_same", 1.5, r"aggregate_same: 1\.5 is not in \[-1, 1\]"),
        ("fx.correlation.vega", None, r"fx\.correlation\.vega: is missing"),
        ("commodity.threshold_musd.delta", [1, 2], r"threshold_musd\.delta: \[1, 2\] is not a list of 17 numbers"),
        ("risk_classes.names", ["FX"], r"risk_classes\.names: are not InterestRate, CreditQualifying"),
        ("frobnicate", 1, r"frobnicate: is not a parameter"),
    ],
)  # fmt: skip
def test_a_bad_file_is_told_where(path: str, value: Any, complaint: str) -> None:
    with pytest.raises(MarginError, match=r"rulebook isda-simm 2\.8\+2512: .*" + complaint):
        Calibration.from_mapping(edited(path, value))


def test_a_correlation_matrix_must_be_one() -> None:
    mapping = edited("fx.correlation.vega", 0.5)
    mapping["risk_classes"]["correlation"][1][0] = 0.5
    with pytest.raises(MarginError, match=r"risk_classes\.correlation\[1\]: is no correlation matrix"):
        Calibration.from_mapping(mapping)
