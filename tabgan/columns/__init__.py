"""Kinds of columns: cells, encoders, and the table that they make."""
