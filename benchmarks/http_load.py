"""The HTTP service under load, while the series that it serves is promoted every second.

    python -m benchmarks.http_load [--requests 50000] [--seconds 60] [--quiet]

It starts a service of its own on loopback, and another process that promotes. Forecasts of 100 steps are
asked for in three ways: by wrk on 8 connections, as fast as they come (where wrk is installed); 100 a
second at fixed times, where a late answer counts from when it should have been asked for; and the rest
of the requests on 8 connections. Of the last two every answer is checked: its status, that an ETag
always comes with the same bytes, that a generation is always of one version, and that the forecasts are
those of the version that it names. ``--quiet`` leaves the promotions out. Exit status 1 where something
was wrong, or a target missed: 300 requests a second, 99% within 25 ms at 100 a second.
"""

import argparse
import asyncio
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.http_service import KEY, Service, prepare, promoting, serving

PATH = f"/ml/forecast?ticker={KEY.ticker}&interval={KEY.interval}&n_steps=100"
_RATE, _P99_MS, _CONNECTIONS = 300, 25.0, 8


@dataclass
class Checker:
    """What was answered, and what was wrong with it."""

    forecasts: dict[str, list[float]]
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)
    versions: dict[int, str] = field(default_factory=dict)

    def check(self, status: int, etag: str, body: bytes) -> None:
        """Check one answer; a body that was seen before is the same bytes."""
        self.answers += 1
        if status != 200:
            self.wrong.append(f"status {status}: {body[:200]!r}")
            return
        digest = hashlib.sha256(body).hexdigest()
        if etag in self.bodies:
            if self.bodies[etag] != digest:
                self.wrong.append(f"two bodies of one ETag {etag}")
            return
        self.bodies[etag] = digest
        answer = json.loads(body)
        version, generation = answer["version"], answer["generation"]
        if self.versions.setdefault(generation, version) != version:
            self.wrong.append(f"two versions of generation {generation}")
        if [step["forecast"] for step in answer["steps"]] != self.forecasts[version]:
            self.wrong.append(f"a forecast that is not that of its version {version}")


class Client:
    """One connection that asks, and asks again when it has the answer."""

    def __init__(self, port: int, checker: Checker) -> None:
        self._port, self._checker = port, checker
        self._ask = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self) -> None:
        """Ask once, and check the answer; a connection that rested too long is opened anew."""
        if self._streams is None or self._streams[0].at_eof():
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(self._ask)
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length, etag = (re.search(rf"{name}: (.+)\r", head) for name in ("content-length", "etag"))
        assert length is not None
        body = await reader.readexactly(int(length[1]))
        self._checker.check(int(head.split()[1]), etag[1] if etag else "", body)


async def at_rate(service: Service, checker: Checker, rate: int, seconds: float) -> list[float]:
    """Milliseconds of each answer, from the time at which it should have been asked for."""
    idle: asyncio.Queue[Client] = asyncio.Queue()
    for _ in range(4 * _CONNECTIONS):
        idle.put_nowait(Client(service.port, checker))
    taken: list[float] = []

    async def one(due: float) -> None:
        client = await idle.get()
        await client.ask()
        idle.put_nowait(client)
        taken.append(1000 * (time.perf_counter() - due))

    began = time.perf_counter()
    async with asyncio.TaskGroup() as asking:
        # One by one: to make thousands of tasks at once is late with the first ones.
        for number in range(int(rate * seconds)):
            due = began + number / rate
            await asyncio.sleep(due - time.perf_counter())
            asking.create_task(one(due))
    return taken


async def as_fast_as_they_come(service: Service, checker: Checker, count: int) -> list[float]:
    """Send so many requests on some connections; the service's megabytes along the way."""
    left = iter(range(count))
    memory: list[float] = []

    async def one() -> None:
        client = Client(service.port, checker)
        for number in left:
            await client.ask()
            if number % (count // 10 or 1) == 0:
                memory.append(service.megabytes())

    await asyncio.gather(*(one() for _ in range(_CONNECTIONS)))
    return memory


def by_wrk(service: Service, seconds: int) -> float | None:
    """Requests a second; None where there is no wrk. Raises where an answer is no success."""
    wrk = shutil.which("wrk")
    if wrk is None:
        return None
    address = f"http://127.0.0.1:{service.port}{PATH}"
    command = [wrk, "-t1", f"-c{_CONNECTIONS}", f"-d{seconds}", "--latency", address]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise RuntimeError(said)
    found = re.search(r"Requests/sec:\s+([\d.]+)", said)
    assert found is not None
    return float(found[1])


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _, forecasts = prepare(folder)
        checker = Checker(forecasts)
        with serving() as service, nullcontext() if options.quiet else promoting(folder):
            asyncio.run(as_fast_as_they_come(service, checker, 500))  # what a process does once
            fastest = by_wrk(service, min(20, options.seconds))
            paced = asyncio.run(at_rate(service, checker, 100, options.seconds))
            began, cpu = time.perf_counter(), service.cpu_seconds()
            memory = asyncio.run(as_fast_as_they_come(service, checker, options.requests))
            checked = options.requests / (time.perf_counter() - began)
            cpu_ms = 1000 * (service.cpu_seconds() - cpu) / options.requests
    p50, p99 = np.percentile(paced, (50, 99))
    print("| | |\n| --- | ---: |")
    if fastest is not None:
        print(f"| requests a second, wrk, {_CONNECTIONS} connections | {fastest:.0f} |")
    print(f"| the same by a client that checks each of {options.requests} answers | {checked:.0f} |")
    print(f"| processor time of the service for each of these | {cpu_ms:.2f} ms |")
    print(f"| at 100 a second: median, 99%, longest | {p50:.1f}, {p99:.1f}, {max(paced):.1f} ms |")
    print(f"| memory after each tenth | {', '.join(f'{megabytes:.0f}' for megabytes in memory)} MB |")
    print(f"| promotions seen, answers checked | {len(checker.versions)}, {checker.answers} |")
    print(f"| errors and mixed answers | {len(checker.wrong)} |")
    print(*checker.wrong[:5], sep="\n")
    kept = not checker.wrong and p99 <= _P99_MS and max(fastest or 0.0, checked) >= _RATE
    print("within the targets" if kept else "NOT within the targets")
    return 0 if kept else 1


if __name__ == "__main__":
    raise SystemExit(main())
