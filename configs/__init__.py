"""Hydra groups, their schemas, and one primary config per command."""
