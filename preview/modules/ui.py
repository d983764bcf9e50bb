"""The page. Ids, labels and places are the WebUI's, since extensions find their way by them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr
from PIL import Image

from modules import errors, infotext_utils, script_callbacks, scripts, sd_samplers, sd_schedulers, shared
from modules.gradio_compat import JS, masked_picture_inputs, picture_input, result_gallery
from modules.img2img import img2img, plaintext_to_html

RESIZE_MODES = ["Just resize", "Crop and resize", "Resize and fill", "Just resize (latent upscale)"]
MASK_MODES = ["Inpaint masked", "Inpaint not masked"]
FILLS = ["fill", "original", "latent noise", "latent nothing"]
AREAS = ["Whole picture", "Only masked"]


def create_ui(result: Image.Image | None = None) -> gr.Blocks:
    """The whole page. Scripts must have been initialized. `result` is the picture that it opens with."""
    script_callbacks.ui_settings_callback()
    script_callbacks.before_ui_callback()
    theme = gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"])
    page = gr.Blocks(title="Differential Diffusion preview", theme=theme, analytics_enabled=False)
    with page, gr.Tabs(elem_id="tabs"), gr.TabItem("img2img", id="img2img", elem_id="tab_img2img"):
        _img2img_tab(result)
    return page


def _img2img_tab(result: Image.Image | None) -> None:
    # What Generate hands over, and which of it an infotext fills in.
    inputs: dict[str, Any] = {}
    pasted: dict[str, str] = {}

    def add(name: str, component: Any, infotext_key: str | None = None) -> Any:
        inputs[name] = component
        if infotext_key is not None:
            pasted[name] = infotext_key
        return component

    with gr.Row(elem_id="img2img_toprow"):
        with gr.Column(elem_id="img2img_prompt_container", scale=6):
            prompt = {"lines": 2, "show_label": False, "elem_classes": ["prompt"]}
            add(
                "prompt", gr.Textbox(label="Prompt", placeholder="Prompt", elem_id="img2img_prompt", **prompt), "Prompt"
            )
            add(
                "negative_prompt",
                gr.Textbox(
                    label="Negative prompt", placeholder="Negative prompt", elem_id="img2img_neg_prompt", **prompt
                ),
                "Negative prompt",
            )
            if vocabulary := shared.sd_model.vocabulary:
                gr.HTML(_suggestions([*vocabulary["styles"], *vocabulary["objects"]]), elem_id="img2img_suggestions")
        with gr.Column(elem_id="img2img_actions_column", scale=1, min_width=180):
            with gr.Row(elem_id="img2img_generate_box"):
                gr.Button("Interrupt", elem_id="img2img_interrupt")
                gr.Button("Skip", elem_id="img2img_skip")
                generate = gr.Button("Generate", variant="primary", elem_id="img2img_generate")
            with gr.Row(elem_id="img2img_tools"):
                gr.Button("Fill in an example", elem_id="preview_example", size="sm")
                paste = gr.Button("Read parameters", elem_id="paste", size="sm")

    gr.HTML("<div role='alert'></div>", elem_id="preview_alert")
    with gr.Row(elem_id="img2img_generation", equal_height=False):
        with gr.Column(elem_id="img2img_settings"):
            _pictures(add)
            _settings(add)
        with gr.Column(elem_id="img2img_script_container"):
            script_inputs = scripts.scripts_img2img.setup_ui()
        with gr.Column(elem_id="img2img_results"):
            with gr.Group(elem_id="img2img_gallery_container"):
                gallery = result_gallery("img2img_gallery", [] if result is None else [result])
            generation_info = gr.Textbox(visible=False, elem_id="generation_info_img2img")
            infotext = "" if result is None else plaintext_to_html(result.info["parameters"])
            html_info = gr.HTML(infotext, elem_id="html_info_img2img")
            html_log = gr.HTML(elem_id="html_log_img2img")

    # page.js fills in the task's id and the selected tab.
    task = [gr.Textbox(visible=False, elem_id="img2img_task"), gr.Number(0, visible=False, elem_id="img2img_tab")]

    def run(id_task: str, tab: float, *values: Any) -> Any:
        return img2img(id_task, int(tab), dict(zip(inputs, values)), values[len(inputs) :])

    generate.click(
        run,
        inputs=[*task, *inputs.values(), *script_inputs],
        outputs=[gallery, generation_info, html_info, html_log],
        show_progress="hidden",
        queue=False,
        **{JS: "submit_img2img"},
    )
    fields = [(inputs[name], key) for name, key in pasted.items()] + scripts.scripts_img2img.infotext_fields
    paste.click(
        lambda text: _paste(fields, text),
        inputs=[inputs["prompt"]],
        outputs=[component for component, _ in fields],
        show_progress="hidden",
        queue=False,
    )


def _pictures(add: Callable[..., Any]) -> None:
    """The tabs that a picture, with or without a mask, comes from."""
    with gr.Tabs(elem_id="mode_img2img"):
        with gr.TabItem("img2img", id="img2img", elem_id="img2img_img2img_tab"):
            add("init_img", picture_input("Image for img2img", "img2img_image"))
        with gr.TabItem("Inpaint", id="inpaint", elem_id="img2img_inpaint_tab"):
            inputs = masked_picture_inputs("Image for inpainting with mask", "img2maskimg")
            for name, component in zip(("init_img_with_mask", "painted_mask"), inputs):
                add(name, component)
        with gr.TabItem("Inpaint upload", id="inpaint_upload", elem_id="img2img_inpaint_upload_tab"):
            add("init_img_inpaint", picture_input("Image for img2img", "img_inpaint_base"))
            add("init_mask_inpaint", picture_input("Mask", "img_inpaint_mask", show_label=True))


def _settings(add: Callable[..., Any]) -> None:
    side = shared.sd_model.native_side
    samplers = [data.name for data in sd_samplers.all_samplers]
    schedules = [scheduler.label for scheduler in sd_schedulers.schedulers]
    with gr.Row():
        sampler = gr.Dropdown(samplers, value=samplers[0], label="Sampling method", elem_id="img2img_sampling")
        add("sampler_name", sampler, "Sampler")
        schedule = gr.Dropdown(schedules, value=schedules[0], label="Schedule type", elem_id="img2img_scheduler")
        add("scheduler", schedule, "Schedule type")
    with gr.Row():
        add("steps", gr.Slider(1, 150, 20, step=1, label="Sampling steps", elem_id="img2img_steps"), "Steps")
        cfg_scale = gr.Slider(1, 30, 3, step=0.5, label="CFG Scale", elem_id="img2img_cfg_scale")
        add("cfg_scale", cfg_scale, "CFG scale")
    with gr.Row():
        strength = gr.Slider(0, 1, 0.75, step=0.01, label="Denoising strength", elem_id="img2img_denoising_strength")
        add("denoising_strength", strength, "Denoising strength")
    with gr.Row():
        add("width", gr.Slider(64, 2048, side, step=8, label="Width", elem_id="img2img_width"), "Size-1")
        add("height", gr.Slider(64, 2048, side, step=8, label="Height", elem_id="img2img_height"), "Size-2")
        gr.Button("As the picture", size="sm", min_width=90, scale=0, elem_id="img2img_detect_image_size_btn")
    with gr.Row():
        seed = add("seed", gr.Number(-1, label="Seed", precision=0, elem_id="img2img_seed"), "Seed")
        random_seed = gr.Button("Random", size="sm", min_width=90, scale=0, elem_id="img2img_random_seed")
        random_seed.click(lambda: -1, outputs=[seed], show_progress="hidden", queue=False)
    with gr.Row(elem_id="img2img_column_batch"):
        add("n_iter", gr.Slider(1, 100, 1, step=1, label="Batch count", elem_id="img2img_batch_count"))
        add("batch_size", gr.Slider(1, 8, 1, step=1, label="Batch size", elem_id="img2img_batch_size"))
    resize = gr.Radio(RESIZE_MODES, value=RESIZE_MODES[0], type="index", label="Resize mode", elem_id="resize_mode")
    add("resize_mode", resize)
    with gr.Accordion("Inpainting", open=False, elem_id="inpaint_controls"):
        blur = gr.Slider(0, 64, 4, step=1, label="Mask blur", elem_id="img2img_mask_blur")
        add("mask_blur", blur, "Mask blur")
        radios = {
            "inpainting_mask_invert": ("Mask mode", MASK_MODES, 0, "img2img_mask_mode"),
            "inpainting_fill": ("Masked content", FILLS, 1, "img2img_inpainting_fill"),
            "inpaint_full_res": ("Inpaint area", AREAS, 0, "img2img_inpaint_full_res"),
        }
        for name, (label, choices, default, elem_id) in radios.items():
            add(name, gr.Radio(choices, value=choices[default], type="index", label=label, elem_id=elem_id), label)
        padding = gr.Slider(
            0, 256, 32, step=4, label="Only masked padding, pixels", elem_id="img2img_inpaint_full_res_padding"
        )
        add("inpaint_full_res_padding", padding, "Masked area padding")


def _paste(fields: list[tuple[Any, Any]], text: str) -> list[Any]:
    """A value, or no change, for each component; what cannot be read is left as it is."""
    params = infotext_utils.parse_generation_parameters(text)
    script_callbacks.infotext_pasted_callback(text, params)
    updates = []
    for component, target in fields:
        try:
            value = target(params) if callable(target) else params.get(target)
            if isinstance(value, str) and isinstance(component, (gr.Slider, gr.Number)):
                value = float(value)
        except Exception:
            errors.report(f"Error pasting {target}", exc_info=True)
            value = None
        updates.append(gr.update() if value is None else value if isinstance(value, dict) else gr.update(value=value))
    return updates


def _suggestions(words: list[str]) -> str:
    """Words that the model knows, as buttons that put them into the prompt."""
    chips = "".join(f"<button type='button'>{word}</button>" for word in words)
    return f"<div class='preview-suggestions' title='words that this model knows'>{chips}</div>"
