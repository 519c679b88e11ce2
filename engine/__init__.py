"""The margin engine: pure calculation, no Kafka, files, clock or environment."""
