"""Where downloaded and compiled things are kept between runs, outside any working tree."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

CACHE_VARIABLE = "MARGINMON_CACHE"


def cache_directory() -> Path:
    """The cache folder: the variable MARGINMON_CACHE, else the platform's cache folder of the user.

    The folder need not exist yet. Everything in it can be deleted at any time; it is fetched again.
    """
    override = os.environ.get(CACHE_VARIABLE)
    if override:
        return Path(override).expanduser().absolute()
    return user_cache_path("marginmon", appauthor=False)
