"""Compare one object with its spec, and find the steps that remove the differences."""
