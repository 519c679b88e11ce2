"""From Kafka to the engine: transport, decoding into columns, parking, broadcast, restore."""
