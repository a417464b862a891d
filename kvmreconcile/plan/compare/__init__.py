"""Compare each object with its spec, and find the steps that remove the differences."""
