"""What a run is, and the loop that carries it out and calls the scripts in the WebUI's order."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageOps

from modules import compositing, devices, extra_networks, images, masking, sd_samplers, shared
from modules.infotext_utils import create_infotext
from modules.masking import create_binary_mask
from modules.rng import ImageRNG
from modules.scripts import (
    MaskBlendArgs,
    PostprocessBatchListArgs,
    PostprocessImageArgs,
    PostProcessMaskOverlayArgs,
    PostSampleArgs,
    ScriptRunner,
)
from modules.sd_samplers_common import images_tensor_to_samples
from modules.sd_schedulers import schedulers_map

if TYPE_CHECKING:
    from models.family import Conditioning, Family
    from modules.sd_samplers_common import Sampler


@dataclass(repr=False)
class StableDiffusionProcessing:
    """One run: `n_iter` batches of `batch_size` pictures."""

    sd_model: Family
    prompt: str | list[str] = ""
    negative_prompt: str = ""
    seed: int = -1
    sampler_name: str | None = None
    scheduler: str | None = None
    batch_size: int = 1
    n_iter: int = 1
    steps: int = 50
    cfg_scale: float = 7.0
    width: int = 512
    height: int = 512
    override_settings: dict[str, Any] = field(default_factory=dict)
    override_settings_restore_afterwards: bool = True
    extra_generation_params: dict[str, Any] = field(default_factory=dict)
    do_not_save_samples: bool = False
    outpath_samples: str = ""

    sampler: Sampler = field(init=False)
    rng: ImageRNG = field(init=False)
    c: Conditioning = field(init=False)
    uc: Conditioning = field(init=False)
    is_api: bool = field(default=False, init=False)
    comments: dict[str, int] = field(default_factory=dict, init=False)
    all_prompts: list[str] = field(default_factory=list, init=False)
    all_negative_prompts: list[str] = field(default_factory=list, init=False)
    all_seeds: list[int] = field(default_factory=list, init=False)
    all_subseeds: list[int] = field(default_factory=list, init=False)
    prompts: list[str] = field(default_factory=list, init=False)
    extra_network_data: dict[str, list[Any]] = field(default_factory=dict, init=False)
    negative_prompts: list[str] = field(default_factory=list, init=False)
    seeds: list[int] = field(default_factory=list, init=False)
    subseeds: list[int] = field(default_factory=list, init=False)
    below: list[torch.Tensor] | None = field(default=None, init=False)
    """What the stage before made of each batch."""
    image_conditioning: torch.Tensor | None = field(default=None, init=False)
    iteration: int = field(default=0, init=False)
    batch_index: int = field(default=0, init=False)
    paste_to: tuple[int, int, int, int] | None = field(default=None, init=False)
    overlay_images: list[Image.Image] | None = field(default=None, init=False)
    mask_for_overlay: Image.Image | None = field(default=None, init=False)

    _scripts: ScriptRunner | None = field(default=None, init=False)
    _script_args: Any = field(default=None, init=False)
    _scripts_are_set_up: bool = field(default=False, init=False)

    @property
    def scripts(self) -> ScriptRunner | None:
        return self._scripts

    @scripts.setter
    def scripts(self, value: ScriptRunner | None) -> None:
        self._scripts = value
        self._setup_scripts()

    @property
    def script_args(self) -> Any:
        return self._script_args

    @script_args.setter
    def script_args(self, value: Any) -> None:
        self._script_args = value
        self._setup_scripts()

    def _setup_scripts(self) -> None:
        if self._scripts is not None and self._script_args is not None and not self._scripts_are_set_up:
            self._scripts_are_set_up = True
            self._scripts.setup_scrips(self)

    def comment(self, text: str) -> None:
        """Shows `text` under the result."""
        self.comments[text] = 1

    def save_samples(self) -> bool:
        """Whether the run's pictures are written to disk."""
        return shared.opts.samples_save and not self.do_not_save_samples and not shared.state.interrupted

    def setup_prompts(self) -> None:
        pictures = self.batch_size * self.n_iter
        self.all_prompts = self.prompt if isinstance(self.prompt, list) else [self.prompt] * pictures
        self.all_negative_prompts = [self.negative_prompt] * len(self.all_prompts)

    def parse_extra_network_prompts(self) -> None:
        self.prompts, self.extra_network_data = extra_networks.parse_prompts(self.prompts)

    def setup_conds(self) -> None:
        size = self.width, self.height
        with self.sd_model.encoding():
            self.uc = self.sd_model.get_learned_conditioning(self.negative_prompts, *size, is_negative=True)
            self.c = self.sd_model.get_learned_conditioning(self.prompts, *size)
        if self.below is not None:
            self.image_conditioning = self.sd_model.image_conditioning(self.below[self.iteration], self.rng.next())

    def init(self, all_prompts: list[str], all_seeds: list[int], all_subseeds: list[int]) -> None:
        raise NotImplementedError

    def sample(
        self,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        seeds: list[int],
        subseeds: list[int],
        subseed_strength: float,
        prompts: list[str],
    ) -> torch.Tensor:
        """The latents of one batch."""
        raise NotImplementedError

    def close(self) -> None:
        """Lets go of what the run held in memory."""
        self.__dict__.pop("c", None)
        self.__dict__.pop("uc", None)


