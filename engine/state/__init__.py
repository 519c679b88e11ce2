"""The facade: one engine that takes columns in and gives changes out."""
