"""What the least pairing of a large book costs: own solver beside the same programme given to HiGHS.

The books: 500 different options on one underlying, five expiries, 60 exercise prices, 1 to 20 contracts each, long
or short at random; without stock, and with stock for 60 contracts. Figures are means of eight such books, since one
takes up to four times as long as another. HiGHS is given the linear programme alone (dividing contracts), already
built; the own figure is from positions to named strategies in whole contracts. Accounts that hold such books are also
charged live: from columns to requirements at both stages, no strategy named.

Live sets: 300 netting sets of 2, 6 or 12 options each on one stock, half of them beside stock, 1 to 5 contracts; what
charging them takes a set, beside what the explanation of one takes, which names its strategies in Python.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from statistics import mean, median
from typing import Any, Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, lil_matrix, vstack

from engine.market.market import Market
from engine.rules.interface import Float64s
from engine.rules.strategy.book import Book, OptionPosition
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms
from engine.rules.strategy.live import RegT
from engine.rules.strategy.pairing import MOST_PIVOTS, least_pairing, posed
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.securities import Stage, Stock
from engine.rules.strategy.tableau import FALLING, FROM
from engine.rules.strategy.whole import divided_solution
from tests.bench.row import Row
from tests.strategy_book import PARAMETERS, held, market_with, set_columns

POSITIONS: Final = 500
EXPIRIES: Final = 5
PRICE: Final = 100.0
BUDGET_MS: Final = 5.0
ROUNDS: Final = 7
SEED: Final = 7
BOOKS: Final = 8
LIVE_SETS: Final = 300


def book(positions: int, shares: float, seed: int) -> Book:
    """Random series, each once; the same ones at every run."""
    drawn = random.Random(seed)
    every = [
        (right, 60.0 + 2.0 * step, expiry)
        for right in (CALL, PUT)
        for step in range(60)
        for expiry in range(1, EXPIRIES + 1)
    ]
    options = []
    for right, strike, expiry in drawn.sample(every, positions):
        intrinsic = max(PRICE - strike if right == CALL else strike - PRICE, 0.0)
        value = round(intrinsic + drawn.uniform(0.1, 8.0) * expiry**0.5, 2)
        contract = Contract(f"{strike:g}{right}{expiry}", right, strike, expiry, 100.0, value)
        options.append(OptionPosition(contract, drawn.choice([-1, 1]) * drawn.randint(1, 20)))
    return Book("X", shares, tuple(options))


def milliseconds(work: Callable[[], object]) -> float:
    """Median CPU time of this thread; the first round is not counted."""
    times = []
    for _ in range(ROUNDS + 1):
        started = time.thread_time()
        work()
        times.append(1e3 * (time.thread_time() - started))
    return median(times[1:])


def linking(problem: Programme) -> csr_matrix:
    """The rows of a programme written out."""
    rows, m = problem.rows, len(problem.rows.bound)
    matrix = lil_matrix((m, len(problem.cost)))
    for column, place, law, value in zip(rows.column, rows.place, rows.law, rows.value, strict=True):
        block = np.flatnonzero(rows.block == rows.block[place])
        mine = block[block <= place] if law == FALLING else block[block >= place]
        across = np.ones(len(mine)) if law == FROM else np.abs(rows.point[mine] - rows.point[place])
        for row, coefficient in zip(mine, value * across, strict=True):
            matrix[row, column] += coefficient
    return csr_matrix(matrix)


def highs(problem: Programme, matrix: csr_matrix) -> float:
    """The linear programme's least cost by HiGHS."""
    sets, n = problem.sets, len(problem.cost)
    sharing = csr_matrix((np.ones(len(sets.members)), sets.members, sets.starts), (len(sets.quantity), n))
    equal = problem.rows.equal
    found = linprog(
        problem.cost,
        A_ub=matrix[~equal],
        b_ub=problem.rows.bound[~equal],
        A_eq=vstack([matrix[equal], sharing]),
        b_eq=np.concatenate([problem.rows.bound[equal], sets.quantity]),
        method="highs",
    )
    return float(found.fun)


def own(problem: Programme) -> float:
    """The same by the own solver."""
    _, amounts, _ = divided_solution(problem.cost, problem.sets, problem.rows, MOST_PIVOTS)
    return float(problem.cost @ amounts)


def _named(positions: int, shares: float) -> str:
    return f"{positions} option positions on one underlying{' with stock' if shares else ''}"


def _rows(positions: int, shares: float, terms: Terms) -> list[Row]:
    books = [book(positions, shares, SEED + number) for number in range(BOOKS)]
    problems = [posed(one, terms).problem for one in books]
    written_out = [(problem, linking(problem)) for problem in problems]
    if any(abs(highs(problem, matrix) - own(problem)) > 0.01 for problem, matrix in written_out):
        raise RuntimeError("own solver and HiGHS differ")
    name = _named(positions, shares)
    peer = f"HiGHS, linear programme, {name}"
    whole = milliseconds(lambda: [least_pairing(one, terms) for one in books]) / BOOKS
    linear = milliseconds(lambda: [own(problem) for problem in problems]) / BOOKS
    compared = milliseconds(lambda: [highs(*each) for each in written_out]) / BOOKS
    pairings = [least_pairing(one, terms) for one in books]
    gap_ppm = 1e6 * mean(one.published_usd / one.lower_bound_usd - 1.0 for one in pairings)
    return [
        Row(f"{name}, pairing, strategies named", whole, "ms", compared_with=peer, ratio=whole / compared),
        Row(f"{name}, linear programme", linear, "ms", compared_with=peer, ratio=linear / compared),
        Row(peer, compared, "ms"),
        Row(f"{name}, above the proven bound", gap_ppm, "ppm"),
    ]


