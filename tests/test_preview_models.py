"""The model families that --model takes, as tiny ones with random weights, and what it refuses."""

import importlib.util
import json
import shutil
import weakref
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import own_img2img
import pytest
import tiny_models
import torch
from diffusers import DiffusionPipeline, PriorTransformer
from PIL import Image
from pointwise import ScriptHost, base64_of, columns, photograph
from transformers import T5EncoderModel

import edit as edit_command
from arguments import parse
from models.folders import BadModel
from modules import processing, sd_models, shared
from modules.processing import decode_latent_batch

FAMILIES = ["sd", "xl", "refined", "sd3", "flux", "kandinsky", "if"]
PICTURE = photograph()
SEED = 7


@pytest.fixture(autouse=True)
def the_model_in_use_is_put_back():
    before = getattr(shared, "sd_model", None)
    yield
    shared.sd_model = before


@pytest.fixture(scope="module")
def model_of(tmp_path_factory):
    """The arguments of `load_model` by the family's name, and of the command line; each model is made once."""
    made = {}

    def model_of(kind: str):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = [tiny_models.save(folder / "tiny", "xl" if kind == "refined" else kind)]
            if kind == "refined":
                made[kind].append(tiny_models.save(folder / "refiner", "refiner"))
        return made[kind]

    return model_of


@pytest.fixture(params=FAMILIES)
def family(request, model_of):
    return SimpleNamespace(kind=request.param, paths=model_of(request.param))


@pytest.fixture
def edit(tmp_path, monkeypatch, family):
    """`python preview edit` in this process: the result of a map, int (H, W, 3)."""
    monkeypatch.chdir(tmp_path)
    PICTURE.save("picture.png")
    names = ["--model", "--refiner"]

    def run(change_map: np.ndarray, *options: str) -> np.ndarray:
        Image.fromarray(change_map).save("map.png")
        arguments = ["edit", "picture.png", "map.png", "--out", "result.png", "--seed", str(SEED), *options]
        for name, path in zip(names, family.paths):
            arguments += [name, str(path)]
        edit_command.edit(parse(arguments))
        return np.asarray(Image.open("result.png")).astype(int)

    return run


def test_a_ramp_keeps_black_and_changes_the_whole_as_the_familys_own_img2img_does(edit, family):
    """diffusers' pipelines are the measure of white, and of grey at its share."""
    options = ["--prompt", "a house", "--sampler", "Euler", "--steps", "4", "--strength", "0.85"]
    results = {grey: edit(np.full((64, 64), grey, np.uint8), *options) for grey in (128, 255)}
    for grey, steps in ((128, 2), (255, 4)):  # int(strength * steps) + 1
        own = own_img2img.run(family.kind, family.paths[0], PICTURE, steps, "a house", SEED)
        assert np.abs(results[grey] - own).max() <= 1, grey

    values = np.clip(np.linspace(-127, 255, 64), 0, 255).round().astype(np.uint8)
    change = np.abs(edit(values[None].repeat(64, 0), *options) - np.asarray(PICTURE)).mean((0, 2))
    assert not change[values == 0].any()
    assert change[values > 0].min() > 0


@pytest.mark.parametrize("family", ["xl", "flux", "kandinsky", "if"], indirect=True)
def test_a_picture_need_not_be_square(edit, family):
    picture = photograph((150, 101))
    picture.save("picture.png")
    change_map = np.zeros((101, 150), np.uint8)
    change_map[:, 75:] = 255
    change = np.abs(edit(change_map, "--prompt", "a house", "--steps", "1") - np.asarray(picture))
    assert not change[:, :75].any() and change[:, 100:].mean() > 1


