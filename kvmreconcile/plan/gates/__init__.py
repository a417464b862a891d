"""Decide which steps may be done now and which are held, and why."""
