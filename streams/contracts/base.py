"""What all message contracts share."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainSerializer

from engine.market.instruments import SILOS


class Message(BaseModel):
    """Base of every topic's value: closed, immutable, finite numbers only.

    Unknown fields are kept out, not refused: a producer may be one schema version ahead of its consumer.
    The reader counts the messages that carry one (``Decoded.with_unknown_fields`` in ``codec.py``).
    """

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, ser_json_inf_nan="null")


Money = Annotated[
    Decimal,
    Field(max_digits=20, decimal_places=2, description="decimal string, two places"),
    PlainSerializer(lambda value: f"{value:.2f}", return_type=str, when_used="json"),
]
Identifier = Annotated[str, Field(min_length=1, max_length=128)]
DATE_PATTERN: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
CURRENCY_PATTERN: Final = "^[A-Z]{3}$"
SILO_PATTERN: Final = f"^({'|'.join(SILOS)})$"


def _calendar_date(value: str) -> str:
    """Refuse what looks like a date and is none, such as 2026-02-30."""
    date.fromisoformat(value)
    return value


BusinessDate = Annotated[
    str, Field(pattern=DATE_PATTERN, description="YYYY-MM-DD"), AfterValidator(_calendar_date)
]
TimeNs = Annotated[int, Field(ge=0, lt=2**63, description="nanoseconds since 1970-01-01 UTC")]
SiloName = Annotated[str, Field(pattern=SILO_PATTERN)]
Currency = Annotated[str, Field(pattern=CURRENCY_PATTERN)]
Quantity = Annotated[float, Field(ge=-1e12, le=1e12)]
Price = Annotated[float, Field(ge=-1e9, le=1e9)]