class Pointwise(torch.nn.Module):
    """In the place of any family's network: each value of its output depends on that value and the level alone, and for
    the second stage of IF on the same value of the first one's result."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.config = network.config

    def forward(self, x=None, timestep=None, *_, hidden_states=None, **__):
        x = hidden_states if x is None else x
        beside = 0
        if x.shape[1] == 6:
            x, beside = x.chunk(2, dim=1)
        level = (timestep.float() / 1000).view(-1, *[1] * (x.ndim - 1))
        return SimpleNamespace(sample=torch.tanh(1.5 * x + 0.2 * beside) * (0.7 + 0.3 * level) + 0.2 * torch.sin(3 * x))


def pointwise(paths):
    model = stage = sd_models.load_model(*paths)
    while stage is not None:
        stage.model.diffusion_model = Pointwise(stage.model.diffusion_model)
        stage = stage.next_stage
    if len(paths) > 1:
        model._refiner.model.diffusion_model = Pointwise(model._refiner.model.diffusion_model)
    return model


@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M", "DDIM"])
def test_every_region_is_its_plain_run_exactly(family, sampler):
    model = pointwise(family.paths)
    if sampler == "DDIM" and model.parameterization == "flow":
        pytest.skip("a flow has no timesteps of DDIM's")
    host, greys = ScriptHost(model), (0, 85, 170, 255)
    results = []

    def decode(model, batch, **options):
        results.append(batch.clone())
        return decode_latent_batch(model, batch, **options)

    def latent(effect, strength):
        results.clear()
        options = {"prompt": "a house", "steps": 8, "sampler_name": sampler, "denoising_strength": strength}
        with patch.object(processing, "decode_latent_batch", decode):
            host.img2img(PICTURE, effect, **options)
        return results[-1]

    ours = latent({"map": base64_of(columns(*greys))}, 0.9)
    last = model.next_stage or model
    assert torch.equal(ours[..., : 16 // last.cell], last.encode_first_stage(_pixels())[..., : 16 // last.cell])
    inside = slice(4, 12) if model.next_stage else slice(0, 16)  # its second stage sees the first one enlarged
    for index, grey in enumerate(greys[1:], 1):
        plain = latent(None, 0.9 * grey / 255)
        region = slice((16 * index + inside.start) // last.cell, (16 * index + inside.stop) // last.cell)
        difference = (ours - plain)[..., region].abs().max()
        assert difference <= (1e-5 if sampler == "DPM++ 2M" else 0), (grey, difference)


def _pixels() -> torch.Tensor:
    return torch.from_numpy(np.array(PICTURE)).permute(2, 0, 1)[None] / 255 * 2 - 1


def test_a_model_heeds_the_prompt(family):
    host = ScriptHost(sd_models.load_model(*family.paths))
    results = [host.img2img(PICTURE, prompt=prompt, steps=3, cfg_scale=3).images[0] for prompt in ("a house", "night")]
    assert np.abs(np.subtract(*(np.asarray(result).astype(int) for result in results))).max() > 0


@pytest.mark.parametrize("kind", ["sd3", "flux", "kandinsky", "if"])
def test_what_only_encodes_prompts_is_in_memory_for_that_alone(model_of, kind, monkeypatch):
    encoders = []
    load = DiffusionPipeline.from_pretrained.__func__

    def watched(cls, folder, **options):
        pipeline = load(cls, folder, **options)
        encoding = (T5EncoderModel, PriorTransformer)
        encoders.extend(weakref.ref(part) for part in pipeline.components.values() if isinstance(part, encoding))
        return pipeline

    monkeypatch.setattr(DiffusionPipeline, "from_pretrained", classmethod(watched))
    model = sd_models.load_model(*model_of(kind))
    assert not encoders
    for _ in range(2):
        with model.encoding():
            model.get_learned_conditioning(["night"], 64, 64, is_negative=True)
            model.get_learned_conditioning(["a house"], 64, 64)
        assert [encoder() for encoder in encoders] == [None]


def test_base_and_refiner_share_what_they_have_in_common(model_of):
    model = sd_models.load_model(*model_of("refined"))
    base, refiner = model.pipeline, model._refiner.pipeline
    assert refiner.vae is base.vae and refiner.text_encoder_2 is base.text_encoder_2
    networks = [pipeline.unet for pipeline in (base, refiner)]
    assert len({weight.data_ptr() for network in networks for weight in network.parameters()}) == sum(
        len([*network.parameters()]) for network in networks
    )


def test_the_refiner_takes_over_at_a_noise_level_whatever_the_strength(model_of):
    model = sd_models.load_model(*model_of("refined"), refiner_at=0.6)
    asked = []
    for name, network in (("base", model.pipeline.unet), ("refiner", model._refiner.pipeline.unet)):
        network.register_forward_pre_hook(lambda _, args, name=name: asked.append((name, float(args[1][0]))))
    for strength in (0.3, 0.9):
        ScriptHost(model).img2img(PICTURE, steps=10, denoising_strength=strength, sampler_name="Euler")
    assert {name for name, _ in asked} == {"base", "refiner"}
    assert all(name == ("base" if level >= 400 else "refiner") for name, level in asked)


def test_each_batch_goes_on_from_its_own_first_stage(model_of):
    host = ScriptHost(pointwise(model_of("if")))
    effect = {"map": base64_of(columns(0, 128, 255, 255))}
    together = host.img2img(PICTURE, effect, seed=SEED, batch_size=2, n_iter=2, steps=3).images
    alone = [host.img2img(PICTURE, effect, seed=SEED + number, steps=3).images[0] for number in range(4)]
    assert [image.tobytes() for image in together] == [image.tobytes() for image in alone]
    assert len({image.tobytes() for image in alone}) == 4


def test_an_interrupt_in_the_first_stage_ends_the_run(model_of):
    host = ScriptHost(pointwise(model_of("if")))
    first, second = host.model, host.model.next_stage
    asked = []
    first.model.diffusion_model.register_forward_hook(lambda *_: shared.state.interrupt())
    second.model.diffusion_model.register_forward_hook(lambda *_: asked.append("second"))
    run = host.img2img(PICTURE, {"map": base64_of(columns(0, 255))}, steps=3)
    change = np.abs(np.asarray(run.images[0]).astype(int) - np.asarray(PICTURE))
    assert not asked and not change[:, :32].any() and change[:, 32:].any()
    assert run.p.sd_model is shared.sd_model is first


def test_a_tokenizer_that_needs_a_package_says_so_at_once(tmp_path, model_of, monkeypatch):
    for folder in model_of("if")[0].iterdir():
        shutil.copytree(folder, tmp_path / folder.name)
    index = tmp_path / "I" / "model_index.json"
    index.write_text(index.read_text().replace("T5TokenizerFast", "T5Tokenizer"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs one more package: .* -m pip install sentencepiece"):
        sd_models.load_model(tmp_path)


def test_the_third_stage_of_if_enlarges_and_black_stays(tmp_path, model_of):
    for folder in model_of("if")[0].iterdir():
        (tmp_path / folder.name).symlink_to(folder)
    tiny_models.save(tmp_path / "III", "upscaler")
    model = sd_models.load_model(tmp_path)
    assert (model.native_side, model.cell, model.next_stage.cell) == (256, 16, 4)
    run = ScriptHost(model).img2img(PICTURE, {"map": base64_of(columns(0, 255))}, steps=2)
    change = np.abs(np.asarray(run.images[0]).astype(int) - np.asarray(PICTURE))
    assert change.shape == (64, 64, 3) and not change[:, :32].any() and change[:, 40:].mean() > 1


@pytest.mark.parametrize(("prediction", "known_as"), [("epsilon", "eps"), ("v_prediction", "v")])
def test_the_denoisers_agree_on_what_the_model_says(tmp_path, prediction, known_as):
    """The clean latent at a sigma and the noise at its timestep describe the same prediction."""
    from modules.sd_denoisers import SigmaDenoiser, TimestepDenoiser

    model = sd_models.load_model(tiny_models.save(tmp_path, "sd", prediction=prediction))
    assert (model.name, model.native_side, model.parameterization) == (tmp_path.stem, 64, known_as)
    cond = model.get_learned_conditioning(["a house"], 64, 64)
    x = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    timestep = torch.tensor([400.0])
    sigma = SigmaDenoiser(model).t_to_sigma(timestep)
    alpha = 1 / (sigma**2 + 1)
    with torch.no_grad():
        clean = SigmaDenoiser(model)(x / alpha.sqrt(), sigma, cond)
        noise = TimestepDenoiser(model)(x, timestep, cond)
    assert torch.allclose(x, alpha.sqrt() * clean + (1 - alpha).sqrt() * noise, atol=1e-5)


def test_what_cannot_be_run_is_refused_by_name(tmp_path):
    with pytest.raises(FileNotFoundError, match="no model at"):
        sd_models.load_model(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="no model_index.json"):
        sd_models.load_model(tmp_path)
    (tmp_path / "model.ckpt").write_bytes(b"")
    with pytest.raises(ValueError, match="not a .safetensors file"):
        sd_models.load_model(tmp_path / "model.ckpt")
    with pytest.raises(ValueError, match="latents of 4 channels"):
        sd_models.load_model(tiny_models.save(tmp_path / "inpainting", "sd", in_channels=9))
    with pytest.raises(ValueError, match="latents of 4 channels"):
        sd_models.load_model(tiny_models.save(tmp_path / "coarse", "sd", blocks=3))


def _without(name):
    return lambda folder: shutil.rmtree(folder / name)


def _file(name, change):
    def damage(folder):
        (folder / name).write_bytes(change((folder / name).read_bytes()))

    return damage


def _renamed(folder):
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    file.rename(file.with_suffix(".bin"))


def _configured(**changes):
    return _file("unet/config.json", lambda text: json.dumps(json.loads(text) | changes).encode())


WEIGHTS = "vae/diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (_file("model_index.json", lambda _: b"[1, 2]"), r"model_index.json is not allowed; a JSON object is"),
        (_file("model_index.json", lambda _: b"{}"), r"model_index.json has no _class_name"),
        (_file("model_index.json", lambda _: b"\xff{"), r"model_index.json cannot be read as JSON \("),
        (_file("unet/config.json", lambda _: b"{"), r"unet/config.json cannot be read as JSON \("),
        (_file("tokenizer/tokenizer_config.json", lambda _: b"3"), r"tokenizer_config.json is not allowed; a JSON obj"),
        (_configured(block_out_channels="wide"), r"tiny: unet cannot be loaded: Must provide .* wide"),
        (_configured(norm_num_groups="8"), r"tiny: unet cannot be loaded: TypeError: "),
        (_configured(block_out_channels=[24, 32]), r"unet cannot be loaded: size mismatch for .* \(and \d+ more\)$"),
        (_without("unet"), r"tiny: unet cannot be loaded: there is no such folder"),
        (_without("tokenizer"), r"tiny: tokenizer cannot be loaded: there is no such folder"),
        (_renamed, r"tiny: unet cannot be loaded: it has no .safetensors weights; other formats, such as .bin"),
        (_file(WEIGHTS, lambda data: data[:-100]), rf"{WEIGHTS} is no .safetensors file, or not all of one"),
        (_file(WEIGHTS, lambda _: b"\x80\x04pickled" * 9), rf"{WEIGHTS} is no .safetensors file"),
        (_file(WEIGHTS, lambda _: b""), rf"{WEIGHTS} is no .safetensors file"),
    ],
)
def test_a_damaged_model_is_told_by_what_is_damaged_in_one_line(tmp_path, model_of, damage, told):
    shutil.copytree(model_of("sd")[0], tmp_path / "tiny")
    damage(tmp_path / "tiny")
    with pytest.raises(BadModel, match=told) as refused:
        sd_models.load_model(tmp_path / "tiny")
    message = str(refused.value)
    assert len(message.splitlines()) == 1 and str(tmp_path) in message and "huggingface" not in message


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("flux", "text_encoder_2"),
        ("sd3", "tokenizer_3"),
        ("kandinsky", "prior/tokenizer"),
        ("if", "I/text_encoder"),
    ],
)
def test_parts_that_are_loaded_later_are_looked_at_first(tmp_path, model_of, kind, part):
    shutil.copytree(model_of(kind)[0], tmp_path / "tiny")
    _without(part)(tmp_path / "tiny")
    with pytest.raises(BadModel, match=f"{Path(part).name} cannot be loaded: there is no such folder"):
        sd_models.load_model(tmp_path / "tiny")


def test_a_single_file_that_is_none_is_told(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1")
    with pytest.raises(BadModel, match="model.safetensors is no .safetensors file"):
        sd_models.load_model(tmp_path / "model.safetensors")


def test_variants_that_are_not_read_may_be_damaged(tmp_path, model_of):
    shutil.copytree(model_of("sd")[0], tmp_path / "tiny")
    (tmp_path / "tiny/unet/diffusion_pytorch_model.fp16.safetensors").write_bytes(b"half of it")
    assert sd_models.load_model(tmp_path / "tiny").name == "tiny"


def test_another_family_is_told_with_those_that_are_taken(tmp_path):
    (tmp_path / "model_index.json").write_text('{"_class_name": "WuerstchenDecoderPipeline"}')
    with pytest.raises(ValueError, match="is a WuerstchenDecoderPipeline; the preview runs .* XL, .* 3, Flux.1, Kand"):
        sd_models.load_model(tmp_path)


def test_a_part_of_a_model_is_told_what_is_missing(model_of):
    decoder = model_of("kandinsky")[0] / "decoder"
    with pytest.raises(ValueError, match=r"decoder of Kandinsky 2.2; prior \(KandinskyV22PriorPipeline\) is missing"):
        sd_models.load_model(decoder)


def test_what_is_no_refiner_is_told(model_of, capsys):
    [base] = model_of("xl")
    with pytest.raises(ValueError, match="is a StableDiffusionXLPipeline; SDXL's refiner"):
        sd_models.load_model(base, base)
    with pytest.raises(ValueError, match="is Stable Diffusion 1 or 2; a refiner goes with Stable Diffusion XL alone"):
        sd_models.load_model(None, base)
    with pytest.raises(SystemExit):
        parse(["--refiner-at", "0.5"])
    assert "name one with --refiner" in capsys.readouterr().err


def test_samplers_and_sizes_that_a_family_cannot_work_with_are_told(model_of):
    host = ScriptHost(sd_models.load_model(*model_of("flux")))
    with pytest.raises(ValueError, match=r"DDIM cannot run a flow model such as Flux.1; DPM\+\+ 2M, Euler, LM"):
        host.img2img(PICTURE, sampler_name="DDIM")
    with pytest.raises(ValueError, match="Flux.1 works on sides that are multiples of 16 pixels, not on 72 x 64"):
        host.img2img(PICTURE, width=72)


def test_the_demo_model_comes_with_its_words():
    model = sd_models.load_model()
    assert model.name == "demo" and model.native_side == 256
    assert "winter" in model.vocabulary["styles"]
    assert json.dumps(shared.opts.sd_model_checkpoint) == '"demo"'
