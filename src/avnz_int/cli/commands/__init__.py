"""One file a command (or group of that name); `main` finds them and calls `register(root)`."""
