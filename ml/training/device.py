"""Where to train."""

import torch

from ml.config import Device
from ml.errors import UsageError


def choose_device(wanted: Device) -> torch.device:
    """CPU or CUDA; ``auto`` takes CUDA where there is one. Raises `UsageError` where there is none."""
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise UsageError(
            "expected a CUDA device, found none",
            hint="use --device cpu, or install a CUDA build of torch",
        )
    return torch.device("cuda" if wanted != "cpu" and available else "cpu")
