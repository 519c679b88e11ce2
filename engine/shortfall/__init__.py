"""What the figures mean: gap, trapped collateral, margin calls."""
