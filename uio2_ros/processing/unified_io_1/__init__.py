"""Text and pictures as Unified-IO 1 takes them; facts: arXiv 2206.08916 and its code."""
