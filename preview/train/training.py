"""The two training loops, decoder and denoiser: resumable, with an average of the weights for export."""

import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from diffusers.training_utils import EMAModel
from torch import Tensor, distributed, nn
from torch.nn import functional
from tqdm import tqdm
from transformers import CLIPTextModel, CLIPTokenizer

from preview.train.autoencoder import PatchPca, as_input
from preview.train.data import Latents, PictureCrops

EMPTY_CAPTIONS = 0.10
"""Share of training samples without a caption, for classifier-free guidance."""
SAVE_EVERY_SECONDS = 240


@dataclass(frozen=True)
class Schedule:
    """How long to train and how fast to learn."""

    samples: int
    """Training samples in all, over all runs."""
    batch: int
    learning_rate: float
    warmup: int = 2_000
    """Samples over which the learning rate rises."""
    cooldown: float = 0.25
    """Share of `samples` at the end over which the learning rate falls to zero."""

    def rate(self, seen: int) -> float:
        """Learning rate after `seen` samples."""
        rising = (seen + self.batch) / self.warmup
        falling = (self.samples - seen) / (self.cooldown * self.samples)
        return self.learning_rate * max(0.0, min(1.0, rising, falling))


def build_denoiser(width: int) -> UNet2DConditionModel:
    """8.6 M parameters; text is attended to where the latents are halved and quartered."""
    denoiser = UNet2DConditionModel(
        sample_size=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 128, 160),
        layers_per_block=1,
        cross_attention_dim=width,
        attention_head_dim=4,
        norm_num_groups=16,
        use_linear_projection=True,
    )
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
    model: Denoising, tokenizer: CLIPTokenizer, latents: Latents, schedule: Schedule, checkpoint: Path, workers: int = 1
) -> None:
    """Learn to predict v from noisy latents and captions. With `workers` > 1, as many processes of one thread each
    average their gradients (on a CPU faster than as many threads in one process)."""
    if workers == 1:
        _denoiser_worker(0, 1, model, tokenizer, latents, schedule, checkpoint)
        return
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29571")
    latents.values.share_memory_()
    torch.multiprocessing.spawn(
        _denoiser_worker, (workers, model, tokenizer, latents, schedule, checkpoint), nprocs=workers
    )


def _denoiser_worker(
    rank: int,
    workers: int,
    model: Denoising,
    tokenizer: CLIPTokenizer,
    latents: Latents,
    schedule: Schedule,
    checkpoint: Path,
) -> None:
    if workers > 1:
        torch.set_num_threads(1)
        distributed.init_process_group("gloo", rank=rank, world_size=workers)
    captions = [sample.caption for sample in latents.samples]
    tokens = tokenizer(captions, padding="max_length", truncation=True, return_tensors="pt").input_ids
    no_caption = tokenizer("", padding="max_length", return_tensors="pt").input_ids[0]
    noise = noise_schedule()
    device = next(model.parameters()).device

    def loss(seen: int) -> Tensor:
        rng = torch.Generator().manual_seed(seen * workers + rank)
        share = schedule.batch // workers
        chosen = torch.randint(len(captions), (share,), generator=rng)
        clean = _random_window(latents.values[chosen].float(), rng)
        unnamed = torch.rand(share, generator=rng) < EMPTY_CAPTIONS
        text = torch.where(unnamed[:, None], no_caption, tokens[chosen])
        times = _times(share, rng)
        grain = torch.randn(clean.shape, generator=rng)
        target = noise.get_velocity(clean, grain, times)
        noisy = noise.add_noise(clean, grain, times)
        predicted = model(noisy.to(device), times.to(device), text.to(device))
        return functional.mse_loss(predicted.float(), target.to(device))

    _optimise(model, loss, schedule, checkpoint, "denoiser", workers, main=rank == 0)


def _times(count: int, rng: torch.Generator) -> Tensor:
    """`count` times in 0..999, spread evenly over a density that is three times as high in the middle of the schedule,
    where shapes form, as at its ends."""
    even = (torch.rand(count, generator=rng) + torch.arange(count)) / count
    return ((even + torch.sin(2 * math.pi * even) / (4 * math.pi)) * 1000).long().clamp(0, 999)


