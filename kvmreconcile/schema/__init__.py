"""Map fields of specs to libvirt's XML and back, by one table for both directions."""
