"""Small made-up series as CSV files: seeded, and quick to train on."""

from pathlib import Path

from tests.synthetic import make_bars

# Enough for the settings of `QUICK`, and little more.
BARS = 260

# What a test of a whole run trains with: the smallest network that is one, two epochs.
QUICK = {
    "seq_len": 8,
    "horizon": 2,
    "epochs": 2,
    "hidden_size": 4,
    "features": ("close", "rsi_5"),
}


def write_series(
    folder: Path, ticker: str, n: int = BARS, *, interval: str = "1d", seed: int = 0
) -> Path:
    """Write a random walk as ``{ticker}_{interval}.csv``; business days for ``1d``, else hours."""
    # By its name, so that no two series are the same.
    bars = make_bars(n, seed=seed + sum(ticker.encode()), freq="B" if interval == "1d" else "h")
    form = "%Y-%m-%d" if interval == "1d" else "%Y-%m-%d %H:%M:%S"
    frame = bars.assign(timestamp=bars["timestamp"].dt.strftime(form)).round(4)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{ticker}_{interval}.csv"
    frame.to_csv(path, index=False)
    return path


def quick_options() -> list[str]:
    """`QUICK` as options of the command line."""
    options = []
    for name, value in QUICK.items():
        text = ",".join(value) if isinstance(value, tuple) else str(value)
        options += ["--" + name.replace("_", "-"), text]
    return options
