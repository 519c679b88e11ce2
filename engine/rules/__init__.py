"""Rulebooks: today's silo rules and the unified candidates."""
