"""Benchmarks: ours and the peers in one run, as ratios. Never here: an assertion on time."""
