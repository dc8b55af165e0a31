"""The simulator's settings from the environment.

TINYNET_SIM          run (default), check or profile
TINYNET_SIM_ORDER    forward (default), reversed or random:SEED: the order of threads and blocks,
                     and of the queues of streams
TINYNET_SIM_TIMEOUT  seconds of processor time after which a launch is stopped, 120 by default
TINYNET_SIM_SWITCH   portable: switch threads as on machines other than x86-64 (fiber.h)
TINYNET_SIM_MEMORY   what each device has, such as 3GB (of 2**30 bytes) or 500MB; else no limit
TINYNET_SIM_PEERS    0: no device can read another's memory directly
CXX                  the C++ compiler, else g++ or clang++
XDG_CACHE_HOME       where compiled kernels are kept, else ~/.cache
"""

import os
import re

MODES = ("run", "check", "profile")


def chosen_mode(mode: str | None) -> str:
    source = "mode" if mode is not None else "TINYNET_SIM"
    mode = mode or os.environ.get("TINYNET_SIM") or "run"
    if mode not in MODES:
        raise ValueError(f"simulator: {source} must be one of {', '.join(MODES)}, got {mode!r}")
    return mode


def chosen_memory() -> int:
    """The bytes of TINYNET_SIM_MEMORY; 0 if it sets no limit."""
    return memory_size("TINYNET_SIM_MEMORY", os.environ.get("TINYNET_SIM_MEMORY") or "0B")


def memory_size(name: str, text: str) -> int:
    """The bytes in "1TB", "3GB", "500MB", "64KB" or "100B"; "3GiB" and "3gb" are the same as "3GB".

    A KB has 2**10 of them, as is usual of memory.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?(?:([KMGT])I?)?B", text.upper())
    if found is None:
        raise ValueError(f"{name} must be a size such as 3GB or 500MB, got {text!r}")
    size = float(found.group(1)) * 1024 ** " KMGT".index(found.group(2) or " ")
    if size >= 2**63:
        raise ValueError(f"{name} must be a size that a machine can have, got {text!r}")
    return round(size)


def chosen_order() -> tuple[int, int]:
    """TINYNET_SIM_ORDER as the runtime takes it: (0 forward, 1 reversed or 2 random; seed)."""
    order = os.environ.get("TINYNET_SIM_ORDER") or "forward"
    if order in ("forward", "reversed"):
        return int(order == "reversed"), 0
    name, _, seed = order.partition(":")
    if name != "random" or not seed.isdigit():
        raise ValueError(
            f"TINYNET_SIM_ORDER must be forward, reversed or random:SEED, got {order!r}"
        )
    return 2, int(seed) % 2**32


def time_limit() -> float:
    """Seconds of processor time one launch may take: TINYNET_SIM_TIMEOUT, or 120."""
    limit = os.environ.get("TINYNET_SIM_TIMEOUT") or "120"
    try:
        seconds = float(limit)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise ValueError(f"TINYNET_SIM_TIMEOUT must be a number of seconds above 0, got {limit!r}")
    return seconds
