"""How well the agent does: answers against the truth, and episodes of the simulator."""
