"""One module for each contender; each runs in the environment that `benchmarks.peers.roster` names."""
