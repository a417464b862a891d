"""
Ask and steer a running daemon: a socket, what may be said there, and by whom.

Separate from the daemon, which works as well with nobody at its door.
"""
