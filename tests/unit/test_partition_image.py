"""What a checkpoint brings back that few days need: cash of opened swaps, which follows them to another silo."""

from __future__ import annotations

import pytest

from engine.base.business_days import date_text
from engine.market.instruments import SILO_INDEX
from streams.parameters import take_policy
from tests.engine_book import TODAY
from tests.partition_log import ACCOUNTS, Follower
from tests.policy_book import RULEBOOKS, SECURITY_BASED, UNCLEARED, with_swaps_in

SOLD = {
    "account_id": ACCOUNTS[0], "business_date": date_text(TODAY), "as_of_ns": 1, "part": 1, "parts": 1,
    "positions": [{"instrument_id": "AAPL-SWAP", "quantity": -2.0, "reference_price": 128.0}],
}  # fmt: skip


@pytest.mark.parametrize("from_checkpoint", [False, True])
def test_cash_of_an_opened_swap_follows_it_to_another_silo_also_after_a_restart(
    from_checkpoint: bool,
) -> None:
    worker = Follower()
    worker.send("positions", SOLD)
    worker = worker.restarted(worker.checkpoint() if from_checkpoint else None)
    cash_usd = worker.engine.holdings.cash[worker.engine.accounts.slot_of[ACCOUNTS[0]]].sum(axis=1)
    brought_usd = cash_usd[SILO_INDEX[SECURITY_BASED]]
    assert brought_usd != 0.0
    take_policy(worker.engine, with_swaps_in({"equity_swap": (UNCLEARED, "schedule-im")}), RULEBOOKS)
    moved_usd = worker.engine.holdings.cash[worker.engine.accounts.slot_of[ACCOUNTS[0]]].sum(axis=1)
    assert moved_usd[SILO_INDEX[SECURITY_BASED]] == 0.0
    assert moved_usd[SILO_INDEX[UNCLEARED]] == brought_usd
