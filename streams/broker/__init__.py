"""A real single-node Apache Kafka for the demo and the tests, without Docker and without a system Java."""
