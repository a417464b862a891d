"""Connections to libvirt, its events and its errors, for the drivers of the kinds."""
