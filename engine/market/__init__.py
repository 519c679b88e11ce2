"""What can be traded and what it is worth: instruments, prices, scenarios, option pricing."""
