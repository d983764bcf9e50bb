"""The device that the model runs on. Everything is float32: no half-precision surprises in a preview."""

from contextlib import nullcontext

import torch


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


cpu = torch.device("cpu")
device = _best_device()
dtype = torch.float32
unet_needs_upcast = False


def autocast() -> nullcontext[None]:
    return nullcontext()


without_autocast = autocast
