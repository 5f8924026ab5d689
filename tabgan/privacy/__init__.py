"""The guarantee: what may be spent, what was spent, and the only modules that touch private rows."""
