"""From positions and rows to exposures, incrementally."""
