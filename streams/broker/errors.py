"""What can go wrong with the embedded broker; every message names the thing, the place and the remedy."""

from __future__ import annotations


class BrokerError(RuntimeError):
    """The embedded broker cannot start or has ended by itself."""


class JarError(BrokerError):
    """A jar of the class path is missing and cannot be fetched, or is not the pinned one."""


class PortTakenError(BrokerError):
    """Another process listens on a port that the broker was told to use."""
