"""What the least pairing of a large book costs: own solver beside the same programme given to HiGHS.

The book: 500 different options on one underlying, five expiries, 60 exercise prices, 1 to 20 contracts each, long
or short at random; without stock, and with stock for 60 contracts. HiGHS is given the linear programme alone
(dividing contracts), already built; the own figure is from positions to named strategies in whole contracts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from statistics import median
from typing import Final

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, lil_matrix, vstack

from engine.rules.strategy.book import Book, OptionPosition
from engine.rules.strategy.formulas import CALL, PUT, Contract, Terms
from engine.rules.strategy.pairing import MOST_PIVOTS, least_pairing, posed
from engine.rules.strategy.parameters import Parameters
from engine.rules.strategy.programme import Programme
from engine.rules.strategy.securities import Stage, Stock
from engine.rules.strategy.tableau import FALLING, FROM
from engine.rules.strategy.whole import divided_solution
from streams.parameters import read_toml
from tests.bench.row import Row

POSITIONS: Final = 500
EXPIRIES: Final = 5
PRICE: Final = 100.0
BUDGET_MS: Final = 5.0
ROUNDS: Final = 7
SEED: Final = 7


def book(positions: int = POSITIONS, shares: float = 0.0) -> Book:
    """Random series, each once; the same ones at every run."""
    drawn = random.Random(SEED)
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


def _rows(name: str, held: Book, terms: Terms) -> list[Row]:
    problem = posed(held, terms).problem
    matrix = linking(problem)
    if abs(highs(problem, matrix) - own(problem)) > 0.01:
        raise RuntimeError("own solver and HiGHS differ")
    peer = f"HiGHS, linear programme, {name}"
    whole = milliseconds(lambda: least_pairing(held, terms))
    linear = milliseconds(lambda: own(problem))
    compared = milliseconds(lambda: highs(problem, matrix))
    pairing = least_pairing(held, terms)
    gap_ppm = 1e6 * (pairing.published_usd / pairing.lower_bound_usd - 1.0)
    return [
        Row(f"{name}, pairing", whole, "ms", BUDGET_MS, compared_with=peer, ratio=whole / compared),
        Row(f"{name}, linear programme", linear, "ms", compared_with=peer, ratio=linear / compared),
        Row(peer, compared, "ms"),
        Row(f"{name}, above the proven bound", gap_ppm, "ppm"),
    ]


def measure() -> list[Row]:
    """All rows; CPU time of one thread, compiled before."""
    parameters = Parameters.from_mapping(read_toml("reg-t.toml"))
    terms = Terms(parameters, Stock(PRICE), False, Stage.MAINTENANCE)
    options = f"{POSITIONS} option positions on one underlying"
    return [
        *_rows(options, book(), terms),
        *_rows(f"{options} with stock", book(shares=6000.0), terms),
        *_rows("20 option positions with stock", book(20, 1000.0), terms),
    ]
