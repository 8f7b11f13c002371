"""The page itself, in NiceGUI: one module for each of its parts. Everything is per visitor.

Parts are made once and then updated in place, by the timers of `layout.py`; nothing that waits
runs in them, and nothing is sent that has not changed.
"""
