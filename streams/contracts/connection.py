"""How every client of this program reaches Kafka: address, TLS, credentials; one place for all of them.

Settings come from ``MARGINMON_*`` variables (a worker takes those that are no secrets as flags, too, and all of
them from its TOML file). Secrets come from the environment or from files, never from the command line, and are
never printed.
"""

from __future__ import annotations

import ipaddress
import ssl
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self

from aiokafka.helpers import create_ssl_context
from pydantic import AliasChoices, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_BOOTSTRAP: Final = "127.0.0.1:9092"
BOOTSTRAP_VARIABLES: Final = ("MARGINMON_BOOTSTRAP", "KAFKA_BOOTSTRAP")
_PREFIX: Final = "MARGINMON_"
SECURITY_PROTOCOL_VARIABLE: Final = _PREFIX + "SECURITY_PROTOCOL"
ALLOW_PLAINTEXT_VARIABLE: Final = _PREFIX + "ALLOW_PLAINTEXT"
_TLS: Final = frozenset({"SSL", "SASL_SSL"})


class ConnectionSettingError(ValueError):
    """One line: which setting, what is wrong, what to do; never a secret."""


def is_loopback(host: str) -> bool:
    """Whether a host name or address stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def hosts_of(bootstrap: str) -> list[str]:
    """Hosts of ``host:port,[v6]:port``."""
    servers = (server.strip() for server in bootstrap.split(",") if server.strip())
    return [server.rpartition(":")[0].strip("[]") or server for server in servers]


def secret_in(path: Path) -> SecretStr:
    """The first line of a file that holds a secret.

    Raises:
        ValueError: naming the file, not what is in it.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no UTF-8 text"
        raise ValueError(f"{path} cannot be read: {why}; name a readable file") from None
    if not lines or not lines[0].strip():
        raise ValueError(f"{path} is empty; its first line must be the secret")
    return SecretStr(lines[0].strip())


