"""Map fields of specs to places in libvirt's XML and back, by one table for both directions."""
