"""The list of samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modules.sd_samplers_common import Sampler, SamplerData
from modules.sd_samplers_kdiffusion import samplers_data_k_diffusion
from modules.sd_samplers_timesteps import samplers_data_timesteps

if TYPE_CHECKING:
    from modules.sd_models import StableDiffusion

all_samplers: list[SamplerData] = [*samplers_data_k_diffusion, *samplers_data_timesteps]
all_samplers_map = {data.name: data for data in all_samplers}


def find_sampler_config(name: str | None) -> SamplerData | None:
    """The sampler called `name`; the first one for None."""
    return all_samplers[0] if name is None else all_samplers_map.get(name)


def create_sampler(name: str | None, model: StableDiffusion) -> Sampler:
    """A new sampler. Raises ValueError naming the samplers there are."""
    config = find_sampler_config(name)
    if config is None:
        raise ValueError(f"bad sampler name: {name}; the preview has {', '.join(all_samplers_map)}")
    sampler = config.constructor(model)
    sampler.config = config
    return sampler
