"""What accounts hold: trades, positions, cash and collateral."""
