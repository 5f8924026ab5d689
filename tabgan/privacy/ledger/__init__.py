"""A dataset's ledger on disk."""
