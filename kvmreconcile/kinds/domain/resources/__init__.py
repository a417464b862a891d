"""What a domain takes of its host: processors, memory and time."""
