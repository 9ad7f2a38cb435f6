"""Play with a robot, its goal and its dreams in a browser: `latent-mpc play`.

`session.py` owns the task and the agent and needs no browser; `page.py` only draws what it tells.
"""
