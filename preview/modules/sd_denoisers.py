"""From what a network predicts (noise, v or flow) to what the samplers step with (the clean latent, or the noise)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from models.family import Conditioning, Family
    from models.flow import Flow


def _per_picture(values: torch.Tensor) -> torch.Tensor:
    return values.view(-1, 1, 1, 1)


class SigmaDenoiser:
    """Denoises x = init + sigma * noise and returns the clean latent.

    Levels between two training timesteps are interpolated in log sigma.
    """

    def __init__(self, sd_model: Family) -> None:
        self.inner_model = sd_model
        alphas = sd_model.alphas_cumprod.cpu()
        self.sigmas = ((1 - alphas) / alphas).sqrt()
        self.log_sigmas = self.sigmas.log()

    def sigma_to_t(self, sigma: torch.Tensor) -> torch.Tensor:
        log_sigma = sigma.to(self.log_sigmas).log().clamp(self.log_sigmas[0], self.log_sigmas[-1])
        low = (torch.searchsorted(self.log_sigmas, log_sigma, right=True) - 1).clamp(0, len(self.log_sigmas) - 2)
        fraction = (log_sigma - self.log_sigmas[low]) / (self.log_sigmas[low + 1] - self.log_sigmas[low])
        return (low + fraction).to(sigma.device)

    def t_to_sigma(self, t: torch.Tensor) -> torch.Tensor:
        low = t.floor().long().clamp(0, len(self.log_sigmas) - 2)
        return torch.lerp(self.log_sigmas[low], self.log_sigmas[low + 1], t - low).exp()

    def schedule(self, steps: int, width: int, height: int) -> torch.Tensor:
        """Evenly spaced timesteps, the model's own noise levels, falling to 0."""
        return torch.cat([self.t_to_sigma(torch.linspace(len(self.sigmas) - 1, 0, steps)), torch.zeros(1)])

    @staticmethod
    def noised(init: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return init + noise * sigma

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        scale = _per_picture((sigma**2 + 1).rsqrt())
        level = _per_picture(sigma)
        output = self.inner_model.apply_model(x * scale, self.sigma_to_t(sigma), cond)
        if self.inner_model.parameterization == "v":
            return x * scale**2 - output * level * scale
        return x - output * level


class FlowPredictor:
    """How a flow model is noised, under Forge's names."""

    prediction_type = "const"

    @staticmethod
    def noise_scaling(
        sigma: torch.Tensor, noise: torch.Tensor, latent_image: torch.Tensor, max_denoise: bool = False
    ) -> torch.Tensor:
        return sigma * noise + (1 - sigma) * latent_image


class FlowDenoiser:
    """Denoises x = (1 - sigma) * init + sigma * noise and returns the clean latent."""

    def __init__(self, sd_model: Flow) -> None:
        self.inner_model = sd_model
        self.sigmas = sd_model.sigmas
        self.schedule = sd_model.schedule
        self.predictor = FlowPredictor()

    def noised(self, init: torch.Tensor, noise: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return self.predictor.noise_scaling(sigma, noise, init)

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        return x - self.inner_model.apply_model(x, sigma * 1000, cond) * _per_picture(sigma)


class TimestepDenoiser:
    """Predicts the noise in x = sqrt(alpha) * init + sqrt(1 - alpha) * noise at a timestep, which may be fractional."""

    def __init__(self, sd_model: Family) -> None:
        self.inner_model = sd_model
        self._levels = SigmaDenoiser(sd_model)

    def alpha(self, timestep: torch.Tensor) -> torch.Tensor:
        """The cumulative product of alphas at `timestep`, interpolated in log sigma between training timesteps."""
        return 1 / (self._levels.t_to_sigma(timestep.cpu().float()) ** 2 + 1).to(timestep.device)

    def __call__(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        output = self.inner_model.apply_model(x, timestep, cond)
        if self.inner_model.parameterization == "v":
            alpha = _per_picture(self.alpha(timestep))
            return alpha.sqrt() * output + (1 - alpha).sqrt() * x
        return output
