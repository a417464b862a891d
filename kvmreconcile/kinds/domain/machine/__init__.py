"""The machine of a domain: its type, firmware, clock, features and security."""
