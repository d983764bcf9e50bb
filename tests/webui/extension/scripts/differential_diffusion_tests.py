"""For tests only: looks into the img2img runs of a WebUI, and changes the denoiser of a single request.

Link this folder into the WebUI's `extensions`. Without a request of its own it only listens. The script argument is a
dict; GET /differential-diffusion-tests/last tells what happened in the last run, and of all runs of its job how often
each called the model.

    encoder_seed: seeds the global generator, from which the autoencoder draws: the same latent in every run
    denoiser: "pointwise" replaces the UNet by one without spatial coupling
    predictor: "flow" replaces Forge's predictor by Flux's, x = sigma * noise + (1 - sigma) * latent
    hook: "copy" hands a changed copy of the state to the model, as another extension might
    fail_at, interrupt_at, skip_at: number of the model call, from 1
    in_run: number of the run within its job in which that happens, from 1; in every one without it
"""

import base64
import gc
import hashlib
import inspect
import os
from types import SimpleNamespace

import cv2
import gradio as gr
import numpy as np
import torch
from PIL import Image, ImageOps

import differential_diffusion as namesake
from modules import images, masking, script_callbacks, scripts, shared

NAME = "Differential Diffusion"
LISTENED = ("denoising_strength", "mask_blur_x", "mask_blur_y", "mask_round", "inpaint_full_res", "inpainting_fill")
REPLACED = ("init", "sample", "sample_img2img", "differential_diffusion_run")


def unet():
    model = shared.sd_model
    if getattr(model, "forge_objects", None):
        return model.forge_objects.unet.model.diffusion_model
    return model.model.diffusion_model


def pointwise(x, timesteps=None, context=None, **kwargs):
    """Each value of the output depends on that value, the level and the prompt, and on nothing beside it."""
    x = x[:, :4] if x.shape[1] == 9 else x  # what an inpainting model is given besides
    per_picture = (-1, *[1] * (x.ndim - 1))
    level = timesteps.to(x).view(per_picture)
    prompt = context.to(x).mean(dim=(1, 2)).view(per_picture)
    return 0.8 * torch.tanh(0.7 * x + 0.3 * torch.cos(level / 150)) + (0.2 + 3 * prompt) * torch.sin(x)


def digest(picture):
    return picture and hashlib.sha256(picture.tobytes()).hexdigest()[:10]


def crop_of(p):
    """What "Only masked" crops to by what stands on `p`, as ControlNet computes it; None for the whole picture."""
    if p.image_mask is None or not p.inpaint_full_res:
        return None
    mask = p.image_mask.convert("L")
    mask = np.array(ImageOps.invert(mask) if p.inpainting_mask_invert else mask)
    for sigma, along in ((p.mask_blur_x, 0), (p.mask_blur_y, 1)):
        if sigma > 0:
            size = [1, 1]
            size[along] = 2 * int(2.5 * sigma + 0.5) + 1
            mask = cv2.GaussianBlur(mask, size, sigma)
    if not mask.any():
        return None
    pad = p.inpaint_full_res_padding
    left, top, right, bottom = Image.fromarray(mask).getbbox()
    box = max(left - pad, 0), max(top - pad, 0), min(right + pad, mask.shape[1]), min(bottom + pad, mask.shape[0])
    left, top, right, bottom = masking.expand_crop_region(box, p.width, p.height, mask.shape[1], mask.shape[0])
    return left, top, right - left, bottom - top


def controlnets_crop(p):
    """What the real ControlNet's own code makes of a picture in which every pixel has another colour: uint8 (H, W, 3),
    cropped as it crops a control picture; None where it is not installed."""
    script = next((script for script in p.scripts.alwayson_scripts if script.title() == "ControlNet"), None)
    if script is None or p.image_mask is None:
        return None
    crop = type(script).try_crop_image_with_a1111_mask
    given = {
        "p": p,
        "unit": SimpleNamespace(module="canny", inpaint_crop_input_image=True),
        "input_image": coordinates(p.image_mask.size),
        "resize_mode": crop.__globals__["external_code"].resize_mode_from_value(0),
        "preprocessor": SimpleNamespace(corp_image_with_a1111_mask_when_in_img2img_inpaint_tab=True),
    }
    return crop(**{name: given[name] for name in inspect.signature(crop).parameters if name in given})


def runs_crop(p):
    """The same picture as the run itself crops to `p.paste_to`."""
    x, y, width, height = p.paste_to
    channels = np.moveaxis(coordinates(p.init_images[0].size)[y : y + height, x : x + width], -1, 0)
    resized = [images.resize_image(2, Image.fromarray(channel), p.width, p.height) for channel in channels]
    return np.stack([np.asarray(channel)[:, :, 0] for channel in resized], axis=2)


def coordinates(size):
    y, x = np.mgrid[: size[1], : size[0]]
    return np.stack([x, y, (x + y) % 256], axis=2).astype(np.uint8)


