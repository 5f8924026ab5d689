"""Attacks on a synthetic table."""
