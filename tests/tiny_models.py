"""Tiny pipelines with seeded random weights, one of each model family, saved as diffusers saves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    IFPipeline,
    IFSuperResolutionPipeline,
    KandinskyV22Pipeline,
    KandinskyV22PriorPipeline,
    PriorTransformer,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionPipeline,
    StableDiffusionUpscalePipeline,
    StableDiffusionXLImg2ImgPipeline,
    StableDiffusionXLPipeline,
    UnCLIPScheduler,
    UNet2DConditionModel,
    VQModel,
)
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

CLIP_TOKENIZER = Path(__file__).resolve().parents[1] / "preview" / "model" / "tokenizer"
WIDTH = 32


def save(folder: Path, kind: str, **options: Any) -> Path:
    """A model of `kind`, as --model takes it."""
    torch.manual_seed(0)
    MAKERS[kind](folder, **options)
    return folder


def stable_diffusion(folder: Path, prediction: str = "epsilon", in_channels: int = 4, blocks: int = 4) -> None:
    StableDiffusionPipeline(
        unet=_unet(in_channels=in_channels),
        vae=_autoencoder(blocks=blocks),
        scheduler=_euler(prediction),
        text_encoder=CLIPTextModel(_clip_text()),
        tokenizer=_clip_tokenizer(),
        safety_checker=None,
        feature_extractor=None,
    ).save_pretrained(folder)


def stable_diffusion_xl(folder: Path) -> None:
    StableDiffusionXLPipeline(
        unet=_unet(cross_attention_dim=2 * WIDTH, **_time_ids(6)),
        vae=_autoencoder(),
        scheduler=_euler(),
        text_encoder=CLIPTextModel(_clip_text()),
        text_encoder_2=CLIPTextModelWithProjection(_clip_text()),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
    ).save_pretrained(folder)


def refiner(folder: Path) -> None:
    StableDiffusionXLImg2ImgPipeline(
        unet=_unet(cross_attention_dim=WIDTH, **_time_ids(5)),
        vae=_autoencoder(),
        scheduler=_euler(),
        text_encoder=None,
        text_encoder_2=CLIPTextModelWithProjection(_clip_text()),
        tokenizer=None,
        tokenizer_2=_clip_tokenizer(),
        requires_aesthetics_score=True,
    ).save_pretrained(folder)


def stable_diffusion_3(folder: Path) -> None:
    StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=8,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=WIDTH,
            joint_attention_dim=2 * WIDTH,
            pooled_projection_dim=2 * WIDTH,
        ),
        vae=_autoencoder(latent_channels=16, shift_factor=0.06),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        text_encoder=CLIPTextModelWithProjection(_clip_text()),
        text_encoder_2=CLIPTextModelWithProjection(_clip_text()),
        text_encoder_3=_t5(2 * WIDTH),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_clip_tokenizer(),
        tokenizer_3=_t5_tokenizer(),
    ).save_pretrained(folder)


def flux(folder: Path) -> None:
    FluxPipeline(
        transformer=FluxTransformer2DModel(
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
        vae=_autoencoder(latent_channels=16, shift_factor=0.06),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
        text_encoder=CLIPTextModel(_clip_text()),
        text_encoder_2=_t5(WIDTH),
        tokenizer=_clip_tokenizer(),
        tokenizer_2=_t5_tokenizer(),
    ).save_pretrained(folder)


def kandinsky(folder: Path) -> None:
    blocks = 4
    KandinskyV22Pipeline(
        unet=UNet2DConditionModel(
            sample_size=8,
            out_channels=8,
            addition_embed_type="image",
            encoder_hid_dim=WIDTH,
            encoder_hid_dim_type="image_proj",
            **_simple_blocks(),
        ),
        movq=VQModel(
            block_out_channels=(WIDTH,) * blocks,
            norm_type="spatial",
            down_block_types=("DownEncoderBlock2D",) * blocks,
            up_block_types=("UpDecoderBlock2D",) * blocks,
            latent_channels=4,
            num_vq_embeddings=12,
            vq_embed_dim=4,
        ),
        scheduler=DDPMScheduler(beta_start=0.00085, beta_end=0.012, clip_sample=False),
    ).save_pretrained(folder / "decoder")
    vision = CLIPVisionConfig(
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=32,
        patch_size=16,
    )
    prior = PriorTransformer(num_attention_heads=2, attention_head_dim=12, embedding_dim=WIDTH, num_layers=1)
    prior.clip_std.data.fill_(1)  # else every embedding is the same
    KandinskyV22PriorPipeline(
        prior=prior,
        image_encoder=CLIPVisionModelWithProjection(vision),
        text_encoder=CLIPTextModelWithProjection(_clip_text()),
        tokenizer=_clip_tokenizer(),
        scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", clip_sample=True, clip_sample_range=10.0
        ),
        image_processor=CLIPImageProcessor(size=32, crop_size=32),
    ).save_pretrained(folder / "prior")


def deepfloyd(folder: Path, sides: tuple[int, int] = (16, 64)) -> None:
    """Stages I and II, for pictures of these sides."""
    text = {"text_encoder": _t5(WIDTH), "tokenizer": _t5_tokenizer()}
    nothing: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "watermarker": None}
    common = {
        "out_channels": 6,
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": 2,
        "encoder_hid_dim": WIDTH,
        "cross_attention_norm": "group_norm",
        "act_fn": "gelu",
        **_simple_blocks(),
    }
    scheduler = DDPMScheduler(beta_schedule="squaredcos_cap_v2", variance_type="learned_range", clip_sample=False)
    IFPipeline(
        unet=UNet2DConditionModel(sample_size=sides[0], in_channels=3, **common),
        scheduler=scheduler,
        requires_safety_checker=False,
        **text,
        **nothing,
    ).save_pretrained(folder / "I")
    IFSuperResolutionPipeline(
        unet=UNet2DConditionModel(sample_size=sides[1], in_channels=6, class_embed_type="timestep", **common),
        scheduler=scheduler,
        image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
        requires_safety_checker=False,
        **text,
        **nothing,
    ).save_pretrained(folder / "II")


def upscaler(folder: Path) -> None:
    """The third stage of DeepFloyd IF."""
    StableDiffusionUpscalePipeline(
        unet=_unet(in_channels=7, num_class_embeds=1000),
        vae=_autoencoder(blocks=3, scaling_factor=0.08333),
        low_res_scheduler=DDPMScheduler(),
        scheduler=DDIMScheduler(),
        text_encoder=CLIPTextModel(_clip_text()),
        tokenizer=_clip_tokenizer(),
    ).save_pretrained(folder)


MAKERS = {
    "sd": stable_diffusion,
    "xl": stable_diffusion_xl,
    "refiner": refiner,
    "sd3": stable_diffusion_3,
    "flux": flux,
    "kandinsky": kandinsky,
    "if": deepfloyd,
    "upscaler": upscaler,
}


def _unet(**options: Any) -> UNet2DConditionModel:
    usual = {
        "sample_size": 8,
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attention_head_dim": 2,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": WIDTH,
    }
    return UNet2DConditionModel(**usual | options)


def _time_ids(count: int) -> dict[str, Any]:
    return {
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "projection_class_embeddings_input_dim": count * 8 + WIDTH,
    }


def _simple_blocks() -> dict[str, Any]:
    """Those of Kandinsky's and DeepFloyd's networks."""
    return {
        "block_out_channels": (16, 32),
        "layers_per_block": 1,
        "norm_num_groups": 8,
        "attention_head_dim": 4,
        "cross_attention_dim": WIDTH,
        "down_block_types": ("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
        "up_block_types": ("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        "resnet_time_scale_shift": "scale_shift",
    }


def _autoencoder(blocks: int = 4, **options: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8,) * blocks,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * blocks,
        up_block_types=("UpDecoderBlock2D",) * blocks,
        **options,
    )


def _euler(prediction: str = "epsilon") -> EulerDiscreteScheduler:
    return EulerDiscreteScheduler(
        beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, prediction_type=prediction, steps_offset=1
    )


def _clip_tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer.from_pretrained(CLIP_TOKENIZER)


def _clip_text() -> CLIPTextConfig:
    tokenizer = _clip_tokenizer()
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        projection_dim=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )


def _t5(width: int) -> T5EncoderModel:
    return T5EncoderModel(T5Config(vocab_size=8, d_model=width, d_kv=8, d_ff=width, num_layers=1, num_heads=2))


def _t5_tokenizer() -> T5TokenizerFast:
    words = ["<pad>", "</s>", "<unk>", "a", "house", "night", "trees", "winter"]
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return T5TokenizerFast(tokenizer_object=tokenizer, extra_ids=0)
