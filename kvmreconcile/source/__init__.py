"""Read specs from files, and report every problem with its file, line and column."""
