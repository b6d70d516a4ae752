"""How many slots this machine has, and on which devices. Asks the system, never torch."""

from __future__ import annotations

import os
from pathlib import Path

DRIVER = Path("/proc/driver/nvidia/gpus")
MOST_ON_CPU = 2                 # by default; NASWEB_SLOTS says otherwise


def devices(wanted: int) -> list[str]:
    """One slot a GPU; without one as many on the CPU as there are cores, up to two. `wanted` > 0 decides otherwise."""
    found = gpus()
    count = wanted or len(found) or min(MOST_ON_CPU, os.cpu_count() or 1)
    return [found[place % len(found)] if found else "cpu" for place in range(count)]


def gpus() -> list[str]:
    """The NVIDIA devices that this process may use."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [f"cuda:{name.strip()}" for name in visible.split(",") if name.strip() not in ("", "-1")]
    try:
        return [f"cuda:{place}" for place in range(len(os.listdir(DRIVER)))]
    except OSError:
        return []
