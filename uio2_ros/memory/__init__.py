"""Where things are: depth that lifts answers into space, and a memory of what was seen there.

No ROS: messages are converted in `messages/`, topics and services are in `nodes/agent/`.
"""