def _random_window(latents: Tensor, rng: torch.Generator) -> Tensor:
    """In one batch of four, a part of the pictures with sides of 20 to 32 cells, so that other shapes are known."""
    if torch.rand((), generator=rng) > 0.25:
        return latents
    height, width = (4 * int(torch.randint(5, 9, (), generator=rng)) for _ in range(2))
    top = 2 * int(torch.randint((latents.shape[2] - height) // 2 + 1, (), generator=rng))
    left = 2 * int(torch.randint((latents.shape[3] - width) // 2 + 1, (), generator=rng))
    return latents[:, :, top : top + height, left : left + width]


def train_decoder(
    model: AutoencoderKL, pca: PatchPca, pictures: Path, schedule: Schedule, checkpoint: Path, crop: int = 128
) -> None:
    """Learn to decode the fixed encoder's latents; the loss is a sum of squared and absolute errors."""
    crops = PictureCrops(pictures, crop)
    device = next(model.parameters()).device

    def loss(seen: int) -> Tensor:
        batch = crops.batch(schedule.batch, np.random.default_rng([1, seen]))
        picture = as_input(torch.from_numpy(batch)).to(device)
        error = model.decode(pca.encode(batch).to(device)).sample.float() - picture
        return error.square().mean() + 0.1 * error.abs().mean()

    _optimise(model, loss, schedule, checkpoint, "decoder")


def _optimise(
    model: nn.Module,
    loss_after: Callable[[int], Tensor],
    schedule: Schedule,
    checkpoint: Path,
    name: str,
    workers: int = 1,
    main: bool = True,
) -> None:
    """Minimise `loss_after(samples seen)` from `checkpoint` on; the checkpoint holds the weights and their average."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=schedule.learning_rate, betas=(0.9, 0.99), weight_decay=0.01)
    average = EMAModel(parameters, decay=0.9985)
    seen = _resume(checkpoint, parameters, optimiser, average)
    saved = time.monotonic()
    smooth = math.nan
    device = parameters[0].device.type
    bfloat16 = device == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    with tqdm(total=schedule.samples, initial=seen, desc=name, unit="sample", disable=not main, mininterval=15) as bar:
        while seen < schedule.samples:
            for group in optimiser.param_groups:
                group["lr"] = schedule.rate(seen)
            with torch.autocast(device, dtype=torch.bfloat16, enabled=bfloat16):
                loss = loss_after(seen)
            optimiser.zero_grad()
            loss.backward()
            if workers > 1:
                _average_gradients(parameters, workers)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            average.step(parameters)
            seen += schedule.batch
            bar.update(schedule.batch)
            smooth = loss.item() if math.isnan(smooth) else 0.99 * smooth + 0.01 * loss.item()
            bar.set_postfix(loss=f"{smooth:.4f}", refresh=False)
            if main and (time.monotonic() - saved > SAVE_EVERY_SECONDS or seen >= schedule.samples):
                _save(checkpoint, parameters, optimiser, average, seen)
                saved = time.monotonic()


def _average_gradients(parameters: list[nn.Parameter], workers: int) -> None:
    flat = torch.cat([parameter.grad.flatten() for parameter in parameters])
    distributed.all_reduce(flat)
    for parameter, gradient in zip(parameters, flat.split([parameter.numel() for parameter in parameters])):
        parameter.grad.copy_(gradient.view_as(parameter) / workers)


def _save(
    path: Path, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer, average: EMAModel, seen: int
) -> None:
    state = {
        "parameters": [parameter.detach() for parameter in parameters],
        "optimiser": optimiser.state_dict(),
        "average": average.shadow_params,
        "average_steps": average.optimization_step,
        "seen": seen,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp")
    torch.save(state, unfinished)
    unfinished.replace(path)


def _resume(path: Path, parameters: list[nn.Parameter], optimiser: torch.optim.Optimizer, average: EMAModel) -> int:
    """Samples seen so far: 0 when there is no checkpoint."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    with torch.no_grad():
        for parameter, value in zip(parameters, state["parameters"], strict=True):
            parameter.copy_(value)
    optimiser.load_state_dict(state["optimiser"])
    average.shadow_params = state["average"]
    average.optimization_step = state["average_steps"]
    return state["seen"]


def load_average(path: Path, model: nn.Module) -> int:
    """Put a checkpoint's averaged weights into `model` and return the samples it has seen."""
    state = torch.load(path, weights_only=True)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    with torch.no_grad():
        for parameter, value in zip(parameters, state["average"], strict=True):
            parameter.copy_(value)
    return state["seen"]
