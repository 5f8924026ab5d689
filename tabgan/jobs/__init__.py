"""Whole runs, described in YAML."""
