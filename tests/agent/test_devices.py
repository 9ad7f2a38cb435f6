"""The device that is asked for, or a message."""

import pytest
import torch

from latent_mpc.agent.devices import resolve_device


def test_auto_is_a_device_that_computes():
    device = resolve_device("auto")
    assert torch.ones(2, device=device).sum().item() == 2
    assert (device.type == "cpu") == (not torch.accelerator.is_available())
    assert resolve_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "meta", "cpu:x", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused_in_one_line(name):
    with pytest.raises(ValueError, match=f"device must be auto, cpu or one that is there, got '{name}': ") as error:
        resolve_device(name)
    assert "\n" not in str(error.value)
