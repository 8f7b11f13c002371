"""Unified-IO 2: configuration, network, names of the released checkpoints."""
