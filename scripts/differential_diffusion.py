import importlib.util
import sys
from pathlib import Path

from modules import script_callbacks, scripts


def library(file):
    """The package whose `__init__.py` is `file`, under a name of its own: `differential_diffusion` may be another
    extension's. A program that has imported it by that name already, as the tests do, shares its modules."""
    known = sys.modules.get("differential_diffusion")
    if getattr(known, "__file__", None) == str(file):
        return known
    name = "sd_webui_differential_diffusion"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, file)
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def part(name):
    return importlib.import_module(f"{PACKAGE}.{name}")


PACKAGE = library(Path(__file__).resolve().parents[1] / "differential_diffusion" / "__init__.py").__name__
host, NAME = part("host"), part("settings").NAME


class DifferentialDiffusionScript(scripts.Script):
    def title(self):
        return NAME

    def show(self, is_img2img):
        return scripts.AlwaysVisible if is_img2img else False

    def ui(self, is_img2img):
        # gradio is wanted here and nowhere else: a host without a page starts without it
        from modules.ui_components import InputAccordion

        built = part("panel").build(
            InputAccordion, host.FAN_TICKETS.issue, host.idle_steps(), host.preprocessor_names(), host.make_for_page
        )
        self.infotext_fields, self.script_line = built.infotext_fields, built.script_line
        return built.inputs

    def after_component(self, component, elem_id=None, **about_component):
        if elem_id == host.DROPDOWN:
            part("panel").follow(component, self.script_line, host.said_of)

    def before_process(self, p, *arguments):
        host.begin(p, arguments)

    def postprocess_batch(self, p, *arguments, images, **about_batch):
        host.give_back_texture(p, images)

    def postprocess_image(self, p, picture, *arguments):
        host.look_at(p, picture)

    def postprocess_maskoverlay(self, p, overlay, *arguments):
        host.composite(p, overlay)

    def postprocess_image_after_composite(self, p, picture, *arguments):
        host.finish_picture(p, picture)

    def postprocess(self, p, processed, *arguments):
        host.end(p, processed)


script_callbacks.on_before_ui(host.add_plot_axes)
script_callbacks.on_before_ui(host.keep_greys)
script_callbacks.on_before_ui(host.keep_given)
script_callbacks.on_before_ui(host.mark_tiles)
script_callbacks.on_before_ui(host.hand_on)
script_callbacks.on_app_started(host.check_requests)
script_callbacks.on_app_started(host.make_maps)
script_callbacks.on_app_started(host.read_uploads)
script_callbacks.on_app_started(host.give_back)
script_callbacks.on_ui_settings(host.add_options)
