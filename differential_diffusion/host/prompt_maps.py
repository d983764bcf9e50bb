"""Where a text acts in a picture, asked of the host's model: by its own sampler, which takes no step.

A run of the host is set up as far as to its sampler, with two pictures: one has the wanted text, the other the
reference text, both the same noise. So every model call compares the two, and guidance, which would double it, is off.
"""

from __future__ import annotations

import hashlib
import math
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules import devices, extra_networks, sd_models, sd_samplers, shared
from modules.processing import StableDiffusionProcessingImg2Img

from .. import automatic
from ..automatic import DRAWS, LEVELS
from ..change_map import Extent
from ..settings import BadSetting
from . import latents
from .patches import changed, generators_kept
from .samplers import noising

SAMPLER = "Euler"
"""Every host has it, and its levels are sigmas."""
SEED = 0
KEPT = 32
"""How many maps are remembered: planes of latent cells, some 40 KB each."""
OPTIONS = ("sd_vae", "sd_vae_encode_method", "CLIP_stop_at_last_layers", "emphasis")
"""Options of the hosts that make another map of the same picture."""

_kept: OrderedDict[tuple[Any, ...], np.ndarray] = OrderedDict()


@dataclass(frozen=True)
class Texts:
    """What the model is asked.

    Attributes:
        wanted: what to look for.
        against: what to compare that with.
        networks: the extra networks (LoRAs) of the run's prompt, which are in force: those of each kind, by what the
            prompt says of them.
    """

    wanted: str
    against: str
    networks: tuple[tuple[str, tuple[tuple[str, ...], ...]], ...]

    @classmethod
    def of(cls, prompt: str, against: str, run: str) -> Texts:
        """Raises BadSetting where there is nothing to look for: `prompt` stands for the run's own where it is empty."""
        wanted = prompt.strip() or run.strip()
        if not wanted:
            raise BadSetting(
                "auto_prompt",
                "empty, and so is the prompt; say what to look for",
                "Say what to look for: a word beside Make map, or a prompt.",
            )
        if wanted == against.strip():
            raise BadSetting(
                "auto_against",
                "the same text as what is looked for, so there is no difference to find",
                "What to look for and what it is compared with are the same, so there is no difference to find.",
            )
        _, networks = extra_networks.parse_prompts([run])
        named = ((kind, tuple(tuple(network.items) for network in each)) for kind, each in networks.items())
        return cls(wanted, against.strip(), tuple(named))


def where_it_acts(picture: Image.Image, texts: Texts) -> np.ndarray | None:
    """A map of where the text acts in a picture: float32 (h, w) in [0, 1], of latent cells; None if interrupted.

    The same picture, texts and model give the same map; asked again, the model is not called.
    """
    size = automatic.asked_size(Extent(*picture.size))
    picture = picture.resize((size.width, size.height), Image.Resampling.LANCZOS)
    key = (hashlib.sha256(picture.tobytes()).digest(), picture.size, texts, *_model_in_use())
    if key not in _kept:
        predictions = _predictions(picture, texts)
        if predictions is None:
            return None
        _kept[key] = automatic.from_predictions(*predictions)
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key]


def forget() -> None:
    """Remember no map any more."""
    _kept.clear()


def _model_in_use() -> tuple[Any, ...]:
    """What tells the model in use from others, and from itself with other options."""
    if hasattr(sd_models, "forge_model_reload"):
        sd_models.forge_model_reload()
    return shared.sd_model.sd_checkpoint_info.filename, *(getattr(shared.opts, name, None) for name in OPTIONS)


