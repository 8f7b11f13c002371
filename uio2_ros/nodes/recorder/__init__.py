"""The recorder that is always on, as a node."""
