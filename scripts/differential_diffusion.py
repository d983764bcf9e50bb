from differential_diffusion import host
from differential_diffusion.settings import NAME
from modules import script_callbacks, scripts


class DifferentialDiffusionScript(scripts.Script):
    def title(self):
        return NAME

    def show(self, is_img2img):
        return scripts.AlwaysVisible if is_img2img else False

    def ui(self, is_img2img):
        # gradio is wanted here and nowhere else: a host without a page starts without it
        from differential_diffusion import panel
        from modules.ui_components import InputAccordion

        built = panel.build(InputAccordion)
        self.infotext_fields = built.infotext_fields
        return built.inputs

    def before_process(self, p, *arguments):
        host.begin(p, arguments)

    def postprocess_maskoverlay(self, p, overlay, *arguments):
        host.composite(p, overlay)

    def postprocess_image_after_composite(self, p, picture, *arguments):
        host.finish_picture(p, picture)

    def postprocess(self, p, processed, *arguments):
        host.end(p, processed)


script_callbacks.on_before_ui(host.add_plot_axes)
