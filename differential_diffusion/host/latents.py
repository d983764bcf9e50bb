"""The latents of a run's pictures: of 4 dimensions, or of 5 where the model is made for video, (B, C, T, h, w)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules import sd_samplers_common, shared

from ..settings import Refused
from .patches import changed, generators_kept


def needs_a_picture_to_change() -> None:
    """Raises Refused for a model (Forge Neo's PiD) that is given the picture beside the latent, which starts as noise
    at any strength."""
    if getattr(_dynamic_arguments(), "pid", False):
        raise Refused(
            "this model makes its picture from noise at any strength, so there is nothing that a map can keep"
        )


def needs_still_pictures(latent: torch.Tensor, count: int) -> None:
    """Raises Refused for a run that makes a video: from a picture `latent` is empty, and the picture stands beside it;
    Forge Neo's latent noise makes as many frames as there are channels. And for a run of `count` different pictures
    of which `latent` has fewer: Forge Neo's models for video take a batch for frames, and the first alone is left."""
    if latent.ndim == 5 and latent.shape[2] > 1:
        raise Refused(
            f"this run makes a video of {latent.shape[2]} latent frames, so there is no one picture to change; set the "
            "batch size to 1, and Masked content to anything but latent noise"
        )
    if latent.ndim == 5 and len(latent) < count:
        raise Refused(
            f"this model takes the {count} pictures of the batch for frames of a video, and loses all but the first; "
            "give it one picture at a time"
        )


def encoded_aside(p: Any, pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Latents of `pictures`, of the size of `p.init_latent`, as `encoded`."""
    latents = encoded(p.sd_model, pictures, p.init_latent.device)
    size = p.init_latent.shape[-2:]
    if latents.shape[-2:] == size:
        return latents.to(p.init_latent)
    resized = torch.nn.functional.interpolate(latents.flatten(1, -3), size=size, mode="bilinear")
    return resized.reshape(*latents.shape[:-2], *size).to(p.init_latent)


def encoded(sd_model: Any, pictures: Sequence[Image.Image], device: Any) -> torch.Tensor:
    """Latents of `pictures`, (B, C, h, w), without a trace: nothing is drawn from the global generator, so that they
    are the same every time, and a model that takes what it encodes for its reference picture keeps the one that it
    has."""
    method = sd_samplers_common.approximation_indexes.get(shared.opts.sd_vae_encode_method)
    with generators_kept(), _references_kept(sd_model):
        torch.manual_seed(0)
        return torch.cat(
            [
                # one at a time: a model for video takes a batch for its frames
                sd_samplers_common.images_tensor_to_samples(as_tensor(picture).to(device), method, sd_model)
                for picture in pictures
            ]
        )


def as_tensor(picture: Image.Image) -> torch.Tensor:
    """A picture as the hosts' models take it: float32 (1, 3, H, W) in 0..1."""
    return torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).movedim(-1, 0)[None]


@contextmanager
def _references_kept(model: Any) -> Iterator[None]:
    """Forge Neo's Flux Kontext, Flux.2 Klein and Qwen-Image-Edit keep the last picture in `ini_latent`, Anima in a
    list of all models."""
    shared_arguments = _dynamic_arguments()
    with ExitStack() as stack:
        if hasattr(model, "ini_latent"):
            stack.enter_context(changed(model, ini_latent=None))
        if hasattr(shared_arguments, "ref_latents"):
            stack.enter_context(changed(shared_arguments, ref_latents=[*shared_arguments.ref_latents]))
        yield


def _dynamic_arguments() -> Any:
    """What Forge Neo's models tell each other; None on other hosts."""
    return getattr(sys.modules.get("backend.args"), "dynamic_args", None)
