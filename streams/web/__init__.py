"""The live page: statements and call events from Kafka, pushed to browsers; drill-down from the workers."""
