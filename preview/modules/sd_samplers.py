"""The list of samplers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.flow import Flow
from modules.sd_samplers_common import Sampler, SamplerData
from modules.sd_samplers_kdiffusion import samplers_data_k_diffusion
from modules.sd_samplers_timesteps import samplers_data_timesteps
from modules.sd_schedulers import schedulers

if TYPE_CHECKING:
    from models.family import Family

all_samplers: list[SamplerData] = [*samplers_data_k_diffusion, *samplers_data_timesteps]
all_samplers_map = {data.name: data for data in all_samplers}


def find_sampler_config(name: str | None) -> SamplerData | None:
    """The sampler called `name`; the first one for None."""
    return all_samplers[0] if name is None else all_samplers_map.get(name)


def create_sampler(name: str | None, model: Family) -> Sampler:
    """A new sampler. Raises ValueError naming the samplers there are, or those that the model can be run with."""
    config = find_sampler_config(name)
    if config is None:
        raise ValueError(f"bad sampler name: {name}; the preview has {', '.join(all_samplers_map)}")
    if isinstance(model, Flow) and not config.takes_flow:
        known = ", ".join(data.name for data in all_samplers if data.takes_flow)
        raise ValueError(f"{config.name} cannot run a flow model such as {model.title}; {known} can")
    sampler = config.constructor(model)
    sampler.config = config
    return sampler


def get_sampler_and_scheduler(name: str | None, scheduler: str | None) -> tuple[str, str]:
    """Names of sampler and schedule. The schedule may stand at the end of the sampler's name, "DPM++ 2M Karras"."""
    name = name or all_samplers[0].name
    for candidate in schedulers:
        if name.endswith(f" {candidate.label}"):
            return name.removesuffix(f" {candidate.label}"), candidate.label
    return name, scheduler or "Automatic"
