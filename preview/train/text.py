"""The text side: a byte-pair tokenizer of the training captions' own words, and a small CLIP text encoder."""

import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer
from transformers.models.clip.tokenization_clip import bytes_to_unicode

WIDTH = 128
MAX_TOKENS = 77
_END_OF_WORD = "</w>"
_START, _END = "<|startoftext|>", "<|endoftext|>"


def build_tokenizer(words: Iterable[str], folder: Path) -> CLIPTokenizer:
    """A CLIP tokenizer in which each of `words` is one token and all other text falls apart into smaller pieces."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix=_END_OF_WORD))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=10_000, min_frequency=1, end_of_word_suffix=_END_OF_WORD, show_progress=False
    )
    tokenizer.train_from_iterator(words, trainer)
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]

    characters = list(bytes_to_unicode().values())
    tokens = [*characters, *(character + _END_OF_WORD for character in characters)]
    tokens += [first + second for first, second in pairs]
    tokens = list(dict.fromkeys([*tokens, _START, _END]))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *(" ".join(pair) for pair in pairs), ""]))
    built = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=MAX_TOKENS)
    built.save_pretrained(folder)
    return built


def build_text_encoder(tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Two layers, WIDTH wide; trained together with the denoiser."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            projection_dim=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=MAX_TOKENS,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
