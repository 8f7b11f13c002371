"""The agent, as a node."""
