"""Other ways to follow a change map, each written from its definition.

All take a batch and a change map (float (H, W) in [0, 1], 1 = change most) and return the edited pictures. Those that
have no way of their own to leave pixels with M = 0 untouched get the product's, so that only the sampling differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from runs import Batch, Pictures, as_setting, grey
from torch import Tensor, nn

from differential_diffusion import change_map
from differential_diffusion.change_map import Extent
from differential_diffusion.schedule import Schedule

Map = NDArray[np.float32]
Method = Callable[[Batch, Map], Pictures]

CELL = 8
"""Pixels of a latent cell of the demo model."""
TILES = 100
"""Binary masks that composition and tiling cut a map into (paper, section 5.1)."""


def ours(batch: Batch, change: Map) -> Pictures:
    """The product."""
    return batch.edit({"map": as_setting(change)})


def full_change(batch: Batch) -> Pictures:
    return batch.edit()


def hard_inpainting(batch: Batch, change: Map, threshold: float) -> Pictures:
    """The WebUI's own inpainting of everything from `threshold` on."""
    return _inpainted(batch, batch.pictures, change >= threshold, strength=1.0)


def composition(batch: Batch, change: Map) -> Pictures:
    """Paper, section 5.1: nested masks {M >= i / 100}, inpainted one after the other at strength i / 100."""
    pictures = batch.pictures
    for level in range(1, TILES + 1):
        pictures = _inpainted(batch, pictures, change >= level / TILES, strength=level / TILES)
    return pictures


def tiling(batch: Batch, change: Map, tiles: int = TILES) -> Pictures:
    """Paper, section 5.1: disjoint masks, one for each of `tiles` ranges of M, inpainted one after the other, each at
    its own strength."""
    pictures = batch.pictures
    tile = np.ceil(change * tiles)
    for level in range(1, tiles + 1):
        pictures = _inpainted(batch, pictures, tile == level, strength=level / tiles)
    return pictures


def five_tiles(batch: Batch, change: Map) -> Pictures:
    """Paper, section 5.1."""
    return tiling(batch, change, tiles=5)


def _inpainted(batch: Batch, pictures: Pictures, mask: NDArray[np.bool_], strength: float) -> Pictures:
    """The WebUI's own inpainting, its mask unblurred; as it is where the mask is empty."""
    if not mask.any():
        return pictures
    return batch.edit(
        pictures=pictures,
        mask=grey(mask.astype(np.float32)),
        mask_blur=0,
        inpainting_fill=1,
        inpaint_full_res=False,
        denoising_strength=strength,
    )


def masked_noise(batch: Batch, change: Map) -> Pictures:
    """Paper, section 5.1: plain img2img whose initial noise is multiplied by the map."""
    cells = _cells(change)

    @contextmanager
    def around(sampler: Any, original: Tensor, noise: Tensor) -> Iterator[Tensor]:
        yield noise * cells.to(noise)

    return _kept(batch, change, batch.edit(prepare=_around_sampling(around)))


