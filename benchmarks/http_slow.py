"""A thousand slow clients at once, and how long /healthz takes beside them.

    python -m benchmarks.http_slow [--clients 1000] [--seconds 20]

A third of the clients connects and says nothing, a third sends its headers a byte a second, a third its
body; whoever is cut off comes back at once. /healthz is asked for 20 times a second at fixed times, on
a new connection each. Exit status 1 where one fails, or the 99th percentile is a second or more.
"""

import argparse
import asyncio
import re
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.http_service import Service, serving, settings_of

_RATE, _P99_SECONDS, _PATIENCE_SECONDS = 20, 1.0, 10.0
_KINDS = ("silent", "headers drip", "body drips")
_BEGINNINGS = {
    "silent": b"",
    "headers drip": b"GET /healthz HTTP/1.1\r\nX-Slow: ",
    "body drips": b"POST /ml/train HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n",
}


async def slow(service: Service, kind: str, ends: Counter[str], until: float) -> None:
    """Be slow, and come back where it was cut off."""
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        with suppress(ConnectionError):
            writer.write(_BEGINNINGS[kind])
            while time.monotonic() < until:
                with suppress(TimeoutError):
                    said = await asyncio.wait_for(reader.read(4096), 1)
                    ends[f"{kind}: {_status(said)}"] += 1
                    break
                if kind != "silent":
                    writer.write(b"x")
        writer.close()


async def probe(service: Service, seconds: float) -> list[float]:
    """Seconds of each answer of /healthz, from when it should have been asked for."""
    taken: list[float] = []
    began = time.perf_counter()

    async def one(number: int) -> None:
        due = began + number / _RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            said = await reader.read()
        writer.close()
        taken.append(time.perf_counter() - due)
        assert said.startswith(b"HTTP/1.1 200"), said

    await asyncio.gather(*(one(number) for number in range(int(_RATE * seconds))))
    return taken


async def measure(service: Service, clients: int, seconds: float) -> tuple[list[float], Counter[str]]:
    """Answers of /healthz, and how the slow connections ended."""
    ends: Counter[str] = Counter()
    until = time.monotonic() + seconds + 3
    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(slow(service, _KINDS[number % len(_KINDS)], ends, until))
        await asyncio.sleep(2)  # until all are connected
        taken = await probe(service, seconds)
    return taken, ends


def _status(said: bytes) -> str:
    found = re.match(rb"HTTP/1\.1 (\d+)", said)
    return found[1].decode() if found else "closed"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=20)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        settings_of(Path(temporary))
        with serving() as service:
            taken, ends = asyncio.run(measure(service, options.clients, options.seconds))
            memory = service.megabytes()
    p50, p99 = np.percentile(taken, (50, 99))
    print(f"/healthz beside {options.clients} slow clients, {len(taken)} answers:")
    print(f"median {1000 * p50:.1f} ms, 99% {1000 * p99:.1f} ms, longest {1000 * max(taken):.1f} ms")
    print("cut off:", ", ".join(f"{how} {count} times" for how, count in sorted(ends.items())))
    print(f"memory {memory:.0f} MB")
    return 0 if p99 < _P99_SECONDS else 1


if __name__ == "__main__":
    raise SystemExit(main())
