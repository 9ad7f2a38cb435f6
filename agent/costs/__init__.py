"""From imagined latents and a goal to the one number per candidate that a planner sees: a distance,
terms, constraints.
"""
