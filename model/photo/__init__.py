"""Photo."""
