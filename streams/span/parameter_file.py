"""Writing a parameter file of SPAN-type margin that says where its figures come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import tomli_w

from engine.rules.span_parameters import Parameters
from streams.replay.files import FileError

FILE_NAME: Final = "span-futures.toml"


def write_parameters(folder: Path, mapping: Mapping[str, Any], remarks: Sequence[str]) -> Path:
    """Write ``span-futures.toml`` with remarks at its top; what is written can be read again.

    Raises:
        FileError: the folder cannot be written to.
        MarginError: BAD_PARAMETER; nothing is written.
    """
    Parameters.from_mapping(mapping)
    top = "".join(f"# {line}\n" for line in remarks)
    file = folder / FILE_NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(top + "\n" + tomli_w.dumps(mapping), encoding="utf-8")
    except OSError as error:
        raise FileError(file, "", f"cannot be written: {error.strerror}", "name another folder") from None
    return file
