"""What kills and holes in the data cost."""
