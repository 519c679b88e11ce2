"""Splitting a restored batch, so that what a worker had looked at is not counted again with what came later."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


def in_runs(ids: Sequence[str], unseen: NDArray[np.bool_]) -> list[slice]:
    """Runs of entries that are alike in ``unseen``; one run if no entry has versions of both kinds.

    A ledger brings the versions of a batch together. A correction that came after the last look would then be taken
    for the whole trade.
    """
    late = {ids[place] for place in np.flatnonzero(unseen).tolist()}
    if not late or not any(entry in late for entry, new in zip(ids, unseen.tolist(), strict=True) if not new):
        return [slice(0, len(ids))]
    bounds = [0, *(np.flatnonzero(unseen[1:] != unseen[:-1]) + 1).tolist(), len(ids)]
    return [slice(first, last) for first, last in pairwise(bounds)]
