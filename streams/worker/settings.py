"""Settings of a worker: flags, then MARGINMON_* variables, then a TOML file, then defaults."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final, Literal, Self

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings.sources import TomlConfigSettingsSource

from streams.contracts.connection import Connection
from streams.contracts.topics import DEFAULT_PARTITIONS, DEFAULT_PREFIX, TopicTable

_PREFIX: Final = "MARGINMON_"
SECRETS: Final = frozenset({"sasl_password"})  # no flag has them: every user of the machine can read those
_MOST_THREADS: Final = 4  # the work of a pass is bound by memory beyond that


class SettingsError(ValueError):
    """One line: which key, what is wrong, what to do."""


class WorkerSettings(Connection):
    """Everything a worker can be told. Its one secret, the password, is masked wherever settings are printed."""

    model_config = SettingsConfigDict(extra="forbid")

    topic_prefix: str = Field(DEFAULT_PREFIX, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    partitions: int = Field(DEFAULT_PARTITIONS, ge=1, le=10_000)
    group: str = Field("marginmon", pattern=r"^[A-Za-z0-9._-]{1,64}$", description="consumer group")
    instance: str = Field(
        "", pattern=r"^[A-Za-z0-9._-]{0,64}$",
        description="static membership: a quick restart under the same name moves no partition",
    )  # fmt: skip
    http_host: str = Field("127.0.0.1", min_length=1)
    http_port: int = Field(0, ge=0, le=65_535, description="0 = a free port")
    parameters: Path | None = Field(None, description="folder whose files replace packaged parameter files")
    scenarios: Path | None = Field(None, description="scenario file of the unified candidate")
    clock: Literal["wall", "event"] = Field(
        "wall", description="event: now is the latest source time of a price, for days that are replayed"
    )
    evaluation_interval_ms: int = Field(10, ge=1, le=60_000, description="least time between two passes")
    engine_threads: int = Field(
        0, ge=0, le=64, description="threads of an evaluation pass; 0 = one per usable core, at most 4"
    )
    option_refresh_ms: int = Field(
        200,
        ge=0,
        le=60_000,
        description="risk of options and of what they rest on is renewed at most this often; 0 = every pass",
    )
    intraday_looks_per_pass: int = Field(
        50,
        ge=1,
        le=100_000,
        description="transactions that a pass looks at under the intraday margin rule; the next pass goes on",
    )
    clock_tick_ms: int = Field(
        1000, ge=50, le=60_000, description="a pass at least this often: prices age, options lose time value"
    )
    statement_threshold_usd: float = Field(1000.0, ge=0, allow_inf_nan=False)
    statement_interval_s: float = Field(10.0, ge=0.1, le=86_400)
    statements_per_pass: int = Field(20, ge=2, le=100_000)
    parking_limit: int = Field(100_000, ge=0, le=10_000_000)
    clock_skew_limit_ms: int = Field(5_000, ge=0, le=86_400_000)
    session_timeout_s: float = Field(10.0, ge=6, le=300, description="then partitions of a dead worker move")
    checkpoints: Path | None = Field(
        None,
        description="folder for checkpoints, from which partitions are restored; without one from the log",
    )
    checkpoint_interval_s: float = Field(
        300.0, ge=1, le=86_400, description="least time between two of a partition"
    )
    top_accounts: int = Field(0, ge=0, le=100, description="worst accounts named in /metrics; 0 = none")
    shadow_check_accounts: int = Field(5, ge=0, le=1000, description="compared with the plain twin each time")
    shadow_check_interval_s: float = Field(60.0, ge=1, le=86_400)
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$")

    @model_validator(mode="after")
    def _files_exist(self) -> Self:
        for name in ("parameters", "scenarios"):
            path = getattr(self, name)
            if path is not None and not path.exists():
                raise ValueError(f"{name}: {path} does not exist; name an existing path or leave it out")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags before environment before file."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def threads(self) -> int:
        """How many threads the engine is given."""
        return self.engine_threads or min(_MOST_THREADS, _usable_cores())

    @property
    def topics(self) -> TopicTable:
        """The topics under this prefix."""
        return TopicTable(self.topic_prefix, self.partitions)

    def transactional_id(self, partition: int) -> str:
        """The same for every worker, whatever its group: the latest owner fences the others."""
        return f"{self.topics.transactional_prefix}{partition}"

    @property
    def broadcast_group(self) -> str:
        """Holds how far the dead letters of broadcast topics were written; nobody joins it."""
        return f"{self.group}-broadcast"


def _usable_cores() -> int:
    """Cores that this process may run on, which a container or taskset can make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_settings(config: Path | None, flags: dict[str, Any]) -> WorkerSettings:
    """Settings from all sources.

    Args:
        config: TOML file. flags: those given on the command line.

    Raises:
        SettingsError: one line naming the key and the remedy.
    """
    if config is not None and not config.is_file():
        raise SettingsError(f"settings file {config} does not exist; name an existing one")

    class Sourced(WorkerSettings):
        model_config = SettingsConfigDict(toml_file=config)

    try:
        return Sourced(**flags)
    except ValidationError as error:
        raise SettingsError(_one_line(error)) from None
    except ValueError as error:  # the TOML file does not parse
        raise SettingsError(f"settings file {config}: {error}; correct the file") from None


def _one_line(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(step) for step in first["loc"]).removeprefix(_PREFIX).lower()
    if first["type"] == "extra_forbidden":
        known = ", ".join(sorted(WorkerSettings.model_fields))
        return f"setting {key}: is not known; known are {known}"
    if not key:
        return f"setting {first['msg'].removeprefix('Value error, ')}"
    flag = key.replace("_", "-")
    if key in SECRETS:
        return f"setting {key}: {first['msg']}; correct {_PREFIX}{key.upper()}"
    return f"setting {key} = {first['input']!r}: {first['msg']}; correct --{flag} or {_PREFIX}{key.upper()}"
