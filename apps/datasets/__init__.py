"""What may be searched on."""
