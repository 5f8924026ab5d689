"""All code that reads private rows before noise is added."""
