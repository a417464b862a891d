"""How a change of anything but a device reaches a running domain."""
