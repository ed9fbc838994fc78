"""What was forecast, and what came of it: a small durable store of every past forecast."""
