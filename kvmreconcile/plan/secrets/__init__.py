"""Find which values are secret, and keep them out of the state and of messages."""
