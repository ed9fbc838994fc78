"""Train, judge and promote one series, without Prefect.

    python -m ml.training.train_lstm --ticker AAPL --interval 1d --epochs 30

Ctrl-C and SIGTERM end it in words: `ml.training.ending`.
"""

import sys
from collections.abc import Sequence

from ml.training import ending


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status: 0 done, 1 the series failed, 2 wrong use.

    An interruption is 130, or 143 where it is SIGTERM: nothing is promoted then. One that comes when the
    promotion has begun changes nothing.
    """
    from ml.training.command import run  # takes a while, in which signals are answered already

    return run(arguments)


if __name__ == "__main__":
    ending.answer_signals()
    sys.exit(main())
