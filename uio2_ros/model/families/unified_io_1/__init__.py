"""Unified-IO 1: configuration, network, names of the released checkpoints, prompts."""
