"""What people at the margin desk do from a terminal: see calls and answer them, see dead letters and replay them."""
