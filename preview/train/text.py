"""The text side: the part of CLIP's tokenizer that the training captions need, and a small CLIP text encoder."""

import json
from pathlib import Path

from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

WIDTH = 192
"""A quarter of CLIP-L's, with as many heads, so that its shape can take these weights (see `preview/checkpoint.py`)."""
HEADS = 12
MAX_TOKENS = 77
MERGES = Path(__file__).with_name("clip_merges.txt")
"""The byte pairs of OpenAI CLIP's vocabulary (MIT licence) that spell this model's words, each with its token's number
there; in the order in which they are merged."""
CLIP_TOKENS = "clip_tokens.json"
"""In a tokenizer's folder: CLIP's number of each of its tokens."""
_END_OF_WORD = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"
_CLIP_START, _CLIP_END = 49406, 49407


def build_tokenizer(folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer that takes the model's words as CLIP's own does and all other text to smaller pieces."""
    merges = [line.split(" ") for line in MERGES.read_text(encoding="utf-8").splitlines()]
    characters = list(bytes_to_unicode().values())
    numbers = {character: index for index, character in enumerate(characters)}
    numbers |= {character + _END_OF_WORD: len(characters) + index for index, character in enumerate(characters)}
    numbers |= {first + second: int(number) for first, second, number in merges}
    numbers |= {_START: _CLIP_START, _END: _CLIP_END}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(numbers)}))
    pairs = [f"{first} {second}" for first, second, _ in merges]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *pairs, ""]), encoding="utf-8")
    (folder / CLIP_TOKENS).write_text(json.dumps(list(numbers.values())))
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=MAX_TOKENS).save_pretrained(
        folder
    )
    return CLIPTokenizer.from_pretrained(folder)


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Two layers, WIDTH wide; trained together with the denoiser."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=HEADS,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