@dataclass(repr=False)
class StableDiffusionProcessingTxt2Img(StableDiffusionProcessing):
    def init(self, all_prompts: list[str], all_seeds: list[int], all_subseeds: list[int]) -> None:
        self.sampler = sd_samplers.create_sampler(self.sampler_name, self.sd_model)

    def sample(
        self,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        seeds: list[int],
        subseeds: list[int],
        subseed_strength: float,
        prompts: list[str],
    ) -> torch.Tensor:
        x = self.rng.next()
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(
                self, x=x, noise=x, c=conditioning, uc=unconditional_conditioning
            )
        return self.sampler.sample(self, x, conditioning, unconditional_conditioning)


@dataclass(repr=False)
class StableDiffusionProcessingImg2Img(StableDiffusionProcessing):
    """A run that starts from pictures, with or without the host's own inpaint mask.

    resize_mode: 0 stretch, 1 crop, 2 fill the edges, 3 stretch the latent.
    inpainting_fill: what the masked part starts from; 0 its surroundings, 1 itself, 2 latent noise, 3 latent zeros.
    inpaint_full_res: crop to the mask ("Only masked") and paste the result back.
    """

    init_images: list[Image.Image] = field(default_factory=list)
    mask: Any = None
    resize_mode: int = 0
    denoising_strength: float = 0.75
    mask_blur_x: int = 4
    mask_blur_y: int = 4
    mask_blur: int | None = None
    mask_round: bool = True
    inpainting_fill: int = 0
    inpaint_full_res: bool = True
    inpaint_full_res_padding: int = 0
    inpainting_mask_invert: int = 0
    initial_noise_multiplier: float | None = None
    latent_mask: Image.Image | None = None

    image_mask: Image.Image | None = field(default=None, init=False)
    nmask: torch.Tensor | None = field(default=None, init=False)
    init_latent: torch.Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.image_mask, self.mask = self.mask, None
        if self.mask_blur is not None:
            self.mask_blur_x = self.mask_blur_y = self.mask_blur
        if self.initial_noise_multiplier is None:
            self.initial_noise_multiplier = shared.opts.initial_noise_multiplier

    def init(self, all_prompts: list[str], all_seeds: list[int], all_subseeds: list[int]) -> None:
        """Makes the sampler, the latent of the pictures and, with a mask, what inpainting needs."""
        self.extra_generation_params["Denoising strength"] = self.denoising_strength
        self.sampler = sd_samplers.create_sampler(self.sampler_name, self.sd_model)
        image_mask, crop = self._prepare_mask() if self.image_mask is not None else (None, None)
        latent_mask = self.latent_mask if self.latent_mask is not None else image_mask

        if image_mask is not None:
            self.overlay_images = []
        prepared = [self._prepare_image(image, image_mask, latent_mask, crop) for image in self.init_images]
        if len(prepared) == 1:
            prepared *= self.batch_size
            self.overlay_images = self.overlay_images and self.overlay_images * self.batch_size
        elif 0 < len(prepared) <= self.batch_size:
            self.batch_size = len(prepared)
        else:
            raise RuntimeError(f"bad number of images passed: {len(prepared)}; expecting {self.batch_size} or less")

        pictures = torch.stack([torch.from_numpy(np.array(image)).permute(2, 0, 1) for image in prepared])
        pictures = pictures.to(devices.device, devices.dtype) / 255
        self.init_latent = images_tensor_to_samples(pictures, model=self.sd_model)
        if self.resize_mode == 3:
            size = (self.height // self.sd_model.cell, self.width // self.sd_model.cell)
            self.init_latent = torch.nn.functional.interpolate(self.init_latent, size=size, mode="bilinear")
        if image_mask is not None:
            assert latent_mask is not None
            self._prepare_latent_mask(latent_mask, all_seeds)

    def img2img_image_conditioning(self, source_image: torch.Tensor, latent_image: torch.Tensor) -> None:
        """What a model takes beside the latent; none that the preview runs takes anything."""

    def _prepare_mask(self) -> tuple[Image.Image | None, masking.Box | None]:
        """(the mask at the size of the run, the region that "Only masked" crops to), None for what there is not."""
        mask = create_binary_mask(self.image_mask, round=self.mask_round)
        if self.inpainting_mask_invert:
            mask = ImageOps.invert(mask)
            self.extra_generation_params["Mask mode"] = "Inpaint not masked"
        if self.mask_blur_x > 0 or self.mask_blur_y > 0:
            mask = masking.blur_mask(mask, self.mask_blur_x, self.mask_blur_y)
            same = self.mask_blur_x == self.mask_blur_y
            self.extra_generation_params["Mask blur"] = self.mask_blur_x if same else None

        if not self.inpaint_full_res:
            mask = images.resize_image(self.resize_mode, mask, self.width, self.height)
            self.mask_for_overlay = mask.convert("L").point(lambda value: min(2 * value, 255))
            return mask, None
        box = masking.get_crop_region_v2(mask, self.inpaint_full_res_padding)
        if box is None:
            self.inpaint_full_res = False
            self.comment('Unable to perform "Inpaint Only mask" because mask is blank, switch to img2img mode.')
            return None, None
        self.mask_for_overlay = mask
        box = masking.expand_crop_region(box, self.width, self.height, mask.width, mask.height)
        self.paste_to = (box[0], box[1], box[2] - box[0], box[3] - box[1])
        self.extra_generation_params["Inpaint area"] = "Only masked"
        self.extra_generation_params["Masked area padding"] = self.inpaint_full_res_padding
        return images.resize_image(2, mask.crop(box), self.width, self.height), box

    def _prepare_image(
        self,
        image: Image.Image,
        image_mask: Image.Image | None,
        latent_mask: Image.Image | None,
        crop: masking.Box | None,
    ) -> Image.Image:
        """One picture at the size of the run, its masked part filled; with a mask, keeps its overlay."""
        image = images.flatten(image, shared.opts.img2img_background_color)
        if crop is None and self.resize_mode != 3:
            image = images.resize_image(self.resize_mode, image, self.width, self.height)
        if image_mask is None:
            return image

        assert self.mask_for_overlay is not None and latent_mask is not None and self.overlay_images is not None
        if self.mask_for_overlay.size != image.size:
            self.mask_for_overlay = images.resize_image(self.resize_mode, self.mask_for_overlay, *image.size)
        self.overlay_images.append(compositing.keep_unmasked(image, self.mask_for_overlay))
        if crop is not None:
            image = images.resize_image(2, image.crop(crop), self.width, self.height)
        if self.inpainting_fill != 1:
            image = masking.fill(image, latent_mask)
        if self.inpainting_fill == 0:
            self.extra_generation_params["Masked content"] = "fill"
        return image

    def _prepare_latent_mask(self, latent_mask: Image.Image, all_seeds: list[int]) -> None:
        """Sets `mask` (1 = keep) and `nmask` (1 = change), (channels, height, width) of the latent."""
        _, channels, height, width = self.init_latent.shape
        change = np.array(latent_mask.convert("RGB").resize((width, height)), dtype=np.float32)[..., 0] / 255
        if self.mask_round:
            change = np.around(change)
        self.nmask = torch.from_numpy(change).to(devices.device).expand(channels, -1, -1).clone()
        self.mask = 1 - self.nmask
        if self.inpainting_fill == 2:
            noise = ImageRNG((channels, height, width), all_seeds[: len(self.init_latent)]).next()
            self.init_latent = self.init_latent * self.mask + noise * self.nmask
            self.extra_generation_params["Masked content"] = "latent noise"
        elif self.inpainting_fill == 3:
            self.init_latent = self.init_latent * self.mask
            self.extra_generation_params["Masked content"] = "latent nothing"

    def sample(
        self,
        conditioning: Conditioning,
        unconditional_conditioning: Conditioning,
        seeds: list[int],
        subseeds: list[int],
        subseed_strength: float,
        prompts: list[str],
    ) -> torch.Tensor:
        noise = self.rng.next()
        assert self.initial_noise_multiplier is not None
        if self.initial_noise_multiplier != 1.0:
            self.extra_generation_params["Noise multiplier"] = self.initial_noise_multiplier
            noise *= self.initial_noise_multiplier
        if self.scripts is not None:
            self.scripts.process_before_every_sampling(
                self, x=self.init_latent, noise=noise, c=conditioning, uc=unconditional_conditioning
            )
        samples = self.sampler.sample_img2img(
            self,
            self.init_latent,
            noise,
            conditioning,
            unconditional_conditioning,
            image_conditioning=self.image_conditioning,
        )
        if self.mask is not None and self.nmask is not None:
            blended = samples * self.nmask + self.init_latent * self.mask
            args = MaskBlendArgs(samples, self.nmask, self.init_latent, self.mask, blended)
            if self.scripts is not None:
                self.scripts.on_mask_blend(self, args)
            samples = args.blended_latent
        return samples


class Processed:
    """The pictures of a run and how they were made."""

    def __init__(
        self,
        p: StableDiffusionProcessing,
        images_list: list[Image.Image],
        infotexts: list[str],
        index_of_first_image: int = 0,
    ) -> None:
        self.images = images_list
        self.infotexts = infotexts
        self.info = infotexts[0]
        self.index_of_first_image = index_of_first_image
        self.comments = "".join(f"{comment}\n" for comment in p.comments)
        self.prompt, self.negative_prompt = p.prompt, p.negative_prompt
        self.all_prompts, self.all_negative_prompts = p.all_prompts, p.all_negative_prompts
        self.all_seeds, self.all_subseeds = p.all_seeds, p.all_subseeds
        self.seed, self.subseed = p.all_seeds[0], p.all_subseeds[0]
        self.width, self.height = p.width, p.height
        self.sampler_name, self.cfg_scale, self.steps = p.sampler_name, p.cfg_scale, p.steps
        self.batch_size = p.batch_size
        self.denoising_strength = getattr(p, "denoising_strength", None)
        self.extra_generation_params = p.extra_generation_params
        self.sd_model_name = shared.sd_model.name
        self.job_timestamp = shared.state.job_timestamp

    def js(self) -> str:
        """The run as JSON; values that JSON does not know become null."""
        hidden = ("images", "info", "comments")
        fields = {key: value for key, value in vars(self).items() if key not in hidden}
        return json.dumps(fields, default=lambda value: None)


def decode_latent_batch(
    model: Any, batch: torch.Tensor, target_device: torch.device | None = None
) -> list[torch.Tensor]:
    """Pictures (3, height, width) in about -1..1 of latents (pictures, channels, height, width), one at a time."""
    return [model.decode_first_stage(latent[None])[0].to(target_device) for latent in batch]


def get_fixed_seed(seed: int | None) -> int:
    return random.randrange(4294967294) if seed is None or seed == -1 else int(seed)


def process_images(p: StableDiffusionProcessing) -> Processed:
    """Carries out a run for each stage of the model, from the same pictures; what the last one makes is the result."""
    model, in_use, do_not_save_samples = p.sd_model, shared.sd_model, p.do_not_save_samples
    try:
        while p.sd_model.next_stage is not None:
            p.do_not_save_samples = True
            processed, samples = _process_stage(p)
            p.do_not_save_samples = do_not_save_samples
            if len(samples) < p.n_iter or shared.state.interrupted:
                return processed
            p.seed, p.below = p.all_seeds[0], samples
            p.sd_model = shared.sd_model = p.sd_model.next_stage
        return _process_stage(p)[0]
    finally:
        p.sd_model, shared.sd_model, p.do_not_save_samples = model, in_use, do_not_save_samples
        p.below = p.image_conditioning = None


def _process_stage(p: StableDiffusionProcessing) -> tuple[Processed, list[torch.Tensor]]:
    """With `p.override_settings` in force meanwhile: the pictures, and what was decoded to them, a tensor a batch."""
    if p.scripts is not None:
        p.scripts.before_process(p)
    stored = {name: getattr(shared.opts, name) for name in p.override_settings}
    try:
        for name, value in p.override_settings.items():
            shared.opts.set(name, value)
        return _process_images(p)
    finally:
        if p.override_settings_restore_afterwards:
            for name, value in stored.items():
                shared.opts.set(name, value)


def _process_images(p: StableDiffusionProcessing) -> tuple[Processed, list[torch.Tensor]]:
    stride = p.sd_model.stride
    if p.width % stride or p.height % stride:
        raise ValueError(
            f"{p.sd_model.title} works on sides that are multiples of {stride} pixels, not on {p.width} x {p.height}"
        )
    if sd_samplers.find_sampler_config(p.sampler_name) is None:
        raise ValueError(f"bad sampler name: {p.sampler_name}; there are {', '.join(sd_samplers.all_samplers_map)}")
    if p.scheduler not in (None, *schedulers_map):
        raise ValueError(f"bad scheduler name: {p.scheduler}; there are {', '.join(schedulers_map)}")
    p.setup_prompts()
    seed = get_fixed_seed(p.seed)
    p.all_seeds = [seed + i for i in range(len(p.all_prompts))]
    p.all_subseeds = [get_fixed_seed(-1)] * len(p.all_prompts)
    if p.scripts is not None:
        p.scripts.process(p)

    infotexts: list[str] = []
    samples: list[torch.Tensor] = []
    output: list[Image.Image] = []
    with torch.no_grad():
        p.init(p.all_prompts, p.all_seeds, p.all_subseeds)
        if shared.state.job_count == -1:
            shared.state.job_count = p.n_iter * p.sd_model.stages
        for n in range(p.n_iter):
            p.iteration = n
            shared.state.skipped = False
            if shared.state.interrupted or shared.state.stopping_generation:
                break
            samples.append(_process_batch(p, n, output, infotexts))

    index_of_first_image = 0
    if not infotexts:
        infotexts.append(create_infotext(p, p.all_prompts, p.all_seeds, p.all_negative_prompts))
    elif shared.opts.return_grid and len(output) > 1:
        output.insert(0, images.image_grid(output, p.batch_size))
        infotexts.insert(
            0, create_infotext(p, p.all_prompts, p.all_seeds, p.all_negative_prompts, use_main_prompt=True)
        )
        output[0].info["parameters"] = infotexts[0]
        index_of_first_image = 1

    processed = Processed(p, output, infotexts, index_of_first_image)
    if p.scripts is not None:
        p.scripts.postprocess(p, processed)
    return processed, samples


def _process_batch(
    p: StableDiffusionProcessing, n: int, output: list[Image.Image], infotexts: list[str]
) -> torch.Tensor:
    """Samples batch `n` and adds its pictures and their infotexts; gives what was decoded."""
    batch = slice(n * p.batch_size, (n + 1) * p.batch_size)
    p.prompts, p.negative_prompts = p.all_prompts[batch], p.all_negative_prompts[batch]
    p.seeds, p.subseeds = p.all_seeds[batch], p.all_subseeds[batch]
    model = p.sd_model
    p.rng = ImageRNG((model.latent_channels, p.height // model.cell, p.width // model.cell), p.seeds)
    about_batch = {"batch_number": n, "prompts": p.prompts, "seeds": p.seeds, "subseeds": p.subseeds}
    if p.scripts is not None:
        p.scripts.before_process_batch(p, **about_batch)
        p.scripts.process_batch(p, **about_batch)
    p.parse_extra_network_prompts()
    p.setup_conds()
    if p.n_iter > 1:
        shared.state.job = f"Batch {n + 1} out of {p.n_iter}"

    samples = p.sample(
        conditioning=p.c,
        unconditional_conditioning=p.uc,
        seeds=p.seeds,
        subseeds=p.subseeds,
        subseed_strength=0.0,
        prompts=p.prompts,
    )
    if p.scripts is not None:
        args = PostSampleArgs(samples)
        p.scripts.post_sample(p, args)
        samples = args.samples
    if not torch.isfinite(samples).all():
        raise ValueError("the model produced values that are not finite; no picture was made")

    decoded = torch.stack(decode_latent_batch(p.sd_model, samples, target_device=devices.cpu))
    decoded = ((decoded + 1) / 2).clamp(0, 1)
    shared.state.nextjob()
    pictures = list(decoded)
    if p.scripts is not None:
        p.scripts.postprocess_batch(p, decoded, batch_number=n)
        batch_args = PostprocessBatchListArgs(list(decoded))
        p.scripts.postprocess_batch_list(p, batch_args, batch_number=n)
        pictures = batch_args.images

    for i, picture in enumerate(pictures):
        p.batch_index = i
        image = Image.fromarray((255 * picture.permute(1, 2, 0).numpy()).astype(np.uint8))
        image, extras = _postprocess_picture(p, i, image)
        text = create_infotext(p, p.prompts, p.seeds, p.negative_prompts, index=i)
        if shared.opts.enable_pnginfo:
            image.info["parameters"] = text
        if p.save_samples():
            images.save_image(image, p.outpath_samples, "", p.seeds[i], p.prompts[i], shared.opts.samples_format, text)
        infotexts.append(text)
        output += [image, *extras]
    return samples


def _postprocess_picture(
    p: StableDiffusionProcessing, i: int, image: Image.Image
) -> tuple[Image.Image, list[Image.Image]]:
    """Scripts and the overlay of what was not to change; the masks, if the options ask for them, come second."""
    if p.scripts is not None:
        args = PostprocessImageArgs(image)
        p.scripts.postprocess_image(p, args)
        image = args.image

    mask, overlay = p.mask_for_overlay, None
    if shared.opts.overlay_inpaint and p.overlay_images is not None and i < len(p.overlay_images):
        overlay = p.overlay_images[i]
    if p.scripts is not None:
        overlay_args = PostProcessMaskOverlayArgs(i, mask, overlay)
        p.scripts.postprocess_maskoverlay(p, overlay_args)
        mask, overlay = overlay_args.mask_for_overlay, overlay_args.overlay_image
    image, without_overlay = compositing.apply_overlay(image, p.paste_to, overlay)

    if p.scripts is not None:
        args = PostprocessImageArgs(image)
        p.scripts.postprocess_image_after_composite(p, args)
        image = args.image

    extras = []
    if mask is not None and shared.opts.return_mask:
        extras.append(mask.convert("RGB"))
    if mask is not None and shared.opts.return_mask_composite:
        extras.append(compositing.cut_out(without_overlay, mask, image.size))
    return image, extras
