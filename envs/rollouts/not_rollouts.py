"""What a path is that holds no rollouts of ours, in words, and what would do. Looks at names only;
nothing is opened.
"""

from __future__ import annotations

import re
from pathlib import Path

FILES = {  # by suffix
    ".h5": "an HDF5 file",
    ".hdf5": "an HDF5 file",
    ".npz": "a NumPy archive",
    ".npy": "a NumPy array",
    ".parquet": "a Parquet table",
    ".csv": "a table",
    ".pkl": "a pickle, which is never opened",
    ".pickle": "a pickle, which is never opened",
    ".pt": "a PyTorch file",
    ".mcap": "an MCAP recording",
    ".bag": "a ROS recording",
    ".db3": "a ROS recording",
    ".zip": "an archive",
    ".tar": "an archive",
    ".gz": "an archive",
}
FOLDERS = {  # by a file within
    "meta/info.json": "a LeRobot data set",
    "dataset_info.json": "a TensorFlow or Hugging Face data set",
    "data/metadata.json": "a Minari data set",
    ".zgroup": "a Zarr group",
    "zarr.json": "a Zarr group",
    "model.safetensors": "a checkpoint",
}
CONVERT = (
    "only folders that latent-mpc wrote and local Minari data sets (data=minari:NAME) are read; "
    "write these episodes as such a set with minari.create_dataset_from_buffers"
)


def explain(path: Path, needed: str) -> str:
    """What is at `path`, where the file `needed` is missing, and what would do."""
    kind = (
        FILES.get(path.suffix.lower(), "a file")
        if path.is_file()
        else next((FOLDERS[f] for f in FOLDERS if (path / f).exists()), "")
    )
    if (path / "data" / needed).is_file():
        return (
            f"it is {kind or 'the folder of a run'}, its rollouts are in {path / 'data'}; give that"
        )
    if kind == FOLDERS["data/metadata.json"]:
        return f"it is {kind}; give data=minari:NAME, as `minari list local` names it"
    if kind and kind != FOLDERS["model.safetensors"]:
        return f"it is {kind}; {CONVERT}"
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        what = (
            f"it holds {', '.join(names[:3]) + (', ...' if len(names) > 3 else '') or 'nothing'}"
            f" and no {needed}"
        )
    elif scheme := re.match(r"[A-Za-z][A-Za-z0-9+]+:", str(path)):
        return f"{scheme[0]} is no source of data here; {CONVERT}"
    elif path.suffix.lower() in FILES:
        return f"there is no such file, and it would have to be a folder; {CONVERT}"
    else:
        what = "there is no such folder"
    return f"{what}; `latent-mpc collect task=... out={path}` makes them"
