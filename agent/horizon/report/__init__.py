"""report.html of the horizon study."""
