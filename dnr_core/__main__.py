"""`python -m dnr_core`."""

import sys

from dnr_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
