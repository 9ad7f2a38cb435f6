"""The commands of the console script: one file each; the docstring is the help, `run` does the
work.
"""
