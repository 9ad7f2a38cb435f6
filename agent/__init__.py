"""What is learned, and who decides."""
