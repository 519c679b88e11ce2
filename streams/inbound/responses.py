"""Answers to calls: decoded on any thread, taken by the engine between two passes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.business_days import day_of
from engine.base.errors import Reason
from engine.shortfall.call_response import Response, ResponseKind
from engine.state.answers import Answered
from streams.contracts.codec import Fault, decode_model
from streams.contracts.responses import CallResponse
from streams.inbound.light_records import whole
from streams.inbound.record import Record, Taken

TOPIC = "call-responses"


class ResponseBatch:
    """Decoded answers of one partition.

    Attributes:
        responses, records: parallel, in the order of the log.
        taken: where the refused ones are noted.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.raw = records
        self.taken = Taken()
        self.responses: list[Response] = []
        self.records: list[Record] = []
        for record in whole(records):
            self._decode(record)

    def _decode(self, record: Record) -> None:
        decoded = decode_model(CallResponse, record.value)
        if isinstance(decoded, Fault):
            self.taken.refuse(TOPIC, record, decoded.reason, decoded.detail)
            return
        message, unknown_fields = decoded
        if record.key != message.account_id.encode():
            detail = f"key {record.key!r}, but account_id is {message.account_id!r}"
            self.taken.refuse(TOPIC, record, Reason.KEY_MISMATCH, detail)
            return
        self.taken.counts[(TOPIC, "unknown_field")] += unknown_fields
        self.records.append(record)
        self.responses.append(
            Response(
                message.response_id,
                message.account_id,
                message.call_id,
                ResponseKind(message.kind),
                message.operator,
                message.time_ns,
                message.text,
                record.partition,
                record.offset,
                -1 if message.until is None else day_of(message.until),
            )
        )

    def outcome(self, answered: Answered) -> Taken:
        """What became of answers of the batch; refused ones go to the dead letters."""
        taken = Taken()
        by_offset = {record.offset: record for record in self.records}
        for response, refusal in answered.refused:
            taken.refuse(TOPIC, by_offset[response.offset], refusal.reason, refusal.detail)
        taken.counts[(TOPIC, "duplicate")] += answered.repeated
        responses = [*(move.response for move in answered.moves), *(m.response for m in answered.intraday)]
        moved = sorted({response.offset for response in responses if response is not None})
        taken.counts[(TOPIC, "applied")] += len(moved)
        taken.applied(TOPIC, np.array([by_offset[offset].timestamp for offset in moved], np.int64))
        return taken
