"""The broker's jars: whatever is missing or damaged is noticed and mended; a failure names its remedy."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.broker.class_path import class_path, fault
from streams.broker.errors import JarError
from streams.broker.jar_lock import KAFKA_VERSION, LOCK_FILE, ROOTS, PinnedJar, read_lock, write_lock
from streams.broker.ports import free_ports

JARS = read_lock()


@pytest.fixture(scope="session")
def good_jars() -> Path:
    """The folder with all jars, fetched once on this machine."""
    return class_path()[0].parent


@pytest.fixture
def local_repository(good_jars: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A local Maven repository that has every jar, an empty cache, and no way to the network."""
    repository = tmp_path / "repository"
    for jar in JARS:
        target = repository / maven_path(jar)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(good_jars / jar.file_name, target)
    monkeypatch.setenv("M2_REPO", str(repository))
    monkeypatch.setenv("JGO_CONFIG_FILE", str(tmp_path / "absent.conf"))
    monkeypatch.setenv("MARGINMON_CACHE", str(tmp_path / "cache"))
    dead_proxy = f"http://user:secret@127.0.0.1:{free_ports(1)[0]}"
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, dead_proxy)
    return repository


def maven_path(jar: PinnedJar) -> Path:
    group, artifact, version = jar.coordinate.split(":")
    return Path(*group.split("."), artifact, version, jar.file_name)


def assert_complete(folder: Path) -> None:
    assert {jar.coordinate: fault(jar, folder / jar.file_name) for jar in JARS} == {
        jar.coordinate: None for jar in JARS
    }
    assert {path.name for path in folder.iterdir()} == {jar.file_name for jar in JARS}


def test_lock_holds_the_roots_and_no_address() -> None:
    coordinates = [jar.coordinate for jar in JARS]
    assert set(ROOTS) <= set(coordinates)
    assert len(set(coordinates)) == len(coordinates) > len(ROOTS)
    assert "//" not in LOCK_FILE.read_text()


def test_lock_round_trip_and_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "jars.lock"
    write_lock(JARS, path)
    assert path.read_bytes() == LOCK_FILE.read_bytes()
    path.write_text("group:artifact 12 34\n")
    with pytest.raises(JarError, match=r"jars\.lock line 1"):
        read_lock(path)


def test_empty_cache_is_filled_then_left_alone(local_repository: Path) -> None:
    first = class_path()
    assert [path.name for path in first] == [jar.file_name for jar in JARS]
    assert_complete(first[0].parent)
    shutil.rmtree(local_repository)
    assert class_path() == first


def test_missing_truncated_and_foreign_jars_are_reported_and_mended(
    local_repository: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, truncated, foreign, sound = class_path()[:4]
    missing.unlink()
    truncated.write_bytes(truncated.read_bytes()[:-1])
    foreign.write_bytes(b"x" * foreign.stat().st_size)
    age = sound.stat().st_mtime_ns
    capsys.readouterr()
    assert_complete(class_path()[0].parent)
    told = capsys.readouterr().err
    assert f"{truncated.name} in {truncated.parent} is damaged" in told
    assert f"{foreign.name} in {foreign.parent} is damaged (another sha256 than pinned)" in told
    assert "3 jars" in told
    assert sound.stat().st_mtime_ns == age


def test_foreign_jar_in_the_local_repository_is_never_taken(local_repository: Path) -> None:
    bad = local_repository / maven_path(JARS[1])
    bad.unlink()
    bad.write_bytes(b"x" * JARS[1].size_bytes)
    with pytest.raises(JarError, match=f"cannot fetch {JARS[1].coordinate}") as caught:
        class_path()
    assert "Remedy" in str(caught.value)
    assert "secret" not in str(caught.value)
    folder = Path(os.environ["MARGINMON_CACHE"]) / f"kafka-{KAFKA_VERSION}"
    assert not (folder / JARS[1].file_name).exists()


def test_two_processes_on_an_empty_cache(local_repository: Path) -> None:
    code = "from streams.broker.class_path import class_path; print(class_path()[0].parent)"
    both = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    folders = {process.communicate(timeout=60)[0].strip() for process in both}
    assert [process.returncode for process in both] == [0, 0]
    assert len(folders) == 1
    assert_complete(Path(folders.pop()))
