"""Networks of others that `model.encoder.pixels=frozen` looks through: pictures in, features out,
weights from a file.
"""
