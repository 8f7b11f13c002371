"""Files and bytes to pixels and samples: pictures, films, sound. No ROS, no torch."""
