"""Third-party integrations of a platform and its clients: configured, encrypted, tested, shared, rotated."""

__version__ = "0.1.0"
