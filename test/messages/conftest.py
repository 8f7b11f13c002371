"""Conversions of bare arrays are tested everywhere, those of messages where there are messages."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("rclpy") is None:
    collect_ignore_glob = [
        "test_camera_info.py",
        "test_detection_messages.py",
        "test_answer_messages.py",
        "test_asked_message.py",
        "test_image_header.py",
        "test_instructions.py",
        "test_picture_messages.py",
        "test_plan_messages.py",
        "test_qos.py",
        "test_stamps.py",
    ]
