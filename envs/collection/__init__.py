"""Collecting rollouts with worker processes."""
