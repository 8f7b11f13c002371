"""Kept for colcon and old pips; everything is in pyproject.toml."""

from setuptools import setup

setup()
