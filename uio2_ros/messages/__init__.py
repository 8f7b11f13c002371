"""Every conversion between ROS messages and the words of `robot`. Needs messages, no node."""
