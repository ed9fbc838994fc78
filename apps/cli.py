"""The ``tickerflow`` command; `apps.commands` has its commands."""

import sys

from apps.interrupting import end_in_order, status_of
from ml.importing import without_collector


def main() -> None:
    """The entry point."""
    try:
        end_in_order()
        with without_collector():
            from apps.commands import app
    except KeyboardInterrupt as interrupt:  # before there is a command, which has its own words for it
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(status_of(interrupt))
    app(prog_name="tickerflow")


if __name__ == "__main__":
    main()
