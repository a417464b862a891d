"""The machine of a domain: type, firmware, clock, features and security."""
