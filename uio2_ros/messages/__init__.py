"""Every conversion between ROS messages and the words of `robot`, once. No node.

What reads a message takes anything that has its fields: recordings are read where no ROS is
installed. So modules that read and make messages import the classes where they make them:
`stamps`, `audio`, `camera_info` and `received_pictures`; `images`, `compressed` and `image_header`
need none. The others need the generated messages.
"""
