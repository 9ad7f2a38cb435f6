"""What a model imagines beside what the simulator does from the same state: futures, how latents
are shown, how far off they are.
"""
