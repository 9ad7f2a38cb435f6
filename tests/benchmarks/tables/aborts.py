"""A module that ends the process which imports it, as a faulty extension does."""

import os

os.abort()
