"""Slots of texts are those of a dict, however many there are and whatever their bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.base.idmap import IdMap

_TEXTS = st.text(st.sampled_from("ab\x00é€"), max_size=3)


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.lists(_TEXTS, max_size=40), max_size=8))
def test_slots_are_those_of_a_dict(batches: list[list[str]]) -> None:
    ids, known = IdMap(), dict[str, int]()
    for batch in batches:
        expected = [known.setdefault(text, len(known)) for text in batch]
        assert ids.find_or_add(batch).tolist() == expected
        assert ids.count == len(known)


@settings(deadline=None)  # the first example compiles
@given(st.lists(_TEXTS, max_size=80, unique=True), st.data())
def test_only_keeps_the_slots_asked_for_in_their_order(texts: list[str], data: st.DataObject) -> None:
    ids = IdMap()
    ids.find_or_add(texts)
    keep = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
    kept = ids.only(np.array(keep, np.bool_))
    expected = [text for text, stays in zip(texts, keep, strict=True) if stays]
    assert kept.count == len(expected)
    assert kept.find_or_add([*expected, "new"]).tolist() == list(range(len(expected) + 1))


def test_texts_with_the_same_hash_stay_apart() -> None:
    """Among 200,000 texts some share all the bits that the table keeps of a hash."""
    texts = [f"T-{number}" for number in range(200_000)]
    ids = IdMap()
    for start in range(0, len(texts), 7000):
        ids.find_or_add(texts[start : start + 7000])
    tags = ids._table[ids._table >= 0] >> 32
    assert len(np.unique(tags)) < len(texts)
    assert np.array_equal(ids.find_or_add(texts), np.arange(len(texts)))
