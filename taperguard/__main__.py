"""`python -m taperguard` is the command line."""

from taperguard.cli import main

if __name__ == "__main__":
    main()
