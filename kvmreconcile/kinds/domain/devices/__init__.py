"""The devices of a domain: a file or folder for each holds all that is known of it."""
