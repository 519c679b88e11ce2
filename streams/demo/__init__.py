"""The demo: a real Kafka, a simulated market, workers and the live page in one process group."""
