"""Units, rounding and named errors that every other package builds on."""
