"""The robot in a browser and for other programs: the page, HTTP and MCP on one server.

A process of its own that is a client of the graph like any other: `live.py` and `robot.py` hear and
call (rclpy), everything else has no ROS in it. Nothing here is asked by the agent, so that neither
a slow browser nor the end of this process is felt there.
"""
