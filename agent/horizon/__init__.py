"""How far should this agent look ahead, and what limits it? The parts of `latent-mpc horizon`; each
fills one section of horizon.json.
"""
