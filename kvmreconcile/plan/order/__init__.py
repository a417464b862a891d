"""Order the steps of all objects: references, starts, renames, removals."""
