"""From the engine to Kafka: call events in transactions, conflated statements, dead letters."""
