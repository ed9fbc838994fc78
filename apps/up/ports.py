"""Ports: a free one where none is asked for; who holds one that is taken."""

import os
import socket
from contextlib import suppress
from pathlib import Path

from ml.errors import UsageError

_LISTENING = "0A"


def choose_port(host: str, port: int, option: str) -> int:
    """Return ``port``, or a free one where it is 0.

    Raises:
        UsageError: another program has it; says which, and the option that names another.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # As servers do: what only waits for its last packets is no other program.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"expected port {port} of {host} to be free, found {_holder(port) or error.strerror}",
                hint=f"end it, or choose another port with {option}; 0 takes a free one",
            ) from error
        return int(probe.getsockname()[1])


def _holder(port: int) -> str:
    """The program that listens on a port, in words; empty where the system does not say."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            inodes |= {
                f"socket:[{row[9]}]"
                for row in rows
                if row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == port
            }
    if not inodes:
        return ""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is another user's
            if any(os.readlink(entry) in inodes for entry in (folder / "fd").iterdir()):  # noqa: PTH115
                words = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                return f"process {folder.name}: {words.strip()[:100]}"
    return "another user's program"
