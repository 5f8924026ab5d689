"""The critic, its optimizer, and its training."""
