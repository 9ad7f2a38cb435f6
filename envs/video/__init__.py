"""Videos and pictures for people."""
