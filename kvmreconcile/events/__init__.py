"""What a pass publishes, as frozen values, and the subscribers that each value is handed to."""
