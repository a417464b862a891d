"""Makes `python -m kvmreconcile` the same as `kvmreconcile`."""

from kvmreconcile.cli import main

if __name__ == "__main__":
    main()
