"""Plans of fits: what a fit would release, with which noise and error, from public facts alone."""
