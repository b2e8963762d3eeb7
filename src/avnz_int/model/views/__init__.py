"""What a service gives back: frozen, masked, ready for `encode`; fields stand in reading order.

A module for each noun: making a dataclass takes half a millisecond, and a command needs few of them.
"""
