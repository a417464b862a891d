"""Read specs from files and report every problem in them with its file, line and column."""
