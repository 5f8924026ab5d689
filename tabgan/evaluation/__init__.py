"""Door 3: how a synthetic table compares with real ones. Figures from here are outside the guarantee."""
