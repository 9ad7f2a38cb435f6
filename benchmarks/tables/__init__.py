"""Tables and pages of the documentation, each made by one command."""
