"""Connect to libvirt, and convert its events and errors, for the drivers of the kinds."""
