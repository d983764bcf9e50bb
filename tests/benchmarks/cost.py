"""Cost of a step: plain img2img against the same run with a map."""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from diffusers import UNet2DConditionModel
from report import table
from runs import Host, as_setting, demo_model, half_precision, held_out
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from differential_diffusion.session import SamplingSession
from modules import sd_samplers
from modules.sd_samplers_common import Sampler

GPU = torch.cuda.is_available()
HOOKS = ("_before_call", "_after_call")
MAP = {"map": as_setting(np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1)))}

STABLE_DIFFUSION_1 = {
    "sample_size": 64,
    "cross_attention_dim": 768,
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": 8,
}

READ_BACK = ("_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2")
"""Operations whose result Python or the next operation's shape must wait for."""
TO_PYTHON = ("tolist", "numpy", "cpu", "__array__")
"""Methods that copy a tensor to the CPU."""


def run(quick: bool) -> None:
    """Print ratios of time, extra memory, and synchronisations."""
    model = demo_model(in_half=True)
    host = Host(model)
    shapes = [(512, 1)] if quick else [(512, 1), (512, 4), (1024, 1), (1024, 4)]
    repeats = 3 if GPU and not quick else 1
    rows = [measured(host, "demo model", side, batch, 2, repeats) for side, batch in shapes]
    if not quick:
        large = with_large_unet(model)
        big, kind = Host(large), f"Stable Diffusion 1.5's size, {str(large.dtype).removeprefix('torch.')}"
        for side, batch in shapes if GPU else [(512, 1)]:
            rows.append(measured(big, kind, side, batch, 10 if GPU else 2, repeats))
    print(
        "The same run without and with a map (a ramp from 0 to 1; Euler, guided), by turns. "
        "*In the hooks*: time measured inside the session's two hooks, a share of the sampling; that is all that a map "
        "adds to a step. *Extra at the peak*: what sampling with a map has allocated beyond plain sampling where each "
        "needs most, counted tensor by tensor. *Every noised latent at once*: what a run holds that prepares all "
        "noised latents and masks before it starts, as the paper's reference implementation does.\n"
    )
    header = ["UNet", "px", "batch", "time, ratio", "ms a step in the hooks", "in the hooks", "extra at the peak, KB"]
    print(table([*header, "every noised latent at once, 50 steps, KB"], rows))
    counts = synchronisations(Host(model))
    found = ", ".join(f"{name}: {count}" for name, count in counts.items() if count) or "none"
    print(
        f"\nSynchronisations with the device in the hooks, in runs of 4 steps with each of {len(counts)} samplers, "
        f"counted as calls of {', '.join((*READ_BACK, *TO_PYTHON))}, as boolean indices and as copies between devices: "
        f"{found}."
    )


