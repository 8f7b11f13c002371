"""Answers as pictures for people: the drawing on the camera's picture, and the scene in 3D.

No ROS. matplotlib, an optional package, is imported by `scene_plot` alone; the drawing needs numpy
and OpenCV.
"""
