"""The model on another machine: a server of it, and an `Answerer` that asks one.

Importing it needs no torch and no ROS; the server and the client need the library websockets. Both
speak openpi's policy protocol and an extension of it (docs/fleet.md).
"""
