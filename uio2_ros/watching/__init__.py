"""Standing instructions: when each is due, what ends it, ids that follow objects. No ROS."""
