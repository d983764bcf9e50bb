"""Scripts of extensions: loading them, giving each its slots in the argument list, calling their callbacks."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from modules import errors, paths

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from modules.processing import Processed, StableDiffusionProcessing

AlwaysVisible = object()


class MaskBlendArgs:
    """One blend of the host's own inpainting; a script may replace `blended_latent`."""

    def __init__(
        self,
        current_latent: torch.Tensor,
        nmask: torch.Tensor,
        init_latent: torch.Tensor,
        mask: torch.Tensor,
        blended_latent: torch.Tensor,
        denoiser: Any = None,
        sigma: torch.Tensor | None = None,
    ) -> None:
        self.current_latent = current_latent
        self.nmask = nmask
        self.init_latent = init_latent
        self.mask = mask
        self.blended_latent = blended_latent
        self.denoiser = denoiser
        self.is_final_blend = denoiser is None
        self.sigma = sigma


class PostSampleArgs:
    def __init__(self, samples: torch.Tensor) -> None:
        self.samples = samples


class PostprocessImageArgs:
    def __init__(self, image: Image.Image) -> None:
        self.image = image


class PostProcessMaskOverlayArgs:
    def __init__(self, index: int, mask_for_overlay: Image.Image | None, overlay_image: Image.Image | None) -> None:
        self.index = index
        self.mask_for_overlay = mask_for_overlay
        self.overlay_image = overlay_image


class PostprocessBatchListArgs:
    def __init__(self, images: list[torch.Tensor]) -> None:
        self.images = images


class Script:
    """Base class of scripts. The callbacks that a subclass defines are called in the order in which they stand here."""

    filename: str
    name: str | None = None
    args_from: int
    args_to: int
    controls: list[Any] | None = None
    alwayson = False
    is_txt2img = False
    is_img2img = False
    section: str | None = None
    create_group = True
    infotext_fields: list[Any] | None = None
    paste_field_names: list[str] | None = None

    def title(self) -> str:
        raise NotImplementedError

    def show(self, is_img2img: bool) -> Any:
        return True

    def ui(self, is_img2img: bool) -> list[Any] | None:
        return None

    def elem_id(self, item_id: str) -> str:
        """An id for a component, made from the script's title."""
        tab = ("img2img_" if self.is_img2img else "txt2img_") if self.show(True) == self.show(False) else ""
        title = re.sub(r"[^a-z0-9_]", "", self.title().lower().replace(" ", "_"))
        return f"script_{tab}{title}_{item_id}"

    def setup(self, p, *args): ...
    def before_process(self, p, *args): ...
    def process(self, p, *args): ...
    def before_process_batch(self, p, *args, **kwargs): ...
    def process_batch(self, p, *args, **kwargs): ...
    def process_before_every_sampling(self, p, *args, **kwargs): ...
    def on_mask_blend(self, p, mba, *args): ...
    def post_sample(self, p, ps, *args): ...
    def postprocess_batch(self, p, *args, **kwargs): ...
    def postprocess_batch_list(self, p, pp, *args, **kwargs): ...
    def postprocess_image(self, p, pp, *args): ...
    def postprocess_maskoverlay(self, p, ppmo, *args): ...
    def postprocess_image_after_composite(self, p, pp, *args): ...
    def postprocess(self, p, processed, *args): ...


class ScriptClassData(NamedTuple):
    script_class: type[Script]
    path: str
    basedir: str
    module: ModuleType


scripts_data: list[ScriptClassData] = []
"""The scripts that were loaded."""

_current_basedir = paths.EXTENSION


def basedir() -> str:
    """The root of the extension whose script is being loaded."""
    return str(_current_basedir)


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    before = sys.path[:]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before


def _load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_scripts(extension: Path = paths.EXTENSION) -> None:
    """Runs every file in the extension's scripts folder, with the extension's root importable meanwhile."""
    global _current_basedir
    scripts_data.clear()
    _current_basedir = extension
    for path in sorted((extension / "scripts").glob("*.py")):
        try:
            with _importable(extension):
                module = _load_module(path)
        except Exception:
            errors.report(f"Error loading script: {path.name}", exc_info=True)
            continue
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Script) and value is not Script:
                scripts_data.append(ScriptClassData(value, str(path), str(extension), module))


