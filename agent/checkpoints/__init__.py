"""Saving, loading and checking checkpoints; those that ship stand here."""
