"""The version of the package, which files and messages state."""

__version__ = "0.1.0"
