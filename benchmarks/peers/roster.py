"""Who takes part, where it runs, and how it is called."""

from dataclasses import dataclass

from benchmarks.peers.environments import PROJECT

OURS, CHAMPION, COMMAND = "tickerflow", "champion", "tickerflow-workers"


@dataclass(frozen=True)
class Contender:
    """A module of `benchmarks.peers.contenders` in an environment.

    Attributes:
        key: its name on the command line, and its folder's.
        title: its name in the tables.
        environment: whose ``requirements-{environment}.lock`` it needs.
        module: in `benchmarks.peers.contenders`.
        arguments: after the task's and the answer's folder.
        threads: torch threads to which it is pinned; 0 leaves it to the library.
    """

    key: str
    title: str
    environment: str
    module: str
    arguments: tuple[str, ...] = ()
    threads: int = 0


_PEERS = (
    Contender(
        "nf-lstm", "neuralforecast LSTM, one a series", "neuralforecast", "nixtla", ("lstm", "each")
    ),
    Contender(
        "nf-nhits", "neuralforecast NHITS, one a series", "neuralforecast", "nixtla", ("nhits", "each")
    ),
    Contender(
        "nf-lstm-all", "neuralforecast LSTM, one for all", "neuralforecast", "nixtla", ("lstm", "all")
    ),
    Contender(
        "nf-nhits-all", "neuralforecast NHITS, one for all", "neuralforecast", "nixtla", ("nhits", "all")
    ),
    Contender("darts-lstm", "Darts BlockRNN LSTM, one a series", "darts", "unit8"),
    Contender("textbook", "textbook PyTorch LSTM, one a series", PROJECT, "textbook"),
)


def roster(raw_dir: str) -> dict[str, Contender]:
    """All contenders by key, Tickerflow first; those with ``-1t`` are peers pinned to one thread."""
    ours = (
        Contender(OURS, "Tickerflow", PROJECT, "pipeline", (raw_dir,)),
        Contender(COMMAND, "Tickerflow, two workers", PROJECT, "workers", (raw_dir,)),
    )
    pinned = tuple(
        Contender(
            f"{peer.key}-1t", f"{peer.title}, 1 thread", peer.environment, peer.module, peer.arguments, 1
        )
        for peer in _PEERS
    )
    return {one.key: one for one in (*ours, *_PEERS, *pinned)}


def default_keys() -> tuple[str, ...]:
    """Those that take part unless others are named."""
    return (OURS, COMMAND, *(peer.key for peer in _PEERS))


def pinned_keys() -> tuple[str, ...]:
    """The peers pinned to one thread."""
    return tuple(f"{peer.key}-1t" for peer in _PEERS)
