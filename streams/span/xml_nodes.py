"""Texts, numbers, months and dates of XML elements."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree.ElementTree import Element as Node

from streams.replay.files import FileError
from streams.span.record_line import is_digits


def text_of(node: Node, path: str) -> str:
    return (node.findtext(path) or "").strip()


def number_of(file: Path, node: Node, path: str, default: float = 0.0) -> float:
    text = text_of(node, path)
    try:
        value = float(text) if text else default
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FileError(file, f"{node.tag}/{path}", f"{text!r} is not a number", "correct the file")
    return value


def month_of(text: str) -> str:
    """``YYYY-MM`` of a period such as 202612, 20261218 or 20261200."""
    return f"{text[:4]}-{text[4:6]}"


def date_of(file: Path, node: Node) -> str:
    text = (node.text or "").strip()
    if len(text) != 8 or not is_digits(text):
        raise FileError(file, "date", f"{text!r} is not YYYYMMDD", "correct the file")
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"
