"""From one kind of observation to a frame's embedding, by key and name:
`model.encoder.pixels=conv`.
"""
