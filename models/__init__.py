"""Network architectures. Each file is one: its small config, its network, and one registration.

Every network maps windows ``(batch, seq_len, features)`` to ``(batch, horizon)``: the change from the
last close at each step, in units of the training volatility times the square root of the step. Zero is
the random walk, and that is what every network says before it has learnt anything.
"""

from models.registry import Architecture, architectures, build

__all__ = ["Architecture", "architectures", "build"]