class Connection(BaseSettings):
    """Where Kafka is and how it is reached.

    Unencrypted connections leave this machine only if ``allow_plaintext`` says so.
    """

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, populate_by_name=True, frozen=True, hide_input_in_errors=True, extra="ignore"
    )

    bootstrap: str = Field(
        DEFAULT_BOOTSTRAP,
        min_length=1,
        validation_alias=AliasChoices("bootstrap", *BOOTSTRAP_VARIABLES),
        description="host:port of a broker, several separated by commas",
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_SSL"] = Field(
        "PLAINTEXT",
        validation_alias=SECURITY_PROTOCOL_VARIABLE,
        description="PLAINTEXT, SSL (with a certificate of ours: mTLS) or SASL_SSL",
    )
    allow_plaintext: bool = Field(
        False,
        validation_alias=ALLOW_PLAINTEXT_VARIABLE,
        description="connect unencrypted to another machine than this",
    )
    tls_ca_file: Path | None = Field(
        None,
        validation_alias=_PREFIX + "TLS_CA_FILE",
        description="PEM file of who signs the brokers' certificates; without it those the system trusts",
    )
    tls_cert_file: Path | None = Field(
        None, validation_alias=_PREFIX + "TLS_CERT_FILE", description="PEM file of our certificate, for mTLS"
    )
    tls_key_file: Path | None = Field(
        None, validation_alias=_PREFIX + "TLS_KEY_FILE", description="PEM file of our certificate's key"
    )
    tls_key_password_file: Path | None = Field(
        None,
        validation_alias=_PREFIX + "TLS_KEY_PASSWORD_FILE",
        description="file with the password of an encrypted key",
    )
    sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512",
        validation_alias=_PREFIX + "SASL_MECHANISM",
        description="with SASL_SSL: SCRAM-SHA-512, SCRAM-SHA-256 or PLAIN",
    )
    sasl_username: str = Field(
        "", validation_alias=_PREFIX + "SASL_USERNAME", description="who we are, with SASL_SSL"
    )
    sasl_password: SecretStr | None = Field(None, validation_alias=_PREFIX + "SASL_PASSWORD", repr=False)
    sasl_password_file: Path | None = Field(
        None, validation_alias=_PREFIX + "SASL_PASSWORD_FILE", description="file with the password"
    )

    @model_validator(mode="after")
    def _may_and_can_connect(self) -> Self:
        """Refuse what must not be, and read every file now rather than at the first reconnect."""
        if self.security_protocol == "PLAINTEXT" and not self.allow_plaintext:
            away = [host for host in hosts_of(self.bootstrap) if not is_loopback(host)]
            if away:
                raise ValueError(
                    f"security_protocol: PLAINTEXT to {away[0]} would send everything unencrypted over the network; "
                    f"set {_PREFIX}SECURITY_PROTOCOL to SASL_SSL or SSL, or {ALLOW_PLAINTEXT_VARIABLE}=true if the "
                    "network may be trusted"
                )
        if self.security_protocol == "SASL_SSL" and not (self.sasl_username and self._password):
            raise ValueError(
                f"sasl_username: SASL_SSL needs {_PREFIX}SASL_USERNAME, and {_PREFIX}SASL_PASSWORD_FILE or "
                f"{_PREFIX}SASL_PASSWORD"
            )
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError("tls_cert_file: goes with tls_key_file; give both or neither")
        _ = self._tls
        return self

    @cached_property
    def _password(self) -> SecretStr | None:
        if self.sasl_password is not None:
            return self.sasl_password
        return secret_in(self.sasl_password_file) if self.sasl_password_file else None

    @cached_property
    def _tls(self) -> ssl.SSLContext | None:
        """TLS with the brokers' names checked; None without TLS."""
        if self.security_protocol not in _TLS:
            return None
        key_password = secret_in(self.tls_key_password_file) if self.tls_key_password_file else None
        for path in (self.tls_ca_file, self.tls_cert_file, self.tls_key_file):
            if path is not None and not path.is_file():
                raise ValueError(f"{path} does not exist; name an existing PEM file")
        try:
            context: ssl.SSLContext = create_ssl_context(
                cafile=self.tls_ca_file,
                certfile=self.tls_cert_file,
                keyfile=self.tls_key_file,
                # Without one an encrypted key would be asked for on the terminal.
                password=key_password.get_secret_value() if key_password else "",
            )
        except (ssl.SSLError, OSError, ValueError) as error:
            files = ", ".join(str(p) for p in (self.tls_ca_file, self.tls_cert_file, self.tls_key_file) if p)
            raise ValueError(
                f"TLS files {files}: {error}; give PEM files, and a key that belongs to its certificate"
            ) from None
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        return context

    def options(self) -> dict[str, Any]:
        """Keyword arguments of every aiokafka client; they hold the password: never print them."""
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
        }
        if self._tls is not None:
            options["ssl_context"] = self._tls
        if self.security_protocol == "SASL_SSL":
            assert self._password is not None
            options |= {
                "sasl_mechanism": self.sasl_mechanism,
                "sasl_plain_username": self.sasl_username,
                "sasl_plain_password": self._password.get_secret_value(),
            }
        return options


def connect_to(bootstrap: str | None = None) -> Connection:
    """The connection that the environment describes, to these brokers if they are named.

    Raises:
        ConnectionSettingError: one line naming the setting and the remedy.
    """
    try:
        return Connection() if bootstrap is None else Connection(bootstrap=bootstrap)
    except ValidationError as error:
        raise ConnectionSettingError(one_line(error)) from None


def one_line(error: ValidationError) -> str:
    """The first error in one line, with its setting; what was given is left out, as it may be a secret."""
    first = error.errors(include_url=False, include_input=False)[0]
    key = ".".join(str(step) for step in first["loc"]).removeprefix(_PREFIX).lower()
    message = first["msg"].removeprefix("Value error, ")
    return f"setting {key}: {message}; correct {_PREFIX}{key.upper()}" if key else f"setting {message}"
