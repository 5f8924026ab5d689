"""Synthetic rows of a fitted model: exactly as many as are asked for. Nothing private is read here."""
