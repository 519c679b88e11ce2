"""Fields of one line of a positional file; a line may end before its last fields."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streams.replay.files import FileError

_MOST_DECIMALS = 15  # more digits no figure has


def is_digits(text: str) -> bool:
    """Only 0 to 9, at least one: other scripts have digits, too."""
    return text.isascii() and text.isdigit()


@dataclass(slots=True)
class RecordLine:
    """One record of a file; fields are counted from 1, both ends included, as layout pages print them."""

    file: Path
    number: int
    text: str

    def words(self, first: int, last: int) -> str:
        return self.text[first - 1 : last].strip()

    def figure(self, first: int, last: int, decimals: int = 0) -> float:
        """An unsigned number with implied decimals; blank is 0."""
        text = self.words(first, last)
        if not text:
            return 0.0
        if not is_digits(text):
            detail = f"{text!r} is not a number"
            raise FileError(self.file, f"line {self.number}, bytes {first}-{last}", detail, "correct it")
        return float(int(text)) / 10.0**decimals

    def signed(self, first: int, last: int, decimals: int = 0) -> float:
        """A number whose sign stands behind it."""
        value = self.figure(first, last, decimals)
        return -value if self.text[last : last + 1] == "-" else value

    def locator(self, first: int, last: int) -> int:
        """Number of decimals, maybe negative: -02."""
        text = self.words(first, last)
        sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
        if digits and (not is_digits(digits) or int(digits) > _MOST_DECIMALS):
            detail = f"{text!r} is not a number of decimals"
            raise FileError(self.file, f"line {self.number}, bytes {first}-{last}", detail, "correct it")
        return sign * int(digits or 0)

    def month(self, first: int, last: int) -> str:
        """``YYYY-MM`` of CCYYMM or YYMM; empty where there is none."""
        text = self.words(first, last)
        text = f"20{text}" if len(text) == 4 else text
        return f"{text[:4]}-{text[4:6]}" if len(text) == 6 and is_digits(text) and int(text) else ""
