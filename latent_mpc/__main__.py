"""`python -m latent_mpc`: the console script, where its folder is on no PATH."""

import sys

from latent_mpc.agent.cli.main import main

if __name__ == "__main__":  # worker processes import this module too
    sys.exit(main())
