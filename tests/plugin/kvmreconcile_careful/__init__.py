"""A planner and an executor for kvmreconcile, each around the one that comes with it."""
