"""Topics to MCAP files and back, so that an instruction can be asked again exactly. Needs mcap."""
