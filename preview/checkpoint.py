"""A model that `python preview/train` made as a WebUI's checkpoint, which AUTOMATIC1111, Forge and Forge Neo load as
Stable Diffusion 1.

Forge and Neo build the text encoder and the autoencoder of Stable Diffusion 1 whatever a file holds, and know its
UNet by its first 320 channels. So the small networks are written into those shapes, exactly. The UNet and the text
encoder are widened: each channel stands there several times side by side, and whatever reads it reads the first, so
that every normalisation sees the statistics that it saw before. The autoencoder, a quarter of the groups and of the
channels, is padded with zeros. Blocks that the small networks lack are zero, which adds nothing to what passes by
them."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel

Weights = dict[str, Tensor]

WEBUI_SCALE = 0.18215
"""Forge's factor between a latent and what is denoised, whatever the model."""
UNET_WIDENING = 5
TEXT_WIDENING = 4
CONFIGURATION = """\
model:
  target: ldm.models.diffusion.ddpm.LatentDiffusion
  params:
    parameterization: v
    linear_start: 0.00085
    linear_end: 0.0120
    num_timesteps_cond: 1
    timesteps: 1000
    first_stage_key: jpg
    cond_stage_key: txt
    image_size: 32
    channels: 4
    cond_stage_trainable: false
    conditioning_key: crossattn
    scale_factor: 0.18215
    use_ema: false
    unet_config:
      target: ldm.modules.diffusionmodules.openaimodel.UNetModel
      params:
        image_size: 32
        in_channels: 4
        out_channels: 4
        model_channels: 320
        attention_resolutions: [2, 4, 8]
        num_res_blocks: 1
        channel_mult: [1, 2, 2, 2]
        num_heads: 8
        use_spatial_transformer: true
        transformer_depth: 1
        context_dim: 768
        use_checkpoint: false
        legacy: false
    first_stage_config:
      target: ldm.models.autoencoder.AutoencoderKL
      params:
        embed_dim: 4
        ddconfig:
          double_z: true
          z_channels: 4
          resolution: 256
          in_channels: 3
          out_ch: 3
          ch: 128
          ch_mult: [1, 2, 4, 4]
          num_res_blocks: 2
          attn_resolutions: []
          dropout: 0.0
        lossconfig:
          target: torch.nn.Identity
    cond_stage_config:
      target: ldm.modules.encoders.modules.FrozenCLIPEmbedder
"""
"""For AUTOMATIC1111; Forge and Neo read the parameterization alone."""


def export(options: argparse.Namespace) -> None:
    """`python preview export`; ends the program with a message if the model does not fit."""
    try:
        write(options.model, options.file)
    except ValueError as error:
        sys.exit(f"error: {error}")
    print(f"{options.file}, and {options.file.with_suffix('.yaml').name} beside it")


def write(model: Path, file: Path) -> None:
    """Write a diffusers folder of the demo model's shape to `file` (.safetensors) and a .yaml of the same name beside
    it.

    Raises:
        ValueError: the model has other shapes.
    """
    config = json.loads((model / "unet" / "config.json").read_text())
    if config["block_out_channels"] != [64, 128, 128, 128] or config["norm_num_groups"] != 32:
        raise ValueError(
            f"{model} has not the shape that `python preview/train` makes, which fits into Stable Diffusion 1's"
        )
    tokens = json.loads((model / "tokenizer" / "clip_tokens.json").read_text())
    scale = json.loads((model / "vae" / "config.json").read_text())["scaling_factor"]
    weights = {
        **_unet(load_file(model / "unet" / "diffusion_pytorch_model.safetensors")),
        **_autoencoder(load_file(model / "vae" / "diffusion_pytorch_model.safetensors"), scale),
        **_text_encoder(load_file(model / "text_encoder" / "model.safetensors"), tokens),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file(weights, file, metadata={"format": "pt"})
    file.with_suffix(".yaml").write_text(CONFIGURATION)


def _unet(small: Weights) -> Weights:
    """In CompVis' names, `model.diffusion_model.*`."""
    shapes = _shapes(
        UNet2DConditionModel,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * 3),
        up_block_types=(*("CrossAttnUpBlock2D",) * 3, "UpBlock2D"),
        block_out_channels=(320, 640, 640, 640),
        layers_per_block=1,
        cross_attention_dim=768,
        attention_head_dim=8,
    )
    wide = {name: _widened(small[name], shape) for name, shape in shapes.items()}
    for name in wide:
        if ".to_q." in name:  # a dot product of channels that stand there several times, over the root of their number
            wide[name] /= UNET_WIDENING**0.5
    return {f"model.diffusion_model.{_unet_name(name)}": values.half() for name, values in wide.items()}


