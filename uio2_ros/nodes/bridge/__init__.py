"""The bridge, as a node."""
