"""Map fields of specs to libvirt's XML and back, using one table for both directions."""
