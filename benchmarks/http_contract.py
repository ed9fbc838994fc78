"""Schemathesis against the service at work: what it sent, and what was answered.

    python -m benchmarks.http_contract --url http://127.0.0.1:8000 --ticker AAPL --interval 1d

asks a service that runs, and changes what it serves: it uploads, trains, cancels and rolls back. Give
it folders of their own.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.apps.http.contract import Contract, check_contract


def main() -> int:
    """Run, print a table of answers by operation, and say whether every check passed."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the service (%(default)s)")
    parser.add_argument("--ticker", required=True, help="a series that is trained")
    parser.add_argument("--interval", required=True, help="its interval")
    parser.add_argument("--examples", type=int, default=200, help="made up an operation (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="threads that ask (%(default)s)")
    parser.add_argument("--seconds", type=int, help="go on for so long; by default to --examples")
    parser.add_argument(
        "--phases", default="examples,coverage,fuzzing,stateful", help="what is tried (%(default)s)"
    )
    options = parser.parse_args()
    asked = {"ticker": options.ticker, "interval": options.interval}
    known = {f"{place}.{name}": [value] for name, value in asked.items() for place in ("path", "query")}
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = check_contract(
            options.url,
            Path(folder),
            max_examples=options.examples,
            known=known,
            phases=options.phases,
            workers=options.workers,
            seconds=options.seconds,
        )
    if not found.passed:
        print(found.output)
    print(_table(found))
    words = "every check passed" if found.passed else "some checks failed"
    print(f"{found.requests} requests in {time.monotonic() - began:.0f} s: {words}")
    return 0 if found.passed else 1


def _table(found: Contract) -> str:
    statuses = sorted(found.statuses)
    lines = [
        f"| operation | {' | '.join(map(str, statuses))} |",
        f"| --- |{' ---: |' * len(statuses)}",
    ]
    for operation, counts in sorted(found.operations.items()):
        cells = " | ".join(str(counts.get(status, "")) for status in statuses)
        lines.append(f"| `{operation}` | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