def not_nested(batch: Batch, change: Map) -> Pictures:
    """Paper, Figure 3: each region is set to the noised original once, at the step where its own plain run would
    begin, and not before."""
    steps = batch.steps
    full = Schedule(steps, steps - 1, idle=0, call_levels=(), start_levels=())
    begins = torch.from_numpy(full.t_enc_of(_cells(change).numpy()))

    @contextmanager
    def around(sampler: Any, original: Tensor, noise: Tensor) -> Iterator[Tensor]:
        places = iter(range(steps - 1, -1, -1))

        def before(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            x, sigma = args[:2]
            now = begins.to(x.device) == next(places)
            x.copy_(torch.where(now, original + noise * _per_picture(sigma), x))

        with _hooked(sampler.model_wrap_cfg, before=before):
            yield noise

    return _kept(batch, change, batch.edit(prepare=_around_sampling(around)))


def overriding(batch: Batch, change: Map) -> Pictures:
    """ComfyUI's node "Differential Diffusion": the mask {M >= threshold} of a call, whose threshold falls with
    the timestep, blends what the model sees and what it returns with the original; the sampler's state is left alone.
    """
    cells = _cells(change)

    @contextmanager
    def around(sampler: Any, original: Tensor, noise: Tensor) -> Iterator[Tensor]:
        timestep = sampler.model_wrap.sigma_to_t
        first: list[Tensor] = []

        def mask(sigma: Tensor) -> Tensor:
            now = timestep(sigma[:1])
            first.append(now)
            return (cells.to(sigma.device) >= now / first[0]).float()

        def before(_: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            x, sigma, *rest = args
            blend = mask(sigma)
            return (x * blend + (original + noise * _per_picture(sigma)) * (1 - blend), sigma, *rest)

        def after(_: nn.Module, args: tuple[Any, ...], denoised: Tensor) -> Tensor:
            blend = mask(args[1])
            return denoised * blend + original * (1 - blend)

        with _hooked(sampler.model_wrap_cfg, before=before, after=after):
            yield noise

    return _kept(batch, change, batch.edit(prepare=_around_sampling(around)))


def built_in_soft_inpainting(batch: Batch, change: Map, strength: float = 1.0) -> Pictures:
    """AUTOMATIC1111's "Soft inpainting" at its default settings: what the model returns is blended with the original by
    M ** (sigma / 2), magnitudes apart from directions; where the latent changed little, the input shows through."""
    cells = _cells(change)
    latents: list[Tensor] = []

    @contextmanager
    def around(sampler: Any, original: Tensor, noise: Tensor) -> Iterator[Tensor]:
        def after(_: nn.Module, args: tuple[Any, ...], denoised: Tensor) -> Tensor:
            sigma = _per_picture(args[1])
            latents[:] = [original, denoised]
            return blended(original, denoised, cells.to(denoised) ** (0.5 * sigma))

        with _hooked(sampler.model_wrap_cfg, after=after):
            yield noise

    edited = batch.edit(prepare=_around_sampling(around, latents), denoising_strength=strength)
    original, result = latents
    return np.stack(
        [
            _laid_over(before, after, shown)
            for before, after, shown in zip(batch.pictures, edited, shown_through(original, result))
        ]
    )


def blended(original: Tensor, current: Tensor, share: Tensor) -> Tensor:
    """Between two latents (B, C, h, w): directions linearly by `share` (h, w), magnitudes by their fourth powers."""
    mixed = original * (1 - share) + current * share
    length = mixed.norm(dim=1, keepdim=True).double() + 1e-5
    powers = [latent.norm(dim=1, keepdim=True).double() ** 4 for latent in (original, current)]
    wanted = (powers[0] * (1 - share) + powers[1] * share) ** 0.25
    return mixed * (wanted / length).to(mixed)


def shown_through(original: Tensor, result: Tensor) -> NDArray[np.float64]:
    """How much of each generated cell the built-in Soft inpainting shows, (B, h, w) in [0, 1], by how far the latent
    has moved: its distance, filtered by order, over 0.5 and to the power of 2, through a sigmoid."""
    moved = (result - original).norm(dim=1).double().cpu().numpy()
    shown = []
    for distance in moved:
        distance = _mean_of_order(_mean_of_order(distance, 0.9, 1.0), 0.25, 0.75)
        share = 1 / (1 + (distance / (0.5 * 0.5 / 0.50001)) ** 2)
        shown.append(1 - share**3 * (share * (6 * share - 15) + 10))
    return np.stack(shown)


def _mean_of_order(plane: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """At each cell the mean of its 5 x 5 neighbours between two quantiles, at least one unit of weight wide, each
    neighbour weighted by a Gaussian cut off at a distance of 3."""
    reach = np.arange(-2, 3)
    floor = np.exp(-9 / 1.5**2)
    kernel = (np.exp(-(reach[:, None] ** 2 + reach**2) / 1.5**2) - floor).clip(0) / (1 - floor)
    padded = np.pad(plane, 2)
    inside = np.pad(np.ones_like(plane), 2)
    windows = np.lib.stride_tricks.sliding_window_view
    values = windows(padded, (5, 5)).reshape(*plane.shape, 25)
    weights = (windows(inside, (5, 5)) * kernel).reshape(*plane.shape, 25)
    order = values.argsort(axis=-1, kind="stable")
    values, weights = (np.take_along_axis(array, order, axis=-1) for array in (values, weights))
    above = weights.cumsum(axis=-1)
    total = above[..., -1:]
    start, end = total * low, total * high
    middle, is_narrow = (start + end) / 2, end - start < 1
    start, end = np.where(is_narrow, middle - 0.5, start), np.where(is_narrow, middle + 0.5, end)
    start, end = np.where(end > total, total - 1, start), np.minimum(end, total)
    overlap = (np.minimum(above, end) - np.maximum(above - weights, start)).clip(0)
    return (values * overlap).sum(axis=-1) / overlap.sum(axis=-1)


def _laid_over(before: NDArray[np.uint8], after: NDArray[np.uint8], shown: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The generated picture where `shown` (h, w) is 1, the input where it is 0; enlarged and blurred as there."""
    alpha = Image.fromarray((255 * shown).astype(np.uint8)).resize(before.shape[1::-1], Image.LANCZOS)
    alpha = alpha.filter(ImageFilter.GaussianBlur(radius=4))
    return np.asarray(Image.composite(Image.fromarray(after), Image.fromarray(before), alpha))


def alpha_composited(before: Pictures, after: Pictures, soft_mask: Map) -> Pictures:
    """A crossfade by the softened mask."""
    share = soft_mask[..., None]
    return (before * (1 - share) + after * share).round().astype(np.uint8)


def poisson_blended(before: Pictures, after: Pictures, mask: NDArray[np.bool_]) -> Pictures:
    """Gradients of `after` inside the mask, colours of `before` on its border (Perez et al. 2003), by OpenCV."""
    region = cv2.boundingRect(mask.astype(np.uint8))
    middle = (region[0] + region[2] // 2, region[1] + region[3] // 2)
    white = np.where(mask, 255, 0).astype(np.uint8)
    return np.stack([cv2.seamlessClone(a, b, white, middle, cv2.NORMAL_CLONE) for b, a in zip(before, after)])


def laplacian_blended(before: Pictures, after: Pictures, mask: NDArray[np.bool_], softness: float) -> Pictures:
    """Band by band, each with a transition of its own width (Burt and Adelson 1983), up to about `softness` pixels."""
    levels = max(1, round(np.log2(softness)))
    mixed = []
    for b, a in zip(before.astype(np.float32), after.astype(np.float32)):
        share = np.repeat(mask.astype(np.float32)[..., None], 3, axis=2)
        shares = _reduced(share, levels)
        bands = [low + s * (high - low) for low, high, s in zip(_bands(b, levels), _bands(a, levels), shares)]
        picture = bands[-1]
        for band in reversed(bands[:-1]):
            picture = cv2.pyrUp(picture, dstsize=band.shape[1::-1]) + band
        mixed.append(picture.clip(0, 255).round().astype(np.uint8))
    return np.stack(mixed)


def _reduced(plane: NDArray[np.float32], levels: int) -> list[NDArray[np.float32]]:
    planes: list[NDArray] = [plane]
    for _ in range(levels):
        planes.append(cv2.pyrDown(planes[-1]))
    return planes


def _bands(picture: NDArray[np.float32], levels: int) -> list[NDArray[np.float32]]:
    planes = _reduced(picture, levels)
    details = [fine - cv2.pyrUp(coarse, dstsize=fine.shape[1::-1]) for fine, coarse in zip(planes, planes[1:])]
    return [*details, planes[-1]]


def _cells(change: Map) -> Tensor:
    """The map averaged over latent cells, as the product takes it: float64 (h, w)."""
    size = Extent.of(change)
    return torch.from_numpy(change_map.to_cells(change, Extent(size.width // CELL, size.height // CELL)))


def _kept(batch: Batch, change: Map, edited: Pictures) -> Pictures:
    """The product's way to leave pixels with M = 0 as they are."""
    weight = change_map.paste_weight(change, CELL)[..., None]
    return (batch.pictures * (1 - weight) + edited * weight).round().astype(np.uint8)


def _per_picture(level: Tensor) -> Tensor:
    return level.view(-1, 1, 1, 1)


def _around_sampling(around: Any, latents: list[Tensor] | None = None) -> Callable[[Any], None]:
    """For `Batch.edit`: puts the context manager `around(sampler, original, noise)`, which yields the noise to start
    from, around the run's sampling. The run's latent replaces the last of `latents`."""

    def prepare(p: Any) -> None:
        sample = p.sample

        def sample_with(**arguments: Any) -> Tensor:
            sample_img2img = p.sampler.sample_img2img

            def sampled(p: Any, x: Tensor, noise: Tensor, *rest: Any, **more: Any) -> Tensor:
                with around(p.sampler, x, noise) as noise:
                    samples = sample_img2img(p, x, noise, *rest, **more)
                if latents:
                    latents[-1] = samples
                return samples

            p.sampler.sample_img2img = sampled
            return sample(**arguments)

        p.sample = sample_with

    return prepare


@contextmanager
def _hooked(module: nn.Module, before: Any = None, after: Any = None) -> Iterator[None]:
    handles = []
    if before is not None:
        handles.append(module.register_forward_pre_hook(before))
    if after is not None:
        handles.append(module.register_forward_hook(after))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
