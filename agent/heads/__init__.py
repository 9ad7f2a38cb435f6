"""Learned parts on frozen latents, fitted one after the other once the world model is trained: a
head is one file here.
"""