def measured(host: Host, name: str, side: int, batch: int, steps: int, repeats: int) -> list[object]:
    """One row of the table."""
    pictures = np.tile(held_out(0, batch), (1, side // 256, side // 256, 1))
    options: dict[str, Any] = {"steps": steps, "sampler_name": "Euler", "denoising_strength": 1.0, "seed": 1}
    host.edit(pictures, MAP, **options | {"steps": 1})  # what is made on first use
    runs: dict[bool, list[SimpleNamespace]] = {False: [], True: []}
    for turn in range(2 * repeats):
        is_ours = bool(turn % 2)
        with stopwatch() as watch:
            host.edit(pictures, MAP if is_ours else None, **options)
        runs[is_ours].append(watch)
    peaks = [peak_memory(partial(host.edit, pictures, effect, **options)) for effect in (None, MAP)]
    plain, ours = (min(watch.sampling for watch in runs[is_ours]) for is_ours in (False, True))
    hooks = min(watch.hooks for watch in runs[True])
    return [
        name,
        side,
        batch,
        f"{ours / plain:.3f}",
        f"{1000 * hooks / steps:.2f}",
        f"{100 * hooks / ours:.3f} %",
        f"{(peaks[1] - peaks[0]) / 1000:.1f}",
        f"{every_noised_latent(batch, side // 8, 50) / 1000:.0f}",
    ]


@contextmanager
def stopwatch() -> Iterator[SimpleNamespace]:
    """Seconds inside the sampler (`sampling`) and inside the session's hooks (`hooks`)."""
    watch = SimpleNamespace(sampling=0.0, hooks=0.0)

    def timed(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            start = _now()
            try:
                return call(*args, **kwargs)
            finally:
                setattr(watch, name, getattr(watch, name) + _now() - start)

        return wrapper

    with ExitStack() as stack:
        stack.enter_context(patch.object(Sampler, "launch_sampling", timed(Sampler.launch_sampling, "sampling")))
        for hook in HOOKS:
            stack.enter_context(patch.object(SamplingSession, hook, timed(getattr(SamplingSession, hook), "hooks")))
        yield watch


def _now() -> float:
    if GPU:
        torch.cuda.synchronize()
    return time.perf_counter()


class Allocations(TorchDispatchMode):
    """Bytes of all tensors made or used while it is on and still alive; `peak` is the most there were at once."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves((args, kwargs, result)):
            if isinstance(tensor, Tensor):
                self._note(tensor.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self.live += size
        self.peak = max(self.peak, self.live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self.live -= size


def peak_memory(run: Callable[[], object]) -> int:
    """The most bytes of tensors there are at once while `run` samples."""
    peaks: list[int] = []
    launch = Sampler.launch_sampling

    def watched(*args: Any, **kwargs: Any) -> Any:
        allocations.peak = allocations.live
        try:
            return launch(*args, **kwargs)
        finally:
            peaks.append(allocations.peak)

    with Allocations() as allocations, patch.object(Sampler, "launch_sampling", watched):
        run()
    return max(peaks)


def every_noised_latent(batch: int, side: int, steps: int) -> int:
    """Bytes of all noised latents and masks of a run, made before its first step as in the reference implementation."""

    def prepare() -> object:
        latent, noise = torch.zeros(2, batch, 4, side, side)
        noised = torch.cat([(latent + noise * sigma)[None] for sigma in range(steps)])
        masks = torch.rand(side, side) > torch.linspace(0, 1, steps).view(-1, 1, 1)
        return noised, masks

    with Allocations() as allocations:
        kept = prepare()
        held = allocations.live
        del kept
    return held


class Synchronisations(TorchDispatchMode):
    """Counts operations that wait for the device, and copies between devices."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.overloadpacket.__name__
        moves = name == "_to_copy" and (kwargs or {}).get("device") not in (None, args[0].device)
        selects = name == "index" and any(index is not None and index.dtype == torch.bool for index in args[1])
        if name in READ_BACK or moves or selects:
            self.counts[name] += 1
        return function(*args, **(kwargs or {}))


def synchronisations(host: Host) -> dict[str, int]:
    """How often the hooks of a whole run wait for the device, for each sampler of the preview."""
    picture = held_out(0, 1)[:, :64, :64]
    found = {}
    for name in sd_samplers.all_samplers_map:
        counter = Synchronisations()
        with _counting_in_hooks(counter):
            host.edit(picture, MAP, steps=4, sampler_name=name, denoising_strength=1.0)
        found[name] = counter.counts.total()
    return found


@contextmanager
def _counting_in_hooks(counter: Synchronisations) -> Iterator[None]:
    def counted_hook(hook: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any) -> Any:
            with ExitStack() as stack:
                for method in TO_PYTHON:
                    stack.enter_context(patch.object(Tensor, method, counted_method(method)))
                stack.enter_context(counter)
                return hook(*args)

        return wrapper

    def counted_method(name: str) -> Callable[..., Any]:
        original = getattr(Tensor, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            counter.counts[name] += 1
            return original(*args, **kwargs)

        return wrapper

    with ExitStack() as stack:
        for hook in HOOKS:
            stack.enter_context(patch.object(SamplingSession, hook, counted_hook(getattr(SamplingSession, hook))))
        yield


class _Large:
    """The demo model with a UNet of another size and random weights in the place of its own."""

    def __init__(self, model: Any, unet: UNet2DConditionModel) -> None:
        self._model = model
        self.model = SimpleNamespace(diffusion_model=unet, conditioning_key="crossattn")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> dict[str, Tensor]:
        width = self.model.diffusion_model.config.cross_attention_dim
        return {"crossattn": torch.zeros(len(prompts), 77, width, device=self._model.alphas_cumprod.device)}

    def apply_model(self, x: Tensor, timestep: Tensor, cond: dict[str, Tensor]) -> Tensor:
        return self.model.diffusion_model(x.to(self.dtype), timestep, cond["crossattn"].to(self.dtype)).sample.to(x)

    @property
    def dtype(self) -> torch.dtype:
        return self.model.diffusion_model.dtype


def with_large_unet(model: Any) -> _Large:
    """A UNet of Stable Diffusion 1.5's size; in half precision where the processor has it."""
    unet: Any = UNet2DConditionModel(**STABLE_DIFFUSION_1)
    unet.requires_grad_(False)
    return _Large(model, unet.to(model.alphas_cumprod.device, half_precision() or torch.float32))
