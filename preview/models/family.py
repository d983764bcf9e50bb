"""What the samplers and the processing see of a model, whatever its family."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from diffusers import DiffusionPipeline

from models.folders import check_parts, index_of, object_in, told
from modules import devices
from modules.paths import DEMO_MODEL

Conditioning = dict[str, torch.Tensor]
"""A prompt as the family's network takes it, by the names that the family gives; each tensor has a row a picture."""

CONNECTING = {"and", "the", "with"}


class Family:
    """A model of one family.

    Attributes:
        title: the family's name.
        folders: what each of a model's diffusers folders is for -> the pipelines that it may be of, by their class.
        optional: those that it can do without.
        latent_channels: channels of what is denoised.
        cell: side of what is denoised's cells, in pixels of the picture.
        stride: what the picture's sides must be multiples of, in pixels.
        native_side: side of the square pictures that it was made for, in pixels.
        parameterization: what it predicts: "eps" (the noise), "v", or "flow" (`flow.Flow`).
        alphas_cumprod: of the noise levels that it was trained on; a flow has none.
        is_distilled: the guidance is an input ("guidance"), and nothing is asked without the prompt.
        next_stage: the model that goes on from this one's result, beginning with the same picture; None for most.
    """

    title: ClassVar[str]
    folders: ClassVar[Mapping[str, tuple[str, ...]]]
    optional: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    latent_channels = 4
    cell = 8
    stride = 8
    native_side: int
    parameterization: str
    alphas_cumprod: torch.Tensor
    is_distilled = False
    next_stage: Family | None = None

    def __init__(self, path: Path, network: torch.nn.Module) -> None:
        self.path = path
        self.name = "demo" if path == DEMO_MODEL else path.stem
        self.sd_checkpoint_info = SimpleNamespace(filename=str(path))
        self.vocabulary = _vocabulary(path)
        self.model = SimpleNamespace(diffusion_model=network, conditioning_key="crossattn")

    @property
    def stages(self) -> int:
        """How many runs it takes, with those of the stages after it."""
        return 1 + (self.next_stage.stages if self.next_stage else 0)

    @property
    def words(self) -> list[str]:
        """What a small model can be asked for; empty for one that takes any words."""
        return [] if self.vocabulary is None else [*self.vocabulary["styles"], *self.vocabulary["objects"]]

    def unknown_words(self, prompt: str) -> list[str]:
        """The words of `prompt` that mean nothing to a small model; those of two letters, such as "a", do no harm."""
        if self.vocabulary is None:
            return []
        known = {word for entries in self.vocabulary.values() for entry in entries for word in entry.split()}
        words = dict.fromkeys(re.findall(r"[^\W\d_]{3,}", prompt.lower()))
        return [word for word in words if word not in known | CONNECTING]

    def encoding(self) -> AbstractContextManager[None]:
        """Around the encoding of a run's prompts: what serves nothing else may be in memory meanwhile alone."""
        return nullcontext()

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> Conditioning:
        """Encodes the prompts for pictures of `width` by `height` pixels."""
        raise NotImplementedError

    def image_conditioning(self, below: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """What `apply_model` finds as "concat".

        Args:
            below: result of the stage before, (pictures, channels, h, w).
            noise: standard normal, of this stage's size.
        """
        raise NotImplementedError

    def apply_model(self, x: torch.Tensor, timestep: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        """The network's raw prediction for `x` (pictures, channels, h, w) at `timestep` (pictures), 0..1000."""
        raise NotImplementedError

    def encode_first_stage(self, pictures: torch.Tensor) -> torch.Tensor:
        """What is denoised, (pictures, channels, h, w), of `pictures` (pictures, 3, height, width) in -1..1.

        Of an encoder that gives a distribution its mean, where the WebUI samples it: a preview draws nothing from a
        generator that it does not own.
        """
        raise NotImplementedError

    def decode_first_stage(self, latents: torch.Tensor) -> torch.Tensor:
        """Pictures (pictures, 3, height, width) in about -1..1."""
        raise NotImplementedError


def load_pipeline(folder: Path, *, without: tuple[str, ...] = (), **parts: Any) -> Any:
    """diffusers' pipeline of a folder, with `parts` that are in memory already, and `without` others.

    Raises:
        BadModel: a part is missing, damaged or of another kind than the folder says.
    """
    check_parts(folder, {*without, *parts})
    absent: dict[str, Any] = {name: None for name in without if name in index_of(folder)}
    with told(folder):
        pipeline: Any = DiffusionPipeline.from_pretrained(
            folder,
            torch_dtype=devices.dtype,
            local_files_only=True,
            use_safetensors=True,
            low_cpu_mem_usage=False,
            **absent,
            **parts,
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(devices.device)


def reduction(network: Any) -> int:
    """By how much a UNet makes what it works on smaller. One whose blocks do not remember odd sizes takes multiples of
    that alone."""
    return 2 ** (len(network.config.block_out_channels) - 1)


class Prompts:
    """Encoded prompts, where the parts that encode them are large: those are in memory for that alone.

    Args:
        load: gives the pipeline that encodes.
        encode: of that pipeline and a prompt gives its conditioning, of one row.
    """

    KEPT = 8
    """Prompts that need not be encoded again: a run's two, and those before."""

    def __init__(self, load: Callable[[], Any], encode: Callable[[Any, str], Conditioning]) -> None:
        self._load = load
        self._encode = encode
        self._rows: dict[str, Conditioning] = {}
        self._pipeline: Any = None
        self._is_held = False

    @contextmanager
    def in_memory(self) -> Iterator[None]:
        """What was loaded stays until the outermost of these ends."""
        is_outermost, self._is_held = not self._is_held, True
        try:
            yield
        finally:
            if is_outermost:
                self._pipeline, self._is_held = None, False

    def __call__(self, prompts: list[str]) -> Conditioning:
        with self.in_memory(), torch.no_grad():
            rows = {prompt: self._row(prompt) for prompt in prompts}
        kept = {prompt: row for prompt, row in self._rows.items() if prompt not in rows} | rows
        self._rows = dict([*kept.items()][-self.KEPT :])
        return {name: torch.cat([rows[prompt][name] for prompt in prompts]) for name in rows[prompts[0]]}

    def _row(self, prompt: str) -> Conditioning:
        if prompt in self._rows:
            return self._rows[prompt]
        if self._pipeline is None:
            self._pipeline = self._load()
        return self._encode(self._pipeline, prompt)


class PromptsApart(Family):
    """One whose prompts are encoded by parts that are in memory for that alone."""

    _prompts: Prompts

    def encoding(self) -> AbstractContextManager[None]:
        return self._prompts.in_memory()

    def get_learned_conditioning(
        self, prompts: list[str], width: int, height: int, is_negative: bool = False
    ) -> Conditioning:
        return self._prompts(prompts)


def _vocabulary(path: Path) -> dict[str, list[str]] | None:
    """The words that a small model was taught, by kind; None for one that comes without such a list."""
    file = path / "vocabulary.json"
    return object_in(file) if file.is_file() else None
