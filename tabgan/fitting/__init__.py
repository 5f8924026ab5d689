"""Fits: from a table to a model, and back from a file."""
