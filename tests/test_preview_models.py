"""The kinds of model that --model takes, as tiny ones with random weights, and what it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from pointwise import photograph
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from modules import sd_models, shared
from modules.processing import StableDiffusionProcessingImg2Img, process_images

TOKENIZER = Path(__file__).resolve().parents[1] / "preview" / "model" / "tokenizer"
WIDTH = 32


@pytest.fixture(autouse=True)
def the_model_in_use_is_put_back():
    before = getattr(shared, "sd_model", None)
    yield
    shared.sd_model = before


def parts(kind: str, in_channels: int = 4, blocks: int = 4) -> dict:
    torch.manual_seed(0)
    tokenizer = CLIPTokenizer.from_pretrained(TOKENIZER)
    text = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    sdxl = {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": 6 * 8 + WIDTH,
    }
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=in_channels,
        block_out_channels=(16, 32),
        layers_per_block=1,
        norm_num_groups=8,
        attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=2 * WIDTH if kind == "xl" else WIDTH,
        **(sdxl if kind == "xl" else {}),
    )
    vae = AutoencoderKL(
        block_out_channels=(8,) * blocks,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
    )
    prediction = "v_prediction" if kind == "v" else "epsilon"
    noise = DDPMScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type=prediction, steps_offset=1
    )
    both = {"unet": unet, "vae": vae, "scheduler": EulerDiscreteScheduler.from_config(noise.config)}
    if kind == "xl":
        second = CLIPTextModelWithProjection(text)
        return both | {
            "text_encoder": CLIPTextModel(text),
            "text_encoder_2": second,
            "tokenizer": tokenizer,
            "tokenizer_2": tokenizer,
        }
    return both | {
        "text_encoder": CLIPTextModel(text),
        "tokenizer": tokenizer,
        "safety_checker": None,
        "feature_extractor": None,
    }


def save(folder: Path, kind: str, **options) -> Path:
    pipeline = StableDiffusionXLPipeline if kind == "xl" else StableDiffusionPipeline
    pipeline(**parts(kind, **options)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("sampler", ["Euler", "DDIM"])
@pytest.mark.parametrize("kind", ["eps", "v", "xl"])
def test_a_folder_in_diffusers_format(tmp_path, kind, sampler):
    model = sd_models.load_model(save(tmp_path / "tiny", kind))
    assert (model.name, model.is_sdxl, model.native_side) == ("tiny", kind == "xl", 64)
    assert model.parameterization == ("v" if kind == "v" else "eps")
    picture = photograph()
    results = []
    for prompt in ("a house", "night"):
        p = StableDiffusionProcessingImg2Img(
            sd_model=model,
            prompt=prompt,
            steps=4,
            seed=1,
            width=64,
            height=64,
            sampler_name=sampler,
            init_images=[picture],
        )
        results.append(np.asarray(process_images(p).images[0]).astype(int))
    assert results[0].shape == (64, 64, 3) and not np.array_equal(*results)


def test_the_denoisers_agree_on_what_the_model_says(tmp_path):
    """The clean latent at a sigma and the noise at its timestep describe the same prediction."""
    from modules.sd_denoisers import SigmaDenoiser, TimestepDenoiser

    for kind in ("eps", "v"):
        model = sd_models.load_model(save(tmp_path / kind, kind))
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
        sd_models.load_model(save(tmp_path / "inpainting", "eps", in_channels=9))
    with pytest.raises(ValueError, match="latents of 4 channels"):
        sd_models.load_model(save(tmp_path / "coarse", "eps", blocks=3))


def test_the_demo_model_comes_with_its_words():
    model = sd_models.load_model()
    assert model.name == "demo" and model.native_side == 256
    assert "winter" in model.vocabulary["styles"]
    assert json.dumps(shared.opts.sd_model_checkpoint) == '"demo"'
