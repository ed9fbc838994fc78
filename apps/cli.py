"""The ``tickerflow`` command; `apps.commands` has its commands."""

from apps.interrupting import end_in_order
from ml.importing import without_collector


def main() -> None:
    """The entry point."""
    end_in_order()
    with without_collector():
        from apps.commands import app
    app(prog_name="tickerflow")


if __name__ == "__main__":
    main()
