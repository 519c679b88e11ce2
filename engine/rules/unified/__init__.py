"""Unified rulebooks: one requirement for the whole account."""
