"""Secrets come from files or the environment, and are shown nowhere: settings, errors, tracebacks, logs."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
import trustme
from click.testing import CliRunner
from pydantic import ValidationError

from streams.cli import main
from streams.contracts.connection import Connection, ConnectionSettingError, connect_to
from streams.inbound.transport import credentials
from streams.web.settings import WebSettings
from streams.worker.settings import SettingsError, WorkerSettings, load_settings

SECRET = "hunter2-hunter2-hunter2"


@pytest.fixture(autouse=True)
def secured_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAFKA_BOOTSTRAP", "MARGINMON_BOOTSTRAP", "MARGINMON_ALLOW_PLAINTEXT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MARGINMON_SECURITY_PROTOCOL", "SASL_SSL")
    monkeypatch.setenv("MARGINMON_SASL_USERNAME", "worker")
    monkeypatch.setenv("MARGINMON_SASL_PASSWORD", SECRET)


@pytest.mark.parametrize("settings", [Connection, WorkerSettings, WebSettings])
def test_printed_settings_hold_no_secret(settings: type[Connection]) -> None:
    made = settings()
    assert made.options()["sasl_plain_password"] == SECRET  # it is there
    for shown in (
        repr(made),
        str(made),
        made.model_dump_json(),
        str(made.model_dump()),
        repr(credentials(made)),
    ):
        assert SECRET not in shown


def test_show_settings_holds_no_secret() -> None:
    result = CliRunner().invoke(main, ["worker", "--show-settings"])
    assert result.exit_code == 0
    assert "sasl_password" in result.output
    assert SECRET not in result.output


def test_no_flag_takes_a_secret() -> None:
    result = CliRunner().invoke(main, ["worker", "--sasl-password", SECRET])
    assert result.exit_code == 2
    assert "No such option" in result.output


@pytest.mark.parametrize("settings", [Connection, WorkerSettings, WebSettings])
def test_tracebacks_of_bad_settings_hold_no_secret(
    settings: type[Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGINMON_SASL_USERNAME", "")
    with pytest.raises(ValidationError) as caught:
        settings()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_bad_password_setting_is_named_but_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MARGINMON_SASL_PASSWORD")
    config = tmp_path / "worker.toml"
    config.write_text("sasl_password = 1234567890\n")
    with pytest.raises(SettingsError, match="sasl_password") as caught:
        load_settings(config, {})
    assert "1234567890" not in str(caught.value)


def test_the_password_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MARGINMON_SASL_PASSWORD")
    path = tmp_path / "password"
    path.write_text(SECRET + "\n")
    monkeypatch.setenv("MARGINMON_SASL_PASSWORD_FILE", str(path))
    assert connect_to().options()["sasl_plain_password"] == SECRET
    path.write_text("\n")
    with pytest.raises(ConnectionSettingError, match="is empty"):
        connect_to()


def test_a_command_that_cannot_connect_says_no_secret() -> None:
    result = CliRunner().invoke(main, ["topics", "check", "--bootstrap", "127.0.0.1:1"])
    assert result.exit_code == 2
    assert SECRET not in result.output + str(result.exception)


@pytest.mark.parametrize(
    ("bootstrap", "refused"),
    [
        ("127.0.0.1:9092", False),
        ("localhost:9092,[::1]:9092", False),
        ("kafka:9092", True),
        ("127.0.0.1:9092,10.0.0.1:9092", True),
        ("0.0.0.0:9092", True),
    ],
)
def test_unencrypted_stays_on_this_machine(
    bootstrap: str, refused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARGINMON_SECURITY_PROTOCOL", "PLAINTEXT")
    if refused:
        with pytest.raises(ConnectionSettingError, match="unencrypted over the network"):
            connect_to(bootstrap)
        for command in (["topics", "check"], ["calls", "list"], ["simulate"], ["worker"], ["web"]):
            result = CliRunner().invoke(main, [*command, "--bootstrap", bootstrap])
            assert result.exit_code == 2
            assert "MARGINMON_ALLOW_PLAINTEXT" in result.output
        monkeypatch.setenv("MARGINMON_ALLOW_PLAINTEXT", "true")
    assert connect_to(bootstrap).bootstrap == bootstrap


def test_bad_certificates_are_named_before_anything_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "ca.pem"
    monkeypatch.setenv("MARGINMON_TLS_CA_FILE", str(missing))
    with pytest.raises(ConnectionSettingError, match=r"ca\.pem does not exist"):
        connect_to()
    missing.write_text("no certificate")
    with pytest.raises(ConnectionSettingError, match=r"ca\.pem.*give PEM files"):
        connect_to()
    authority = trustme.CA()
    authority.cert_pem.write_to_path(missing)
    monkeypatch.setenv("MARGINMON_TLS_CERT_FILE", str(tmp_path / "cert.pem"))
    with pytest.raises(ConnectionSettingError, match="goes with tls_key_file"):
        connect_to()
    authority.issue_cert("one").cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    authority.issue_cert("two").private_key_pem.write_to_path(tmp_path / "key.pem")
    monkeypatch.setenv("MARGINMON_TLS_KEY_FILE", str(tmp_path / "key.pem"))
    with pytest.raises(ConnectionSettingError, match="a key that belongs to its certificate"):
        connect_to()


def test_brokers_must_prove_their_names() -> None:
    import ssl

    context = connect_to().options()["ssl_context"]
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
