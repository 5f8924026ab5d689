"""A whole table: checks of its form, its codes, and a draft of its schema."""
