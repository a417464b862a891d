"""Disks, CD-ROM and floppy drives of a domain."""
