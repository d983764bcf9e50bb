"""From what the UNet predicts (noise or v) to what the samplers step with (the clean latent, or the noise)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from models.family import Conditioning, Family


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

    def __call__(self, x: torch.Tensor, sigma: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        scale = _per_picture((sigma**2 + 1).rsqrt())
        level = _per_picture(sigma)
        output = self.inner_model.apply_model(x * scale, self.sigma_to_t(sigma), cond)
        if self.inner_model.parameterization == "v":
            return x * scale**2 - output * level * scale
        return x - output * level


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