class Run:
    """What is known of one run. Its denoiser and hook are taken off by `restore`, which may be called at any time."""

    def __init__(self, p, request):
        self.p = p
        self.request = request if isinstance(request, dict) else {}
        self.levels = []
        self.latents = []
        self.seen = {}
        self.crops = {}
        self.controls = {}
        self.sampler = None
        self._hook = None
        self._unet = None
        self._predictor = None

    def begin(self):
        if "encoder_seed" in self.request:
            torch.manual_seed(self.request["encoder_seed"])
        if self.request.get("predictor") == "flow":
            from backend.modules.k_prediction import PredictionFlux

            model = shared.sd_model.forge_objects.unet.model
            is_neos = "model_config" in inspect.signature(PredictionFlux).parameters
            predictor = PredictionFlux(SimpleNamespace(sampling_settings={})) if is_neos else PredictionFlux(mu=1.0)
            self._predictor, model.predictor = model.predictor, predictor

    def look(self, where):
        """Note what a script sees on `p` there."""
        seen = {name: getattr(self.p, name) for name in LISTENED}
        self.seen[where] = seen | {"image_mask": digest(self.p.image_mask)}
        self.crops[where] = crop_of(self.p)
        if where in ("process", "before_process_batch"):
            self.controls[where] = controlnets_crop(self.p)

    def begin_sampling(self):
        self._hook = self.p.sampler.model_wrap_cfg.register_forward_pre_hook(self._before_call)
        if self.request.get("denoiser") == "pointwise":
            self._unet = unet()
            self._unet.forward = pointwise

    def restore(self):
        if self._hook is not None:
            self._hook.remove()
            self._hook = None
        if self._unet is not None:
            del self._unet.forward
            self._unet = None
        if self._predictor is not None:
            shared.sd_model.forge_objects.unet.model.predictor = self._predictor
            self._predictor = None

    def _before_call(self, _, args):
        self.levels.append(float(args[1][0]))
        call = len(self.levels) if self.request.get("in_run") in (None, len(Tests.job)) else 0
        if call == self.request.get("fail_at"):
            self.restore()
            raise RuntimeError("failed as the test asked for")
        if call == self.request.get("interrupt_at"):
            shared.state.interrupt()
        if call == self.request.get("skip_at"):
            shared.state.skip()
        if self.request.get("hook") == "copy":
            return (args[0] + 0.01, *args[1:])

    def report(self):
        denoiser = self.sampler and self.sampler.model_wrap_cfg
        forge_objects = getattr(shared.sd_model, "forge_objects", None)
        predictor = getattr(forge_objects and forge_objects.unet.model, "predictor", None)
        return {
            "levels": self.levels,
            "latents": [
                {"shape": list(latent.shape), "float32": base64.b64encode(latent.numpy().tobytes()).decode()}
                for latent in self.latents
            ],
            "has_predictor": predictor is not None,
            "is_flow": getattr(predictor, "prediction_type", None) == "const",
            "seen": self.seen,
            "crops": self.crops,
            "paste_to": self.p.paste_to,
            "users_crop": crop_of(self.p),
            "controls_agree": self.p.paste_to
            and {where: np.array_equal(control, runs_crop(self.p)) for where, control in self.controls.items()},
            "owner_of_our_packages_name": getattr(namesake, "OWNER", None),
            "comments": list(self.p.comments),
            "hooks": len(denoiser._forward_pre_hooks) + len(denoiser._forward_hooks) if denoiser else 0,
            "left": [name for name in (*vars(self.p), *vars(self.sampler or self)) if name in REPLACED],
            "calls": [len(run.levels) for run in Tests.job],
        }


class Tests(scripts.Script):
    last = None
    job = ()
    job_start = None

    def title(self):
        return f"{NAME} tests"

    def show(self, is_img2img):
        return scripts.AlwaysVisible if is_img2img else False

    def ui(self, is_img2img):
        return [gr.Textbox(visible=False, label=f"{NAME} tests")]

    def before_process(self, p, request):
        if Tests.last is not None:
            Tests.last.restore()
        Tests.last = Run(p, request)
        if Tests.job_start != shared.state.time_start:
            Tests.job, Tests.job_start = (), shared.state.time_start
        Tests.job += (Tests.last,)

    def process(self, p, request):
        Tests.last.look("process")
        Tests.last.begin()

    def before_process_batch(self, p, request, **kwargs):
        Tests.last.look("before_process_batch")

    def process_before_every_sampling(self, p, request, **kwargs):
        Tests.last.sampler = p.sampler
        Tests.last.begin_sampling()

    def post_sample(self, p, ps, request):
        Tests.last.restore()
        Tests.last.look("post_sample")
        Tests.last.latents.append(ps.samples.detach().float().cpu())

    def postprocess(self, p, processed, request):
        Tests.last.look("postprocess")


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def add_routes(_, app):
    @app.get("/differential-diffusion-tests/last")
    def last():
        return Tests.last.report() if Tests.last is not None else None

    @app.get("/differential-diffusion-tests/memory")
    def memory():
        gc.collect()
        return {"resident_bytes": resident_bytes()}


script_callbacks.on_app_started(add_routes)
