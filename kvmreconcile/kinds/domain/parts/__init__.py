"""What users write of a domain, part by part."""
