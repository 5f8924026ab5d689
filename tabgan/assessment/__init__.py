"""Reports of a fitted model: figures of both editions."""
