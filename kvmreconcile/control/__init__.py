"""
Serve the control socket: requests for the status of a running daemon, orders to it, and who may give them.

The daemon also works without a control socket.
"""