def _market(expiries: Sequence[str], strikes: Sequence[float], noise: float) -> tuple[Market, list[str]]:
    """A stock and every option on it, each at a random price above what exercising it brings."""
    drawn = random.Random(SEED)
    instruments: list[dict[str, Any]] = [{"instrument_id": "X", "product": "equity"}]
    marks = {"X": PRICE}
    for expiry in expiries:
        for strike in strikes:
            for right in ("call", "put"):
                name = f"{expiry} {strike:g} {right}"
                intrinsic = max(PRICE - strike if right == "call" else strike - PRICE, 0.0)
                marks[name] = round(intrinsic + drawn.uniform(0.2, noise), 2)
                instruments.append(
                    {
                        "instrument_id": name,
                        "product": "equity_option",
                        "underlying": "X",
                        "multiplier": 100.0,
                        "expiry": f"{expiry}T21:00:00+00:00",
                        "strike": strike,
                        "right": right,
                        "exercise": "american",
                        "settlement": "physical",
                    }
                )
    return market_with(instruments, marks), list(marks)[1:]


def _charged(market: Market, sets: list[dict[str, float]]) -> tuple[float, float]:
    """CPU ms of charging all sets live, and of explaining each.

    Raises:
        RuntimeError: the two do not ask for the same.
    """
    rulebook = RegT(PARAMETERS)
    rows, columns = rulebook.rows(market, np.arange(market.count)), set_columns(market, sets)
    accounts = [held(market, one) for one in sets]

    def charge() -> Float64s:
        return rulebook.charge_positions(rows, *columns, np.zeros(len(sets), np.int64))

    asked = rulebook.combine(charge(), np.arange(len(sets)), np.arange(len(sets) + 1))
    explained = [rulebook.explain(account, market).requirement for account in accounts]
    if np.abs(asked - [[one.initial_usd, one.maintenance_usd] for one in explained]).max() > 0.01:
        raise RuntimeError("what is charged live and what is explained differ")
    return milliseconds(charge), milliseconds(
        lambda: [rulebook.explain(account, market) for account in accounts]
    )


def _live_rows(size: int) -> list[Row]:
    """Netting sets of so many options, charged at once and explained one by one."""
    market, names = _market(("2026-12-18", "2027-03-19", "2028-01-21"), np.arange(80.0, 125.0, 5.0), 6.0)
    drawn, sets = random.Random(SEED), []
    for unit in range(LIVE_SETS):
        held_options = drawn.sample(names, size)
        one = {name: float(drawn.choice([-1, 1]) * drawn.randint(1, 5)) for name in held_options}
        sets.append(one | ({"X": drawn.choice([100.0, 300.0, -200.0])} if unit % 2 else {}))
    charged, explained = _charged(market, sets)
    name, peer = f"netting set of {size} options, charged live", f"the same {size} options, explained"
    return [
        Row(name, 1e3 * charged / LIVE_SETS, "us", compared_with=peer, ratio=charged / explained),
        Row(peer, 1e3 * explained / LIVE_SETS, "us"),
    ]


def _large_live_rows(shares: float) -> list[Row]:
    """Accounts with a large book each, charged and explained."""
    expiries = ("2026-12-18", "2027-01-15", "2027-03-19", "2027-06-18", "2028-01-21")
    market, names = _market(expiries, np.arange(60.0, 180.0, 2.0), 12.0)
    drawn, sets = random.Random(SEED), []
    for _ in range(BOOKS):
        one = {
            name: float(drawn.choice([-1, 1]) * drawn.randint(1, 20))
            for name in drawn.sample(names, POSITIONS)
        }
        sets.append(one | ({"X": shares} if shares else {}))
    charged, explained = (total / BOOKS for total in _charged(market, sets))
    name = f"account with {_named(POSITIONS, shares)}"
    peer = f"{name}, explained"
    return [
        Row(f"{name}, charged live", charged, "ms", BUDGET_MS, compared_with=peer, ratio=charged / explained),
        Row(peer, explained, "ms"),
    ]


def measure() -> list[Row]:
    """All rows; CPU time of one thread, compiled before."""
    terms = Terms(PARAMETERS, Stock(PRICE), False, Stage.MAINTENANCE)
    return [
        *_large_live_rows(0.0),
        *_large_live_rows(6000.0),
        *_rows(POSITIONS, 0.0, terms),
        *_rows(POSITIONS, 6000.0, terms),
        *_rows(20, 1000.0, terms),
        *[row for size in (2, 6, 12) for row in _live_rows(size)],
    ]
