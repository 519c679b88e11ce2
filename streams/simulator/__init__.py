"""A simulated firm and its market by seed and rate, and the synthetic scenario set that fits it."""
