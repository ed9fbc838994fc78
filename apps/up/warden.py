"""Outlives `tickerflow up` for seconds: ends what a killed one has left.

``python -m apps.up.warden MARK`` reads the pids of the parts from its standard input, which ends when
the process that holds the other end does, however it died. After an orderly end there is nothing left
to do. Only the standard library: it starts with the parts, and takes 10 MB.
"""

import signal
import sys

from apps.up.family import end_all

_PATIENCE_SECONDS = 8.0


def main() -> int:
    """Wait for the end of the input, then see to the parts'."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    pids = {int(line) for line in sys.stdin if line.strip()}
    end_all(sys.argv[1], pids, _PATIENCE_SECONDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
