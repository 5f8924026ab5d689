"""Synthetic rows of a fitted model: exactly as many as are requested. Nothing private is read here."""
