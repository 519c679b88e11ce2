"""Which silo a credit default swap belongs to is a parameter, and what a change of it does is a figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from streams.parameters import load_policy, packaged, read_toml
from streams.replay.book_file import read_book
from streams.replay.margin import MarginedBook
from tests.credit_book import mark_at, swap_of
from tests.engine_book import new_engine
from tests.file_book import write_json
from tests.rulebook_cases import nanoseconds

NOW = "2026-11-20T15:00:00+00:00"
SOLD = swap_of("ACME-2031-06", "ACME", "2031-06-20")
BOOK: dict[str, Any] = {
    "accounts": [{"account_id": "A", "approvals": ["portfolio_margin", "cross_margin"]}],
    "instruments": [
        {
            "instrument_id": "ACME-2031-06", "product": "credit_default_swap", "multiplier": 1_000_000,
            "expiry": "2031-06-20", "reference_entity": "ACME", "coupon": 0.01, "recovery_rate": 0.4,
            "negative_price_allowed": True,
        }
    ],
    "prices": [
        {
            "instrument_id": "ACME-2031-06", "mark": mark_at(SOLD, 150.0), "source_time_ns": nanoseconds(NOW),
            "sequence": 1,
        }
    ],
    "positions": [
        {
            "account_id": "A", "business_date": "2026-11-19", "as_of_ns": nanoseconds(NOW) - 1,
            "positions": [{"instrument_id": "ACME-2031-06", "quantity": -10}],
            "cash": [{"silo": "uncleared_swaps", "amount": 1_000_000}],
        }
    ],
}  # fmt: skip


CLASSIFIED = 'credit_default_swap = "security_based_swaps"'
TODAYS = 'silo = "security_based_swaps"\nproducts = ["credit_default_swap"]\nrulebook = "sec-18a-3"\n'
SCHEDULE = 'silo = "uncleared_swaps"\nproducts = ["credit_default_swap"]\nrulebook = "schedule-im"\n'


def with_policy(folder: Path, *changes: tuple[str, str]) -> Path:
    """A folder with the packaged policy, so changed; each place stands in it once."""
    policy = (packaged() / "policy.toml").read_text(encoding="utf-8")
    for place, now in changes:
        assert policy.count(place) == 1
        policy = policy.replace(place, now)
    (folder / "policy.toml").write_text(policy, encoding="utf-8")
    return folder


def moved(folder: Path, schedule: bool = False) -> Path:
    """The product in the silo of uncleared swaps, with its rulebook; ``schedule``: under the one that stands there."""
    classified = (CLASSIFIED, 'credit_default_swap = "uncleared_swaps"')
    if schedule:
        return with_policy(folder, classified)
    there = SCHEDULE.replace("schedule-im", "sec-18a-3")
    return with_policy(folder, classified, (f"[[assignment]]\n{TODAYS}", ""), (SCHEDULE, there))


def test_a_rulebook_cannot_stand_in_a_silo_that_it_is_not_made_for(tmp_path: Path) -> None:
    with_policy(
        tmp_path,
        (CLASSIFIED, 'credit_default_swap = "futures"'),
        (TODAYS, TODAYS.replace("security_based_swaps", "futures")),
    )
    with pytest.raises(MarginError) as caught:
        load_policy(tmp_path)
    assert (caught.value.reason, caught.value.thing) == (Reason.BAD_PARAMETER, "rulebook sec-18a-3: silo")


def test_where_a_rulebook_stands_the_policy_says_not_its_own_file() -> None:
    engine = new_engine(("A",))
    parameters = read_toml("sec-18a-3.toml")
    engine.put_rulebook("sec-18a-3", parameters | {"silo": "uncleared_swaps", "version": "next"})
    assert engine.silo_books["sec-18a-3"].rulebook.silo == "security_based_swaps"
    assert engine.rulebook_version("security_based_swaps").startswith("next")


def statement(folder: Path, parameters: Path | None = None) -> dict[str, Any]:
    file = write_json(folder, BOOK)
    margined = MarginedBook(read_book(file)[0], parameters, None, nanoseconds(NOW))
    assert margined.complete, margined.warnings
    assert margined.files.engine.shadow_check(["A"]) < 1e-6
    return dict(margined.views[0]["statement"])


def figure(statement: dict[str, Any], silo: str, name: str) -> float:
    return next((float(one[name]) for one in statement["silos"] if one["silo"] == silo), 0.0)


def test_today_the_swap_stands_alone_and_the_cash_is_trapped(tmp_path: Path) -> None:
    found = statement(tmp_path)
    value = -10e6 * mark_at(SOLD, 150.0)
    assert value < 0.0
    assert figure(found, "security_based_swaps", "maintenance") == pytest.approx(700_000.0)
    assert figure(found, "security_based_swaps", "equity") == pytest.approx(value, abs=0.01)
    assert float(found["gap"]["silo_deficit"]) == pytest.approx(700_000.0 - value, abs=0.02)
    assert float(found["gap"]["trapped_excess"]) == 1_000_000.0


def test_moved_by_parameters_its_margin_and_the_cash_meet(tmp_path: Path) -> None:
    found = statement(tmp_path, moved(tmp_path))
    assert figure(found, "security_based_swaps", "maintenance") == 0.0
    assert figure(found, "uncleared_swaps", "maintenance") == pytest.approx(700_000.0)
    assert float(found["gap"]["silo_deficit"]) == float(found["gap"]["trapped_excess"]) == 0.0


def test_moved_under_another_table_the_requirement_changes_too(tmp_path: Path) -> None:
    """5 % of notional from two to five years, all of it: the firm is owed by the only swap. The pot does not take
    swaps, so the gap stays."""
    before, after = statement(tmp_path), statement(tmp_path, moved(tmp_path, schedule=True))
    assert figure(after, "uncleared_swaps", "maintenance") == pytest.approx(500_000.0)
    assert float(before["gap"]["silo_sum"]) - float(after["gap"]["silo_sum"]) == pytest.approx(200_000.0)
    assert float(before["gap"]["gap"]) == float(after["gap"]["gap"])
