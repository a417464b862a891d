"""Decide which steps may run now and which steps are held, and why."""
