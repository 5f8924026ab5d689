"""The guarantee: budget, accounting, ledger, and the only modules that read private rows."""
