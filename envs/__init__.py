"""MuJoCo tasks and the rollouts they give; knows MuJoCo and Gymnasium, not torch.

`task.py` is the contract of a task, of which `reacher.py`, `pointmaze.py` and `tabletop.py` are
families, `registry.make("pointmaze-umaze")` builds one by name; `cameras/` makes their pixels.
"""

from latent_mpc.envs.cameras.gl_library import mend_choice

mend_choice()  # before anything imports mujoco
