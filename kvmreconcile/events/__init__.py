"""Events that a pass publishes as frozen values, and the subscribers that receive them."""
