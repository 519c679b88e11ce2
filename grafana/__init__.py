"""Grafana boards as code: ``python -m grafana.build`` writes them, ``--check`` compares."""
