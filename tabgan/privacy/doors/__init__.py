"""Every reader of private rows before noise is added."""
