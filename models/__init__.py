"""Network architectures. Each file is one: its small config, its network, and one registration.

Every network is called with chunks of bars ``(batch, length, n_inputs)``, a window and a number of bars
``steps``, and returns ``(batch, steps, horizon)``: from each of the last ``steps`` bars of a chunk, the
change of the close at each step ahead, in units of the training volatility times the square root of the
step. It may look at the bars of the chunk up to that bar; attention reaches one window back. Zero is the
random walk, and that is what every network says before it has learnt anything.
"""

from models.registry import Architecture, architectures, build

__all__ = ["Architecture", "architectures", "build"]
