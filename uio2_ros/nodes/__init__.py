"""The nodes of the agent, the bridge, the camera, the microphone and the simulator. rclpy."""
