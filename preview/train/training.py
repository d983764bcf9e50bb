"""The two training loops, autoencoder and denoiser: each has a time to spend, can be interrupted, and averages the
weights for export."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from preview.train.adversary import PatchDiscriminator, balance, discriminator_loss
from preview.train.data import Latents, Pictures, random_crops, random_latents
from preview.train.lpips import Lpips

EMPTY_CAPTIONS = 0.10
"""Share of training samples without a caption, for classifier-free guidance."""
CROP = 128
"""Pixels of the autoencoder's training squares."""
LATENT_NOISE = 0.05
"""Standard deviation of what is added to the autoencoder's latents in training, where their own is one: a denoiser's
latents are never exact."""
ADVERSARY_FROM = 0.4
"""Share of the autoencoder's training after which the discriminator has a say."""
ADVERSARY_SHARE = 0.3
"""Of its gradient, relative to the reconstruction's."""
SAVE_EVERY_SECONDS = 240


@dataclass(frozen=True)
class Schedule:
    """How long to train and how fast to learn."""

    seconds: float
    """Time to spend in this run; what earlier runs spent comes before it."""
    batch: int
    """Samples of 256 x 256 pixels, or as many pixels in other shapes."""
    learning_rate: float
    warmup: int = 10_000
    """Samples over which the learning rate rises."""
    cooldown: float = 0.3
    """Share of the time at the end over which the learning rate falls to zero."""

    def rate(self, seen: int, progress: float) -> float:
        """Learning rate after `seen` samples and `progress` (0..1) of the time."""
        rising = (seen + self.batch) / self.warmup
        falling = (1 - progress) / self.cooldown
        return self.learning_rate * max(0.0, min(1.0, rising, falling))


def build_denoiser(width: int) -> UNet2DConditionModel:
    """Stable Diffusion's UNet with a fifth of its channels, one block where it has two, and text from the second
    level on."""
    denoiser = UNet2DConditionModel(
        sample_size=32,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
        up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
        block_out_channels=(64, 128, 128, 128),
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=8,  # diffusers' old name of the number of heads
    )
    if not torch.cuda.is_available():
        denoiser.set_attn_processor(AttnProcessor())  # on a CPU the fused kernel's backward pass is slower
    return denoiser


def noise_schedule() -> DDPMScheduler:
    """Stable Diffusion 1's noise levels, with v-prediction."""
    return DDPMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        prediction_type="v_prediction",
        clip_sample=False,
        steps_offset=1,
    )


