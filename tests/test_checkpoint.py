"""The demo model as a WebUI's checkpoint: the same networks in other shapes, by diffusers' own reading of the names."""

import json
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

import checkpoint
from preview.train import text
from preview.train.autoencoder import LATENT_STD, blank_autoencoder
from preview.train.training import build_denoiser

RNG = torch.Generator().manual_seed(3)


def scrambled(network: nn.Module) -> nn.Module:
    """With weights at random in which nothing is zero or one by construction, and that half precision holds exactly."""
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.copy_(torch.randn(parameter.shape, generator=RNG) * parameter[0].numel() ** -0.5)
            else:
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=RNG))
            parameter.copy_(parameter.half())
    return network.eval()


def loaded(network: nn.Module, weights: dict[str, torch.Tensor]) -> nn.Module:
    network.load_state_dict({name: values.float() for name, values in weights.items()})
    return network.eval()


@torch.no_grad()
def test_the_unet_says_the_same():
    small = scrambled(build_denoiser(text.WIDTH))
    wide = UNet2DConditionModel(
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
        up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
        block_out_channels=(320, 640, 640, 640),
        layers_per_block=1,
        cross_attention_dim=768,
        attention_head_dim=8,
    )
    loaded(wide, convert_ldm_unet_checkpoint(checkpoint._unet(small.state_dict()), dict(wide.config)))
    latents, words = torch.randn(2, 4, 16, 24, generator=RNG), torch.randn(2, 77, text.WIDTH, generator=RNG)
    times = torch.tensor([40, 900])
    expected = small(latents, times, words).sample
    found = wide(latents, times, words.repeat_interleave(checkpoint.TEXT_WIDENING, 2)).sample
    assert expected.std() > 0.1
    assert (
        found - expected
    ).abs().max() < 2e-3 * expected.abs().max()  # queries by the root of five, in half precision


@torch.no_grad()
def test_the_autoencoder_says_the_same():
    small = scrambled(blank_autoencoder())
    padded = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
    )
    weights = checkpoint._autoencoder(small.state_dict(), LATENT_STD)
    loaded(padded, convert_ldm_vae_checkpoint(weights, dict(padded.config)))
    picture = torch.rand(1, 3, 64, 96, generator=RNG) * 2 - 1
    expected = LATENT_STD * small.encode(picture).latent_dist.mean
    found = checkpoint.WEBUI_SCALE * padded.encode(picture).latent_dist.mean
    assert expected.std() > 0.1
    assert (found - expected).abs().max() < 2e-3 * expected.abs().max()
    expected_picture = small.decode(expected / LATENT_STD).sample
    found_picture = padded.decode(expected / checkpoint.WEBUI_SCALE).sample
    assert expected_picture.std() > 0.1
    assert (found_picture - expected_picture).abs().max() < 2e-3 * expected_picture.abs().max()


@torch.no_grad()
def test_the_text_encoder_says_the_same_with_clips_tokens(tmp_path: Path):
    tokenizer = text.build_tokenizer(tmp_path)
    tokens = json.loads((tmp_path / text.CLIP_TOKENS).read_text())
    small = scrambled(text.build_text_encoder(tokenizer))
    wide = CLIPTextModel(
        CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
    )
    weights = checkpoint._text_encoder(small.state_dict(), tokens)
    prefix = "cond_stage_model.transformer."
    positions = weights.pop(f"{prefix}text_model.embeddings.position_ids")
    assert positions.tolist() == [list(range(77))]
    loaded(wide, {name.removeprefix(prefix): values for name, values in weights.items()})
    ours = tokenizer("house and trees, sepia", padding="max_length", return_tensors="pt").input_ids
    expected = small(ours).last_hidden_state
    found = wide(torch.tensor(tokens)[ours]).last_hidden_state
    assert expected.std() > 0.1
    for copy in range(checkpoint.TEXT_WIDENING):
        assert (found[..., copy :: checkpoint.TEXT_WIDENING] - expected).abs().max() < 1e-4


def test_another_models_shape_is_refused(tmp_path: Path):
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text('{"block_out_channels": [320, 640], "norm_num_groups": 32}')
    with pytest.raises(ValueError, match="shape"):
        checkpoint.write(tmp_path, tmp_path / "file.safetensors")
    assert not (tmp_path / "file.safetensors").exists()
