"""The server as an application of Ray Serve (extra `ray`): gateways, and replicas of the model."""
