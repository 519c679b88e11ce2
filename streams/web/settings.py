"""Settings of the live page: flags, environment ``MARGINMON_WEB_*``."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from streams.contracts.connection import BOOTSTRAP_VARIABLES, DEFAULT_BOOTSTRAP, Connection, is_loopback
from streams.contracts.topics import DEFAULT_PREFIX
from streams.web.operators import read_tokens

DEFAULT_PORT: Final = 8080
_LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "::1")


def _split(value: object) -> object:
    """``a,b`` as an environment variable has it."""
    if isinstance(value, str):
        return tuple(name.strip() for name in value.split(",") if name.strip())
    return value


HostNames = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split)]


class WebSettings(Connection):
    """What the live page needs to know; every field has a ``MARGINMON_WEB_`` variable.

    Attributes:
        allowed_hosts: names, besides loopback and ``host``, under which browsers may ask for the page; the
            check keeps a foreign site from reaching a loopback page through a name that it controls.
        workers: hosts, besides loopback, that drill-down may be fetched from (``served_by`` of a statement).
        ageing_after_s, stale_after_s: seconds without a new statement after which the figures are marked.
        tokens_file: who may answer calls, lines ``operator token``; without it nobody can through the page.
        newest_calls: how many call events are kept.
    """

    model_config = SettingsConfigDict(env_prefix="MARGINMON_WEB_")

    bootstrap: str = Field(
        DEFAULT_BOOTSTRAP,
        validation_alias=AliasChoices("MARGINMON_WEB_BOOTSTRAP", *BOOTSTRAP_VARIABLES),
    )
    topic_prefix: str = Field(
        DEFAULT_PREFIX, validation_alias=AliasChoices("MARGINMON_WEB_TOPIC_PREFIX", "MARGINMON_TOPIC_PREFIX")
    )
    host: str = "127.0.0.1"
    port: int = Field(DEFAULT_PORT, ge=0, le=65535)
    allowed_hosts: HostNames = ()
    workers: HostNames = ()
    worker_timeout_s: float = Field(3.0, gt=0, le=60)
    ageing_after_s: float = Field(15.0, gt=0)
    stale_after_s: float = Field(45.0, gt=0)
    push_interval_s: float = Field(0.5, ge=0.1, le=60)
    max_clients: int = Field(100, ge=1, le=10_000)
    tokens_file: Path | None = Field(None, description="lines `operator token`: who may answer calls")
    answers_per_minute: int = Field(30, ge=1, le=10_000)
    answer_timeout_s: float = Field(10.0, gt=0, le=60)
    newest_calls: int = Field(5_000, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _tokens_can_be_read(self) -> Self:
        _ = self.operator_tokens
        return self

    @cached_property
    def operator_tokens(self) -> dict[str, SecretStr]:
        """Token by operator; read once."""
        return read_tokens(self.tokens_file) if self.tokens_file else {}

    @classmethod
    def from_options(cls, **options: object) -> WebSettings:
        """Options that are not None win over the environment."""
        return cls(**{name: value for name, value in options.items() if value is not None})  # type: ignore[arg-type]

    def served_names(self) -> list[str]:
        """Host names under which the page answers."""
        names = [*_LOOPBACK_NAMES, self.host, *self.allowed_hosts]
        return [f"[{name}]" if ":" in name else name for name in names]  # as a Host header writes them

    def may_ask(self, host: str) -> bool:
        """Whether drill-down may be fetched from this host."""
        return host in self.workers or is_loopback(host)
