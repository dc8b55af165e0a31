"""Which network a run is of, as its own files say, so that nobody needs to tell."""

import json
from pathlib import Path

from tinynet.training.errors import UserError
from tinynet.training.run_folder import RunFolder, find_checkpoint


def network_of(words: list[str]) -> str | None:
    """The network of the first run or checkpoint among the words of a command; None if none is.

    Nothing is complained of here: the command itself will read what it was given.
    """
    for word in words:
        path = Path(word.partition("=")[2] if word.startswith("--") else word)
        try:
            found = _of_run(path) if path.is_dir() else _of_checkpoint(path)
        except (OSError, ValueError, UserError):
            continue
        if found is not None:
            return found
    return None


def _of_run(path: Path) -> str | None:
    config = RunFolder(path).read_config()
    return _of_checkpoint(find_checkpoint(path)) if config is None else config["network"]


def _of_checkpoint(path: Path) -> str | None:
    """What the header of a file says that `serialization.save` wrote."""
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors" or not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            values = json.loads((file.metadata() or {}).get("tinynet", "{}"))
    except SafetensorError:
        return None
    network = values.get("network") if isinstance(values, dict) else None
    return network if isinstance(network, str) else None
