"""``python -m emovox`` is the command ``emovox``."""

from emovox.cli import main

if __name__ == "__main__":
    main()
