"""The events that the daemon publishes, and the subscribers that receive the events."""
