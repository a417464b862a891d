"""What machine a domain is: its type, firmware, clock, features and security."""
