"""Cameras and microphones, as a node."""