class ScriptRunner:
    """The scripts of one tab. Slot 0 of the argument list belongs to the WebUI's script dropdown."""

    def __init__(self) -> None:
        self.scripts: list[Script] = []
        self.alwayson_scripts: list[Script] = []
        self.selectable_scripts: list[Script] = []
        self.infotext_fields: list[Any] = []
        self.paste_field_names: list[str] = []
        self.inputs: list[Any] = [None]

    def initialize_scripts(self, is_img2img: bool) -> None:
        """Makes the scripts. Until their panels are built, each has one slot."""
        self.__init__()  # type: ignore[misc]
        for data in scripts_data:
            try:
                script = data.script_class()
            except Exception:
                errors.report(f"Error initializing script: {data.path}", exc_info=True)
                continue
            script.filename = data.path
            script.is_img2img, script.is_txt2img = is_img2img, not is_img2img
            if script.show(is_img2img) is not AlwaysVisible:
                continue
            script.alwayson = True
            script.name = script.title().lower()
            script.args_from = len(self.inputs)
            script.args_to = script.args_from + 1
            self.inputs.append(None)
            self.scripts.append(script)
            self.alwayson_scripts.append(script)

    def setup_ui(self) -> list[Any]:
        """Builds the panels inside the current gradio context and returns the components of all slots but the first."""
        self.inputs = [None]
        for script in self.alwayson_scripts:
            script.args_from = len(self.inputs)
            try:
                script.controls = script.ui(script.is_img2img) or []
            except Exception:
                errors.report(f"Error creating UI for {script.name}", exc_info=True)
                script.controls = []
            self.inputs += script.controls
            script.args_to = len(self.inputs)
            self.infotext_fields += script.infotext_fields or []
            self.paste_field_names += script.paste_field_names or []
        return self.inputs[1:]

    def default_args(self) -> list[Any]:
        """The argument list of a run in which nobody touched a panel."""
        return [0, *(None if component is None else component.value for component in self.inputs[1:])]

    def script(self, title: str) -> Script | None:
        return next((script for script in self.scripts if script.title().lower() == title.lower()), None)

    def _run(self, callback: str, p: StableDiffusionProcessing, *first: Any, **kwargs: Any) -> None:
        """Calls one callback of every script that defines it; what a script raises is printed, and the run goes on."""
        for script in self.alwayson_scripts:
            if getattr(type(script), callback) is getattr(Script, callback):
                continue
            try:
                args = p.script_args[script.args_from : script.args_to]
                getattr(script, callback)(p, *first, *args, **kwargs)
            except Exception:
                errors.report(f"Error running {callback}: {script.filename}", exc_info=True)

    def setup_scrips(self, p: StableDiffusionProcessing) -> None:
        self._run("setup", p)

    def before_process(self, p: StableDiffusionProcessing) -> None:
        self._run("before_process", p)

    def process(self, p: StableDiffusionProcessing) -> None:
        self._run("process", p)

    def before_process_batch(self, p: StableDiffusionProcessing, **kwargs: Any) -> None:
        self._run("before_process_batch", p, **kwargs)

    def process_batch(self, p: StableDiffusionProcessing, **kwargs: Any) -> None:
        self._run("process_batch", p, **kwargs)

    def process_before_every_sampling(self, p: StableDiffusionProcessing, **kwargs: Any) -> None:
        self._run("process_before_every_sampling", p, **kwargs)

    def on_mask_blend(self, p: StableDiffusionProcessing, mba: MaskBlendArgs) -> None:
        self._run("on_mask_blend", p, mba)

    def post_sample(self, p: StableDiffusionProcessing, ps: PostSampleArgs) -> None:
        self._run("post_sample", p, ps)

    def postprocess_batch(self, p: StableDiffusionProcessing, images: torch.Tensor, **kwargs: Any) -> None:
        self._run("postprocess_batch", p, images=images, **kwargs)

    def postprocess_batch_list(self, p: StableDiffusionProcessing, pp: PostprocessBatchListArgs, **kwargs: Any) -> None:
        self._run("postprocess_batch_list", p, pp, **kwargs)

    def postprocess_image(self, p: StableDiffusionProcessing, pp: PostprocessImageArgs) -> None:
        self._run("postprocess_image", p, pp)

    def postprocess_maskoverlay(self, p: StableDiffusionProcessing, ppmo: PostProcessMaskOverlayArgs) -> None:
        self._run("postprocess_maskoverlay", p, ppmo)

    def postprocess_image_after_composite(self, p: StableDiffusionProcessing, pp: PostprocessImageArgs) -> None:
        self._run("postprocess_image_after_composite", p, pp)

    def postprocess(self, p: StableDiffusionProcessing, processed: Processed) -> None:
        self._run("postprocess", p, processed)


scripts_txt2img = ScriptRunner()
scripts_img2img = ScriptRunner()