def _text_encoder(small: Weights, tokens: list[int]) -> Weights:
    """In transformers' names, `cond_stage_model.transformer.*`; `tokens` are CLIP's numbers of the small one's
    tokens."""
    shapes = _shapes(
        CLIPTextModel,
        CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12),
    )
    wide = {}
    for name, shape in shapes.items():
        if "embedding" in name:
            rows = small[name].float().repeat_interleave(TEXT_WIDENING, 1)
            wide[name] = torch.zeros(shape)
            wide[name][tokens if "token" in name else slice(None)] = rows
        elif name in small:
            wide[name] = _widened(small[name], shape)
        else:
            wide[name] = torch.zeros(shape)
        if ".q_proj." in name:
            wide[name] /= TEXT_WIDENING**0.5
    named = {f"cond_stage_model.transformer.{name}": values.half() for name, values in wide.items()}
    return named | {"cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}


def _shapes(network: Callable[..., Any], *arguments: object, **configuration: object) -> dict[str, torch.Size]:
    """Of its weights, without making them."""
    with torch.device("meta"):
        return {name: weights.shape for name, weights in network(*arguments, **configuration).state_dict().items()}


def _widened(small: Tensor, shape: torch.Size) -> Tensor:
    """Rows that stand several times side by side, columns that are read from the first of several inputs."""
    wide = torch.zeros(shape)
    rows = small.float().repeat_interleave(shape[0] // small.shape[0], 0)
    if small.dim() == 1:
        wide[:] = rows
    else:
        wide[:, :: shape[1] // small.shape[1]] = rows
    return wide


def _autoencoder(small: Weights, scale: float) -> Weights:
    """In CompVis' names, `first_stage_model.*`."""
    shapes = _shapes(
        AutoencoderKL,
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
    )
    padded = {name: torch.zeros(shape) for name, shape in shapes.items()}
    for name, values in small.items():
        padded[name][tuple(slice(length) for length in values.shape)] = values.float()
    # The log variances' rows follow the means', whose number is the same in both.
    for half in ("encoder", "decoder"):
        for kind in ("weight", "bias"):  # the attention divides by the root of its width, which is four times as large
            padded[f"{half}.mid_block.attentions.0.to_q.{kind}"] *= 2
    padded["quant_conv.weight"][:4] *= scale / WEBUI_SCALE
    padded["quant_conv.bias"][:4] *= scale / WEBUI_SCALE
    padded["post_quant_conv.weight"] *= WEBUI_SCALE / scale
    named = {}
    for name, values in padded.items():
        kernel = values[..., None, None] if "attentions" in name and values.dim() == 2 else values
        named[f"first_stage_model.{_autoencoder_name(name)}"] = kernel.half().contiguous()
    return named


_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}


def _unet_name(name: str) -> str:
    """CompVis' name of a weight of diffusers' UNet with one block a level."""
    module, kind = name.rsplit(".", 1)
    if module in _UNET_ENDS:
        return f"{_UNET_ENDS[module]}.{kind}"
    half, *parts = name.split(".")
    level = 0 if half == "mid_block" else int(parts.pop(0))
    layers, index, *inside = parts
    if layers == "resnets":
        inside[0] = _RESNET[inside[0]]
    elif layers == "downsamplers":
        inside[0] = "op"
    blocks = {
        "down_blocks": {
            "resnets": f"input_blocks.{2 * level + 1}.0",
            "attentions": f"input_blocks.{2 * level + 1}.1",
            "downsamplers": f"input_blocks.{2 * level + 2}.0",
        },
        "mid_block": {"resnets": f"middle_block.{2 * int(index)}", "attentions": "middle_block.1"},
        "up_blocks": {
            "resnets": f"output_blocks.{2 * level + int(index)}.0",
            "attentions": f"output_blocks.{2 * level + int(index)}.1",
            "upsamplers": f"output_blocks.{2 * level + 1}.2",
        },
    }
    return ".".join([blocks[half][layers], *inside])


_AUTOENCODER = {
    "conv_shortcut": "nin_shortcut",
    "conv_norm_out": "norm_out",
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
    "resnets": "block",
    "downsamplers.0": "downsample",
    "upsamplers.0": "upsample",
    "down_blocks": "down",
}


def _autoencoder_name(name: str) -> str:
    """CompVis' name of a weight of diffusers' autoencoder; its decoder's levels are counted from the picture."""
    for level in range(4):
        name = name.replace(f"up_blocks.{level}.", f"up.{3 - level}.")
    for ours, theirs in _AUTOENCODER.items():
        name = name.replace(ours, theirs)
    return name
