"""Subcommands of effsr/benchmark.py, one module each, and the parts they share."""
