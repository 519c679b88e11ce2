"""The independent verifier: what the topics say, gone through again with plain Python."""
