"""Random shifts: against a slow loop, all frames of a window alike, the edge repeated."""

import torch

from latent_mpc.agent.training.augmentation import shift


def test_each_window_is_moved_as_a_whole_and_its_edge_repeated():
    pixels = torch.randint(
        0, 256, (20, 3, 6, 5, 2), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    moved, seen = shift(pixels, 2, torch.Generator().manual_seed(1)), set()
    for before, after in zip(pixels, moved, strict=True):
        found = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                rows = [min(max(i + down, 0), 5) for i in range(6)]
                columns = [min(max(j + right, 0), 4) for j in range(5)]
                if torch.equal(after, before[:, rows][:, :, columns]):
                    found.append((down, right))
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) > 10 and {down for down, _ in seen} == {right for _, right in seen} == set(
        range(-2, 3)
    )


def test_the_same_generator_moves_them_alike_and_nothing_is_moved_by_nothing():
    pixels = torch.randint(
        0, 256, (4, 2, 8, 8, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    once, again = (shift(pixels, 3, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(once, again)
    assert torch.equal(shift(pixels, 0, torch.Generator().manual_seed(1)), pixels)
