"""MuJoCo's warnings: one line each, no file, and not again from every worker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from latent_mpc.envs import mujoco_warnings

DIVERGE = """
import multiprocessing, mujoco, latent_mpc.envs.task

def diverge(times=2):
    model = mujoco.MjModel.from_xml_string('<mujoco><worldbody><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>')
    for dof in range(times):
        data = mujoco.MjData(model)
        data.qpos[dof] = 1e30
        mujoco.mj_step(model, data)

if __name__ == "__main__":
    diverge()
    worker = multiprocessing.get_context("spawn").Process(target=diverge)
    worker.start()
    worker.join()
    assert worker.exitcode == 0
"""


def test_a_warning_is_one_line_on_stderr_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "diverge.py").write_text(DIVERGE)
    environment = {key: value for key, value in os.environ.items() if key != mujoco_warnings.SHOWN}
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "diverge.py"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".TXT"] == []
    assert done.stdout == ""
    assert done.stderr.count("simulation is unstable") == 1
    assert done.stderr.startswith(
        "MuJoCo warns, here for the first time: Nan, Inf or huge value in QPOS at DOF 0."
    )


def test_another_kind_is_shown_another_number_is_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(mujoco_warnings.SHOWN, "")
    for text in (
        "huge value at DOF 0.\nTime = 0.1e-5.",
        "huge value at DOF 12. Time = -3.",
        "arena memory is full",
    ):
        mujoco_warnings.show(text)
    assert [line.partition("time: ")[2] for line in capsys.readouterr().err.splitlines()] == [
        "huge value at DOF 0. Time = 0.1e-5.",
        "arena memory is full",
    ]
