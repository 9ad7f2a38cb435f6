"""`python -m benchmarks.speed.busy` with one round and one setting: fresh processes, a table, a
json, and nothing left running.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from benchmarks.speed import busy


@pytest.mark.slow
def test_one_round_of_one_setting_is_measured_alone_and_beside_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    busy.main(1, str(tmp_path / "new" / "busy.json"), [busy.ONE])
    report = json.loads((tmp_path / "new" / "busy.json").read_text())
    (row,) = report["rows"]
    assert row["setting"] == "OMP_NUM_THREADS=1"
    assert row["idle"]["decisions"] == row["busy"]["decisions"] == 30
    assert row["ratio"] == row["busy"]["median"] / row["idle"]["median"]
    assert 0 < row["idle"]["median"] <= row["idle"]["p95"]
    out = capsys.readouterr().out
    assert "OMP_NUM_THREADS=1" in out
    assert f"{row['busy']['median']:.1f}" in out


def test_a_process_of_its_own_has_the_setting_and_no_other_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("OMP_PROC_BIND", "GOMP_SPINCOUNT", "MKL_NUM_THREADS"):
        monkeypatch.setenv(name, "7")
    python = tmp_path / "python"  # shows what it got instead of measuring
    python.write_text(
        f"#!{busy.sys.executable}\nimport json, os\nprint(json.dumps(dict(os.environ)))\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(busy.sys, "executable", str(python))
    environment: Any = busy.decisions("OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE")
    own = {key: value for key, value in environment.items() if key.startswith(busy.OWN)}
    assert own == {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
    assert environment["PATH"] == os.environ["PATH"]


def test_the_others_run_meanwhile_and_end_with_the_measurement() -> None:
    with pytest.raises(ValueError, match="broken off"), busy.others(2) as processes:
        assert [process.poll() for process in processes] == [None, None]
        raise ValueError("broken off")
    assert all(process.poll() is not None for process in processes)


def test_the_ratio_is_of_medians_and_no_setting_is_named() -> None:
    row = busy.summary("", [1.0, 2.0, 9.0], [8.0, 6.0, 100.0])
    assert (row["setting"], row["ratio"]) == ("none, as torch is by default", 4.0)
    assert (row["idle"]["median"], row["busy"]["median"]) == (2.0, 8.0)
