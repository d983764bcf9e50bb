"""What the host's samplers do: their schedule, how they noise a picture, and how one is run with its pin."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from modules import sd_samplers_common, sd_samplers_timesteps, shared

from ..methods import Method, method_of
from ..pin import Clock, Noised, variance_exploding, variance_preserving
from ..schedule import Schedule
from ..session import SamplingSession
from .patches import changed


def schedule_of(p: Any, sampler: Any) -> Schedule:
    """The sampler's schedule at the strength that stands on `p` now."""
    steps, t_enc = sd_samplers_common.setup_img2img_steps(p, None)
    if _is_on_timesteps(sampler):
        return Schedule.from_timesteps(sampler.get_timesteps(p, steps).tolist(), steps, t_enc, _method(sampler).idle)
    return Schedule.from_sigmas(sampler.get_sigmas(p, steps).tolist(), steps, t_enc)


def idle_steps() -> dict[str, int]:
    """`Schedule.idle` of each of the host's samplers on timesteps, by the name that its page shows."""
    return {
        data.name: method_of(next(iter(data.aliases), "")).idle
        for data in sd_samplers_timesteps.samplers_data_timesteps
    }


class PinnedSampler:
    """The sampler's own function (`sampler.func`) with the pin around it.

    Args:
        strength: of each cell, float64 (h, w).
        original: latent of the picture as given, (B, C, h, w).
        noise: what the sampler was given to noise it with, (B, C, h, w).
    """

    def __init__(self, p: Any, sampler: Any, strength: np.ndarray, original: torch.Tensor, noise: torch.Tensor) -> None:
        self._p = p
        self._sampler = sampler
        self._strength = strength
        self._original = original.to(noise)
        self._noise = noise
        self._session: SamplingSession | None = None

    @property
    def has_run(self) -> bool:
        return self._session is not None

    @property
    def why_uneven(self) -> str:
        """See `SamplingSession.why_uneven`."""
        return self._session.why_uneven if self._session else ""

    @property
    def kept(self) -> np.ndarray:
        """Cells for which the run has no step, bool (h, w)."""
        return self._session.kept if self._session else self._strength == 0

    def wrapped(self, function: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
        @functools.wraps(function)
        def pinned(denoiser: Any, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
            # only now: reForge's own samplers learn their schedule type when they begin
            self._session = session = SamplingSession(
                denoiser=denoiser,
                method=_method(self._sampler),
                schedule=schedule_of(self._p, self._sampler),
                strength=self._strength,
                original=self._original,
                noise=self._noise,
                noised=noising(self._sampler, self._original, self._noise),
                certain=self._noise if _is_on_timesteps(self._sampler) else self._original,
                clock=_clock(self._sampler, function),
            )

            def show(estimate: torch.Tensor) -> None:
                store_latent(session.shown(estimate))

            def sample(state: torch.Tensor) -> torch.Tensor:
                denoiser.step = 0  # by which the host changes prompts: a run may start again
                return function(denoiser, state, *args, **kwargs)

            store_latent = sd_samplers_common.store_latent
            with changed(sd_samplers_common, store_latent=show):
                return session.sample(sample, x)

        return pinned

    def finish(self, samples: torch.Tensor) -> torch.Tensor:
        """See `SamplingSession.finish`."""
        return self._session.finish(samples) if self._session else samples


def _is_on_timesteps(sampler: Any) -> bool:
    return hasattr(sampler, "get_timesteps")


def _method(sampler: Any) -> Method:
    return method_of(sampler.funcname if isinstance(sampler.funcname, str) else sampler.funcname.__name__)


def _predictor(sampler: Any) -> Any:
    """Forge's, which knows how a model is noised; None on other hosts."""
    return getattr(sampler.model_wrap, "predictor", None)


def noising(sampler: Any, original: torch.Tensor, noise: torch.Tensor) -> Noised:
    """The host's own way to noise `original`, as a function of the level."""
    if _is_on_timesteps(sampler):
        alphas_cumprod = shared.sd_model.alphas_cumprod.to(noise.device)
        return lambda level: variance_preserving(original, noise, level, alphas_cumprod)
    predictor = _predictor(sampler)
    if predictor is not None:
        return lambda level: predictor.noise_scaling(level, noise, original, max_denoise=False)
    model: Any = shared.sd_model
    if hasattr(model, "add_noise_to_latent"):  # AUTOMATIC1111 with Stable Diffusion 3
        return lambda level: model.add_noise_to_latent(original, noise, level)
    return lambda level: variance_exploding(original, noise, level)


def _clock(sampler: Any, function: Callable[..., torch.Tensor]) -> Clock:
    """The time in which the sampler extrapolates: log(sigma), or half the log signal-to-noise ratio of a flow model,
    where its function says so."""
    is_flow = getattr(_predictor(sampler), "prediction_type", None) == "const"
    if is_flow and "sigma_to_half_log_snr" in inspect.unwrap(function).__code__.co_names:
        return torch.logit
    return torch.log
