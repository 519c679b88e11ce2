"""SPAN risk parameter files in text: CME's expanded unpacked positional format (``.pa2``, file format U2).

Records read: ``0`` header, ``2`` combined commodity, ``3`` tiers and initial ratios, ``4`` delivery, short option
minimum and factors, ``6`` inter-commodity spreads, ``81`` to ``84`` risk arrays, ``B`` scan ranges, ``C`` and ``E``
inter-month spreads, ``P`` contract value factors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from streams.replay.files import FileError, open_text
from streams.span.record_line import RecordLine, is_digits
from streams.span.risk_parameters import (
    CommodityRisk,
    FutureRisk,
    OptionRisk,
    RiskParameters,
    Spread,
)

_FORMATS: Final = {"U2"}
_CLASSES: Final = ("member", "hedger", "speculator")
_LEGS_6: Final = 4
_LEGS_C: Final = 8
Family = tuple[str, str]  # product code and type: FUT, OOF
Contract = tuple[str, str, str, str, str, str]  # product, type, right, future's month, option's month, strike


@dataclass(slots=True)
class _State:
    """What has been read so far."""

    risk: RiskParameters
    families: dict[Family, str] = field(default_factory=dict)
    decimals: dict[Family, int] = field(default_factory=dict)  # of array values
    multipliers: dict[Family, float] = field(default_factory=dict)
    strike_decimals: dict[Family, int] = field(default_factory=dict)
    first_half: dict[Contract, list[float]] = field(default_factory=dict)
    futures: dict[Family, list[FutureRisk]] = field(default_factory=dict)
    options: dict[Family, list[tuple[str, OptionRisk]]] = field(
        default_factory=dict
    )  # with the option's month
    expiries: dict[tuple[Family, str, str], str] = field(default_factory=dict)

    def commodity(self, line: RecordLine) -> CommodityRisk:
        """The commodity that a record of its block names."""
        return self.risk.commodities.setdefault(line.words(3, 8), CommodityRisk(line.words(3, 8)))


def read_text(file: Path) -> RiskParameters:
    """Read a file.

    Raises:
        FileError: another format; a number that is none, by line and bytes.
    """
    state = _State(RiskParameters(source=f"SPAN file {file.name}", date=""))
    for line in _lines(file):
        reader = _READERS.get(line.text[:2])
        if reader is not None:
            reader(state, line)
    if not state.risk.date:
        raise FileError(file, "", "has no header record", "is it an expanded (U2) SPAN risk parameter file?")
    if state.first_half:
        contract = " ".join(next(iter(state.first_half)))
        raise FileError(file, "", f"has half a risk array of {contract}", "keep the records together")
    _join(state)
    return state.risk


def _lines(file: Path) -> Iterator[RecordLine]:
    with open_text(file) as content:
        for number, text in enumerate(content, 1):
            yield RecordLine(file, number, text.rstrip("\r\n"))


def _header(state: _State, line: RecordLine) -> None:
    form, day = line.words(36, 37), line.words(9, 16)
    if form not in _FORMATS or len(day) != 8 or not is_digits(day):
        detail = f"has format {form!r} and date {day!r}"
        raise FileError(line.file, f"line {line.number}", detail, "expanded unpacked (U2) files are read")
    state.risk.date = f"{day[:4]}-{day[4:6]}-{day[6:]}"


def _definition(state: _State, line: RecordLine) -> None:
    name = line.words(7, 12)
    commodity = state.risk.commodities.setdefault(name, CommodityRisk(name))
    commodity.currency = line.words(14, 16) or "USD"
    if line.figure(13, 13):
        commodity.problem = f"risk exponent {line.words(13, 13)} is not supported"
    for first in range(23, 104, 16):
        family = line.words(first, first + 9), line.words(first + 10, first + 12)
        if family[0]:
            state.families[family] = name
            decimals = int(line.figure(first + 13, first + 13))
            state.decimals[family] = -decimals if line.words(first + 14, first + 14) == "-" else decimals


def _tiers(state: _State, line: RecordLine) -> None:
    commodity = state.commodity(line)
    for first in range(11, 54, 14):
        start, end = line.month(first + 2, first + 7), line.month(first + 8, first + 13)
        if start:
            commodity.tiers.append((int(line.figure(first, first + 1)), start, end))
    for place, name in enumerate(_CLASSES):
        ratio = line.figure(69 + 4 * place, 72 + 4 * place, 3)
        if ratio > 0.0:
            commodity.factors[name] = (commodity.factors.get(name, (1.0, 1.0))[0], max(ratio, 1.0))


def _delivery(state: _State, line: RecordLine) -> None:
    commodity = state.commodity(line)
    method = line.words(9, 10)
    if method == "10":
        for first in (13, 35):
            month = line.month(first + 2, first + 7)
            if month:
                rates = line.figure(first + 8, first + 14), line.figure(first + 15, first + 21)
                commodity.delivery.append((month, *rates))
    elif method not in {"", "01"}:
        commodity.problem = f"delivery charge method {method} is not supported"
    commodity.short_option_minimum = line.figure(63, 69)
    commodity.short_options_counted = "greater" if line.words(79, 79) == "1" else "sum"
    for place, name in enumerate(_CLASSES):
        factor = line.figure(70 + 3 * place, 72 + 3 * place, 2)
        if factor > 0.0:
            commodity.factors[name] = (factor, commodity.factors.get(name, (1.0, 1.0))[1])


def _tier_spread(state: _State, line: RecordLine) -> None:
    name = line.words(3, 8)
    legs: list[tuple[str, int, str, str, float, float | None]] = []
    for first in range(22, 22 + 7 * _LEGS_C, 7):
        side = line.words(first + 6, first + 6)
        if side:
            tier, ratio = int(line.figure(first + 2, first + 3)), line.figure(first + 4, first + 5)
            legs.append((name, tier, "", side, ratio, None))
    spread = Spread(int(line.figure(11, 12)), legs, line.figure(15, 21))
    state.commodity(line).inter_month.append(spread)


def _month_spread(state: _State, line: RecordLine) -> None:
    name = line.words(3, 8)
    legs: list[tuple[str, int, str, str, float, float | None]] = []
    for first in range(21, 77, 14):
        side = line.words(first + 13, first + 13)
        if side:
            ratio = line.figure(first + 7, first + 12, 4)
            legs.append((name, 0, line.month(first, first + 3), side, ratio, None))
    spread = Spread(int(line.figure(9, 13)), legs, line.figure(14, 20))
    state.commodity(line).inter_month.append(spread)


def _inter_spread(state: _State, line: RecordLine) -> None:
    by_leg = line.words(122, 122) == "Y"
    legs: list[tuple[str, int, str, str, float, float | None]] = []
    for place in range(_LEGS_6):
        first = 17 + 18 * place
        name = line.words(first + 4, first + 9)
        if name:
            rate = line.figure(123 + 7 * place, 129 + 7 * place, 4) / 100.0 if by_leg else None
            tier = int(line.figure(102 + 2 * place, 103 + 2 * place))
            ratio = line.figure(first + 10, first + 16, 4)
            legs.append((name, tier, "", line.words(first + 17, first + 17), ratio, rate))
    spread = Spread(int(line.figure(6, 9)), legs, line.figure(10, 16, 4) / 100.0)
    if line.words(89, 90) == "04":
        spread.problem = "is scanning-based"
    elif line.words(101, 101) == "F":
        spread.problem = "has a flat credit"
    elif line.words(151, 151) in {"N", "H"}:
        spread.problem = "is not for customers"
    above = line.words(110, 110) == "S"
    (state.risk.super_inter_commodity if above else state.risk.inter_commodity).append(spread)


def _scan_ranges(state: _State, line: RecordLine) -> None:
    family = line.words(6, 15), line.words(16, 18)
    base, scan = line.figure(37, 44, 6), line.figure(45, 52, 6)
    name = state.families.get(family)
    if name is not None and family[1] == "OOF" and scan > 0.0:
        share = scan if line.words(164, 164) == "P" else scan / base if base > 0.0 else 0.0
        if share > 0.0:
            state.risk.commodities[name].volatility_scans.append(share)
    day = line.words(92, 99)
    if len(day) == 8:
        key = family, line.month(19, 24), line.words(28, 35)
        state.expiries[key] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    multiple, cover = line.figure(58, 62, 3), line.figure(63, 67, 4)
    if name is not None and multiple >= 1.0 and "extreme_move_multiple" not in state.risk.scan:
        state.risk.scan |= {"extreme_move_multiple": multiple, "extreme_cover_fraction": cover}


def _prices(state: _State, line: RecordLine) -> None:
    family = line.words(6, 15), line.words(16, 18)
    exponent = int(line.figure(74, 75)) * (-1 if line.words(73, 73) == "-" else 1)
    state.multipliers[family] = line.figure(42, 55, 7) * 10.0**exponent
    state.strike_decimals[family] = line.locator(37, 39)


def _array(width: int) -> Callable[[_State, RecordLine], None]:
    """Reader of the two records that share one array; values are so many digits wide."""

    def read(state: _State, line: RecordLine) -> None:
        family = line.words(6, 15), line.words(26, 28)
        contract = (*family, line.words(29, 29), line.month(30, 35), line.words(39, 46), line.words(48, 54))
        scale = 10.0 ** -state.decimals.get(family, 0)
        first_record = line.text[1] in "13"
        firsts = range(55, 55 + (width + 1) * (9 if first_record else 7), width + 1)
        values = [line.signed(first, first + width - 1) * scale for first in firsts]
        if first_record:
            state.first_half[contract] = values
            return
        start = state.first_half.pop(contract, None)
        if start is None:
            place = f"line {line.number}"
            raise FileError(line.file, place, "continues no risk array", "keep the records together")
        delta_first = firsts[-1] + width + 1
        delta = line.signed(delta_first, delta_first + 4, 4)
        _take_array(state, line, family, contract, [*start, *values], delta)

    return read


def _take_array(
    state: _State, line: RecordLine, family: Family, contract: Contract, losses: list[float], delta: float
) -> None:
    month, right = contract[3], {"C": "call", "P": "put"}.get(contract[2], "")
    if family[1] == "FUT":
        state.futures.setdefault(family, []).append(FutureRisk(month, losses))
    elif family[1] == "OOF" and right:
        strike = line.figure(48, 54) / 10.0 ** state.strike_decimals.get(family, 0)
        option = OptionRisk(month, "", right, strike, losses, delta)
        state.options.setdefault(family, []).append((contract[4], option))


_READERS: Final[dict[str, Callable[[_State, RecordLine], None]]] = {
    "0 ": _header,
    "2 ": _definition,
    "3 ": _tiers,
    "4 ": _delivery,
    "6 ": _inter_spread,
    "81": _array(5),
    "82": _array(5),
    "83": _array(8),
    "84": _array(8),
    "B ": _scan_ranges,
    "C ": _tier_spread,
    "E ": _month_spread,
    "P ": _prices,
}


def _join(state: _State) -> None:
    """Each commodity takes the contracts of its largest future family, and options of the same size."""
    for name, commodity in state.risk.commodities.items():
        families = [family for family, owner in state.families.items() if owner == name]
        futures = [family for family in families if family in state.futures]
        standard = max(futures, key=lambda family: state.multipliers.get(family, 0.0), default=None)
        if standard is None:
            continue
        commodity.multiplier = state.multipliers.get(standard, 0.0)
        commodity.futures = state.futures[standard]
        for family in families:
            if state.multipliers.get(family) == commodity.multiplier:
                for period, option in state.options.get(family, []):
                    option.expiry = state.expiries.get((family, option.month, period), "")
                    commodity.options.append(option)
