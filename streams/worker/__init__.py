"""One process of the monitor: settings, partitions, evaluation, metrics, health."""
