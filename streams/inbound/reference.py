"""Reference data: instruments, accounts and rulebooks, which every worker takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.portfolio.accounts import Account
from engine.state.engine import Engine
from engine.state.policy import RulebookParameters
from streams.contracts.base import Message
from streams.contracts.codec import Fault, decode_model
from streams.contracts.reference import AccountRecord, InstrumentRecord, RulebookRecord
from streams.contracts.topics import partition_of
from streams.inbound.light_records import whole
from streams.inbound.parking import Missing
from streams.inbound.record import Record, Taken
from streams.parameters import take_policy

# Method and id of the record that holds the policy.
POLICY: Final = "policy"

M = TypeVar("M", bound=Message)


class ReferenceDesk:
    """Takes reference data into the engine and says which parked records may go on."""

    def __init__(self, engine: Engine, rulebooks: dict[str, RulebookParameters], partitions: int) -> None:
        """``rulebooks``: the latest parameters of every rulebook, assigned or not, by id; kept current."""
        self._engine = engine
        self._rulebooks = rulebooks
        self._partitions = partitions
        self._withdrawals: dict[str, Callable[[str], None]] = {
            "instruments": engine.withdraw_instrument,
            "accounts": engine.withdraw_account,
        }

    def take(self, topic: str, records: Sequence[Record]) -> tuple[Taken, list[Missing]]:
        """Take records of ``instruments``, ``accounts`` or ``rulebooks``, in order.

        A tombstone takes an instrument or an account back; the record of a rulebook can only be replaced.

        Returns:
            what became of them, and the reference data that is known now.
        """
        taken, known, times_ms = Taken(), [], []
        for record in whole(records):
            missing = self._take_one(topic, record, taken)
            if missing is not None:
                known.append(missing)
                times_ms.append(record.timestamp)
        taken.applied(topic, np.array(times_ms, np.int64))
        return taken, known

    def _take_one(self, topic: str, record: Record, taken: Taken) -> Missing | None:
        if record.value is None and record.key and topic in self._withdrawals:
            self._withdrawals[topic](record.key.decode(errors="replace"))
            taken.counts[(topic, "withdrawn")] += 1
            return None
        if topic == "instruments":
            return self._put(taken, topic, record, InstrumentRecord, "instrument_id", self._put_instrument)
        if topic == "accounts":
            return self._put(taken, topic, record, AccountRecord, "account_id", self._put_account)
        return self._put(taken, topic, record, RulebookRecord, "rulebook_id", self._put_rulebook)

    def _put(
        self,
        taken: Taken,
        topic: str,
        record: Record,
        model: type[M],
        key: str,
        put: Callable[[M], None],
    ) -> Missing | None:
        decoded = decode_model(model, record.value)
        if isinstance(decoded, Fault):
            taken.refuse(topic, record, decoded.reason, decoded.detail)
            return None
        message, unknown_fields = decoded
        named: Any = getattr(message, key)
        if record.key != str(named).encode():
            taken.refuse(topic, record, Reason.KEY_MISMATCH, f"key {record.key!r}, but {key} is {named!r}")
            return None
        try:
            put(message)
        except MarginError as error:
            taken.refuse(topic, record, error.reason, f"{error.thing}: {error.detail}")
            held = topic == "instruments" and self._engine.position_slots([str(named)])[0] >= 0
            return Missing("instrument", str(named)) if held else None
        taken.counts[(topic, "applied")] += 1
        if unknown_fields:
            taken.counts[(topic, "unknown_field")] += 1
        return Missing(topic.removesuffix("s"), str(named))

    def _put_instrument(self, message: InstrumentRecord) -> None:
        self._engine.put_instrument(message.to_engine())

    def _put_account(self, message: AccountRecord) -> None:
        account = Account(
            message.account_id, message.owner, message.type, message.desk, frozenset(message.approvals),
            issuer=message.issuer, counterparty=message.counterparty, settlement_currency=message.settlement_currency,
            past_charges_usd=message.past_charges_usd, counterparty_group=message.counterparty_group,
            threshold_allocations=tuple(each.to_engine() for each in message.threshold_allocations),
            security_future_silo=message.silos.security_future,
        )  # fmt: skip
        put = self._engine.put_account if message.status == "open" else self._engine.close_account
        put(account, partition_of(message.account_id, self._partitions))

    def _put_rulebook(self, message: RulebookRecord) -> None:
        """A rulebook's parameters, or the policy: what is in force follows from the latest of each, in any order."""
        if message.method == POLICY:
            self._put_policy(message)
            return
        parameters = {**message.parameters, "rulebook_id": message.rulebook_id, "version": message.version}
        self._engine.put_rulebook(message.method, parameters)
        former = self._rulebooks.get(message.rulebook_id)
        scenarios = former.scenarios if former else None
        self._rulebooks[message.rulebook_id] = RulebookParameters(message.method, parameters, scenarios)

    def _put_policy(self, message: RulebookRecord) -> None:
        if message.rulebook_id != POLICY:
            thing = f"rulebook {message.rulebook_id}"
            raise MarginError(Reason.BAD_PARAMETER, thing, f"there is one policy, under the id {POLICY!r}")
        take_policy(self._engine, {**message.parameters, "version": message.version}, self._rulebooks)
