"""
Serve the daemon's control socket, where clients read the status and send orders (such as `approve`).

The daemon also works without a control socket.
"""
