"""The command ``tabgan``, as ``python -m tabgan``."""

from tabgan.cli.app import main

if __name__ == "__main__":
    main()