def _predictions(picture: Image.Image, texts: Texts) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """What `automatic.from_predictions` takes; None if interrupted."""
    model: Any = shared.sd_model
    p = StableDiffusionProcessingImg2Img(
        sd_model=model,
        prompt=[texts.wanted, texts.against],
        seed=SEED,
        sampler_name=SAMPLER,
        batch_size=2,
        cfg_scale=1,
        width=picture.width,
        height=picture.height,
        init_images=[picture],
    )
    found: list[torch.Tensor] = []
    with torch.no_grad(), generators_kept(), _precision():
        p.init_latent = latent = latents.encoded(model, [picture], devices.device)  # Forge Neo reads prompts beside it
        both = torch.cat([latent, latent])
        with _ready(p, texts), _progress():
            p.sampler = sd_samplers.create_sampler(SAMPLER, model)

            def ask(denoiser: Any, *_: Any, **__: Any) -> torch.Tensor:
                found.extend(_asked(p.sampler, denoiser, latent))
                return both

            with changed(p.sampler, func=ask):
                p.sampler.sample_img2img(
                    p, both, torch.zeros_like(both), p.c, p.uc, image_conditioning=_beside(p, picture, both)
                )
    if len(found) < DRAWS * len(LEVELS):
        return None
    wanted, against = torch.stack(found, dim=1).flatten(2, -3).numpy()
    return wanted, against, latent[0].flatten(0, -3).float().cpu().numpy()


def _asked(sampler: Any, denoiser: Any, latent: torch.Tensor) -> Iterator[torch.Tensor]:
    """Call the model once a draw of noise: what it predicts with the two texts, (2, C, h, w)."""
    generator = torch.Generator().manual_seed(SEED)
    sigmas = sampler.model_wrap.sigmas
    arguments = sampler.sampler_extra_args | {"cond_scale": 1, "s_min_uncond": math.inf}
    shared.state.sampling_steps = DRAWS * len(LEVELS)
    for share in LEVELS:
        sigma = sigmas[round(share * (len(sigmas) - 1))].to(latent)
        for _ in range(DRAWS):
            noise = torch.randn(latent.shape, generator=generator).to(latent)
            noised = noising(sampler, latent, noise)(sigma)
            denoiser.step = 1  # AUTOMATIC1111 does without guidance in odd steps alone
            yield denoiser(torch.cat([noised, noised]), sigma.expand(2), **arguments).float().cpu()
            shared.state.sampling_step += 1


@contextmanager
def _ready(p: Any, texts: Texts) -> Iterator[None]:
    """The run set up until its sampler: its prompts read by the text encoders, its extra networks in force."""
    p.setup_prompts()
    p.all_seeds = p.seeds = p.all_subseeds = p.subseeds = [SEED, SEED]
    p.prompts, p.negative_prompts = p.all_prompts, p.all_negative_prompts
    p.cached_c, p.cached_uc = [None, None], [None, None]  # the hosts' own belong to their runs
    p.parse_extra_network_prompts()
    of_run = {kind: [extra_networks.ExtraNetworkParams(list(items)) for items in each] for kind, each in texts.networks}
    p.extra_network_data = of_run | p.extra_network_data
    with ExitStack() as stack:
        if hasattr(p.sd_model, "forge_objects"):
            stack.enter_context(changed(p.sd_model, forge_objects=p.sd_model.forge_objects_original.shallow_copy()))
        extra_networks.activate(p, p.extra_network_data)
        stack.callback(extra_networks.deactivate, p, p.extra_network_data)
        if hasattr(p.sd_model, "forge_objects"):
            p.sd_model.forge_objects = p.sd_model.forge_objects_after_applying_lora.shallow_copy()
        p.setup_conds()
        yield


@contextmanager
def _progress() -> Iterator[None]:
    """The host's progress bar shows the calls, also before it knows how many jobs there will be."""
    state = shared.state
    jobs = {"job_count": 1, "job_no": 0} if state.job_count < 1 else {}
    with changed(state, textinfo="Making the change map", sampling_step=0, sampling_steps=state.sampling_steps, **jobs):
        yield


@contextmanager
def _precision() -> Iterator[None]:
    with devices.without_autocast() if devices.unet_needs_upcast else devices.autocast():
        yield


def _beside(p: Any, picture: Image.Image, latent: torch.Tensor) -> torch.Tensor | None:
    """What some models take beside the latent, such as inpainting ones."""
    pictures = latents.as_tensor(picture).to(latent).expand(2, -1, -1, -1)
    return p.img2img_image_conditioning(pictures * 2 - 1, latent)
