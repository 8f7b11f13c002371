"""Families of models, a folder each: the network, its names, vocabulary and prompts."""