class Denoising(nn.Module):
    """The denoiser and the text encoder, which learn together."""

    def __init__(self, denoiser: UNet2DConditionModel, text_encoder: CLIPTextModel):
        super().__init__()
        self.denoiser = denoiser
        self.text_encoder = text_encoder

    def forward(self, noisy: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        """Predicted v (B x 4 x h x w) of noisy latents, at times 0..999 (B), for captions as tokens (B x 77)."""
        return self.denoiser(noisy, times, self.text_encoder(tokens).last_hidden_state).sample


def train_denoiser(
    model: Denoising, tokenizer: CLIPTokenizer, latents: list[Latents], schedule: Schedule, checkpoint: Path
) -> None:
    """Learn to predict v from noisy latents and captions."""
    device = latents[0].values.device
    no_caption = tokenizer("", padding="max_length", return_tensors="pt").input_ids.to(device)
    noise = noise_schedule()
    run = _Run("denoiser", model, schedule, checkpoint)

    def step(progress: float) -> Tensor:
        rng = torch.Generator().manual_seed(run.seen)
        clean, tokens = random_latents(latents, schedule.batch * 32 * 32, rng)
        clean = _random_window(clean, rng)
        unnamed = (torch.rand(len(clean), generator=rng) < EMPTY_CAPTIONS).to(device)
        text = torch.where(unnamed[:, None], no_caption, tokens)
        times = _times(len(clean), rng).to(device)
        grain = torch.randn_like(clean)
        with run.precision():
            predicted = model(noise.add_noise(clean, grain, times), times, text)
        loss = functional.mse_loss(predicted.float(), noise.get_velocity(clean, grain, times))
        run.descend(loss)
        return loss

    run.go(step)


def _times(count: int, rng: torch.Generator) -> Tensor:
    """`count` times in 0..999, spread evenly over a density that is three times as high in the middle of the schedule,
    where shapes form, as at its ends."""
    even = (torch.rand(count, generator=rng) + torch.arange(count)) / count
    return ((even + torch.sin(2 * math.pi * even) / (4 * math.pi)) * 1000).long().clamp(0, 999)


def _random_window(latents: Tensor, rng: torch.Generator) -> Tensor:
    """In one batch of five, a part of the pictures with sides of 20 cells or more, so that other shapes are known."""
    if torch.rand((), generator=rng) > 0.2:
        return latents
    height, width = (4 * int(torch.randint(5, length // 4 + 1, (), generator=rng)) for length in latents.shape[2:])
    top, left = (
        int(torch.randint(length - part + 1, (), generator=rng))
        for length, part in zip(latents.shape[2:], (height, width))
    )
    return latents[:, :, top : top + height, left : left + width]


def train_autoencoder(
    model: AutoencoderKL, distance: Lpips, pictures: list[Pictures], schedule: Schedule, checkpoint: Path
) -> None:
    """Learn to give pictures back by absolute error and LPIPS, from ADVERSARY_FROM on against a discriminator too.
    The latents are kept at unit variance."""
    discriminator = PatchDiscriminator().to(pictures[0].values.device)
    critic = torch.optim.AdamW(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.9), weight_decay=0)
    run = _Run("autoencoder", model, schedule, checkpoint, discriminator=discriminator, critic=critic)

    def step(progress: float) -> Tensor:
        rng = torch.Generator().manual_seed(run.seen)
        real = random_crops(pictures, schedule.batch * (256 // CROP) ** 2, CROP, rng)
        with run.precision():
            latents = model.encode(real).latent_dist.mean
            decoded = model.decode(latents + LATENT_NOISE * torch.randn_like(latents)).sample
        decoded = decoded.float()
        with run.precision():
            perceptual = distance(*_shifted(real, decoded, rng)).mean()
        spread = (latents.float().square().mean((0, 2, 3)) - 1).square().mean()
        reconstruction = (real - decoded).abs().mean() + perceptual
        loss = reconstruction + 0.1 * spread
        if progress >= ADVERSARY_FROM:
            made = -discriminator(decoded).mean()
            weight = balance(reconstruction, made, model.decoder.conv_out.weight)
            loss = loss + ADVERSARY_SHARE * weight * made
        run.descend(loss)
        if progress >= ADVERSARY_FROM:
            critic.zero_grad()
            discriminator_loss(discriminator(real), discriminator(decoded.detach())).backward()
            critic.step()
        return reconstruction

    run.go(step)


def _shifted(real: Tensor, decoded: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Both without up to seven rows and columns, since AlexNet sees every fourth pixel: a fixed grid would show."""
    top, left = (int(torch.randint(8, (), generator=rng)) for _ in range(2))
    part = (..., slice(top, top + CROP - 8), slice(left, left + CROP - 8))
    return real[part], decoded[part]


class Saved(Protocol):
    """What a checkpoint holds beside the weights."""

    def state_dict(self) -> dict: ...

    def load_state_dict(self, state_dict: dict) -> object: ...


class _Run:
    """One training: the optimiser, the average of the weights, the clock and the checkpoint."""

    def __init__(self, name: str, model: nn.Module, schedule: Schedule, checkpoint: Path, **others: Saved) -> None:
        self.seen = 0
        self._spent = 0.0
        self._name, self._schedule, self._checkpoint = name, schedule, checkpoint
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._device = self._parameters[0].device.type
        self._optimiser = torch.optim.AdamW(
            self._parameters, lr=schedule.learning_rate, betas=(0.9, 0.99), weight_decay=0.01, fused=True
        )
        self._average = EMAModel(self._parameters, decay=0.999, foreach=True)
        self._parts: dict[str, Saved] = {
            "model": model,
            "optimiser": self._optimiser,
            "average": self._average,
            **others,
        }

    def precision(self) -> torch.autocast:
        """bfloat16 where the device has it."""
        known = self._device == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.autocast(self._device, dtype=torch.bfloat16, enabled=known)

    def descend(self, loss: Tensor) -> None:
        """One step of the optimiser."""
        self._optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self._parameters, 1.0)
        self._optimiser.step()

    def go(self, step: Callable[[float], Tensor]) -> None:
        """Call `step` with the share of the time, all runs' together, that is spent until all is."""
        self._resume()
        schedule, spent_before, total = self._schedule, self._spent, self._spent + self._schedule.seconds
        started = saved = time.monotonic()
        with tqdm(desc=self._name, initial=self.seen, unit="sample", unit_scale=True, mininterval=15) as bar:
            while self._spent < total:
                progress = self._spent / total
                for group in self._optimiser.param_groups:
                    group["lr"] = schedule.rate(self.seen, progress)
                loss = step(progress)
                self._average.step(self._parameters)
                self.seen += schedule.batch
                now = time.monotonic()
                self._spent = spent_before + now - started
                if bar.update(schedule.batch):
                    bar.set_postfix(loss=f"{loss.item():.4f}", spent=f"{progress:.0%}")
                if now - saved > SAVE_EVERY_SECONDS:
                    self._save()
                    saved = now
        self._save()

    def _save(self) -> None:
        state = {"seen": self.seen, "spent": self._spent}
        state |= {name: part.state_dict() for name, part in self._parts.items()}
        self._checkpoint.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._checkpoint.with_suffix(".tmp")
        torch.save(state, unfinished)
        unfinished.replace(self._checkpoint)

    def _resume(self) -> None:
        if not self._checkpoint.exists():
            return
        state = torch.load(self._checkpoint, map_location=self._device, weights_only=True)
        for name, part in self._parts.items():
            part.load_state_dict(state[name])
        self.seen, self._spent = state["seen"], state["spent"]


def load_average(path: Path, model: nn.Module) -> int:
    """Put a checkpoint's averaged weights into `model` and return the samples it has seen."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for parameter, value in zip(parameters, state["average"]["shadow_params"], strict=True):
            parameter.copy_(value)
    return state["seen"]
