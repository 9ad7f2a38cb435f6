"""The device that is asked for, or a message."""

import os

import pytest
import torch

from latent_mpc.agent import devices
from latent_mpc.agent.devices import machine, one_thread, resolve_device, usable_cores


def test_auto_is_a_device_that_computes():
    device = resolve_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2
    assert (device.type == "cpu") == (not torch.accelerator.is_available())
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize(
    "name", ["gpu", "meta", "mps:99", "0", "warp", "cpu:x", "cpu:3", "cuda:99", ""]
)
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(
        ValueError, match=f"device must be auto, cpu or one that is there, got '{name}': "
    ) as error:
        resolve_device(name)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 250
    assert "; there are: cpu" in str(error.value)


def test_of_several_cpus_there_is_none():
    with pytest.raises(
        ValueError, match="got 'cpu:3': all cores are one device, cpu; there are: cpu"
    ):
        resolve_device("cpu:3")
    assert resolve_device("cpu:0").type == "cpu"


def test_a_machine_says_its_processor_cores_threads_and_device(tmp_path, monkeypatch):
    (tmp_path / "cpuinfo").write_text(
        "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\nmodel name\t: Some CPU @ 2"
        " GHz\n"
    )
    monkeypatch.setattr(devices, "CPU_INFO", tmp_path / "cpuinfo")
    cores = len(os.sched_getaffinity(0))
    assert usable_cores() == cores
    assert machine(torch.device("cpu")) == {
        "cpu": "Some CPU @ 2 GHz",
        "cores": cores,
        "threads": torch.get_num_threads(),
        "device": "cpu",
    }
    monkeypatch.setattr(devices, "CPU_INFO", tmp_path / "none")
    assert isinstance(machine(torch.device("cpu"))["cpu"], str)


def test_one_thread_lasts_as_long_as_its_block_even_if_that_fails() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError), one_thread():
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
