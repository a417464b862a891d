"""Run the command line for `python -m kvmreconcile`."""

from kvmreconcile.cli import main

if __name__ == "__main__":
    main()
