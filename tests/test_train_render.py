"""The demo model's training material: pictures, captions, tokenizer, and the encoder that is computed, not trained."""

from pathlib import Path

import numpy as np
import pytest
import torch

from preview.train import render
from preview.train.autoencoder import LATENT_STD, PatchPca, build_autoencoder
from preview.train.captions import OBJECTS, STYLES, landscape_caption, vocabulary, words
from preview.train.landscape import Layout, random_layout
from preview.train.text import build_tokenizer
from preview.train.training import Schedule

LAYOUT = Layout(seed=7, horizon=0.5, contents=("mountain", "house", "trees", "clouds"))


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.stack([render.training_picture(index)[0] for index in range(24)])


@pytest.fixture(scope="module")
def pca(pictures: np.ndarray) -> PatchPca:
    return PatchPca.fit(pictures)


def test_a_picture_is_a_function_of_its_index(pictures: np.ndarray):
    np.random.seed(0)
    again = np.stack([render.training_picture(index)[0] for index in range(24)])
    assert np.array_equal(pictures, again)
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_a_sample_says_what_its_caption_may_name():
    for index in range(200):
        rng = np.random.default_rng(index)
        layout = random_layout(rng)
        assert set(OBJECTS) & set(layout.contents)
        caption = landscape_caption("night", list(layout.contents), rng)
        for thing in OBJECTS:
            assert thing not in caption or thing in layout.contents


@pytest.mark.parametrize("style", [None, *STYLES])
def test_every_style_paints_every_shape_of_picture(style: str | None):
    picture = render.paint(LAYOUT, style, 64, 96)
    assert picture.shape == (64, 96, 3) and picture.dtype == np.uint8
    assert picture.std() > 5


def test_styles_differ_more_than_layouts_do():
    """The nearest style of a picture's own 4 x 4 cells of colour and contrast is its own, for another layout too."""
    layouts = [random_layout(np.random.default_rng(index)) for index in range(3)]

    def signature(picture: np.ndarray) -> np.ndarray:
        cells = picture.reshape(4, 16, 4, 16, 3).astype(float)
        return np.concatenate([cells.mean((1, 3)).ravel(), 2 * cells.std((1, 3)).ravel()])

    known = {
        style: np.mean([signature(render.paint(layout, style, 64, 64)) for layout in layouts[:2]], 0)
        for style in STYLES
    }
    named = [
        min(
            known, key=lambda candidate: np.abs(known[candidate] - signature(render.paint(layout, style, 64, 64))).sum()
        )
        == style
        for style in STYLES
        for layout in layouts[2:3]
    ]
    assert np.mean(named) > 0.8  # twenty styles: chance is 0.05


def test_shards_come_back_as_written_and_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(render, "SHARD", 3)
    render.render_shards(tmp_path, 6)
    first, second = sorted(tmp_path.glob("*.npy"))
    shown, samples = render.load_shard(second)
    picture, sample = render.training_picture(4)
    assert np.array_equal(shown[1], picture) and samples[1] == sample

    kept = first.stat().st_mtime_ns
    second.unlink()
    render.render_shards(tmp_path, 6)
    assert first.stat().st_mtime_ns == kept and second.exists()


def test_the_pca_spans_the_patches_strongest_directions(pictures: np.ndarray, pca: PatchPca):
    """Against numpy's singular values of patches cut out one by one; the latents have unit variance."""
    cells = [
        picture[row : row + 8, column : column + 8].astype(float) / 127.5 - 1
        for picture in pictures
        for row in range(0, 256, 8)
        for column in range(0, 256, 8)
    ]
    patches = np.stack(cells).transpose(0, 3, 1, 2).reshape(len(cells), -1)
    centred = patches - patches.mean(0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    scaled = pca.weight * (singular[:4] / len(cells) ** 0.5)[:, None]
    assert np.abs(np.abs(scaled @ axes[:4].T) - np.eye(4)).max() < 1e-2
    assert np.allclose(pca.encode(pictures).numpy().var((0, 2, 3)), 1, atol=1e-2)


def test_the_encoder_is_the_pca(pictures: np.ndarray, pca: PatchPca):
    autoencoder = build_autoencoder(pca)
    inputs = torch.from_numpy(pictures[:4]).movedim(-1, 1).float() / 127.5 - 1
    with torch.no_grad():
        posterior = autoencoder.encode(inputs).latent_dist
    expected = np.empty((4, 4, 32, 32))
    for row in range(32):
        for column in range(32):
            patch = inputs[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8].reshape(4, -1).numpy()
            expected[:, :, row, column] = (patch - pca.mean) @ pca.weight.T
    assert np.abs(posterior.mean.numpy() - expected).max() < 1e-3  # float32; measured 5e-5
    assert posterior.std.max() < 1e-6
    assert autoencoder.config.scaling_factor == LATENT_STD


def test_the_decoder_starts_as_upsampling(pictures: np.ndarray, pca: PatchPca):
    """Untrained, it gives back the colours of 8 x 8 cells, away from the picture's border."""
    autoencoder = build_autoencoder(pca)
    with torch.no_grad():
        decoded = autoencoder.decode(pca.encode(pictures[:4])).sample
    blurred = torch.nn.functional.avg_pool2d(decoded, 8)[:, :, 2:-2, 2:-2]
    cells = torch.from_numpy(pictures[:4]).movedim(-1, 1).float() / 127.5 - 1
    cells = torch.nn.functional.avg_pool2d(cells, 8)[:, :, 2:-2, 2:-2]
    assert np.corrcoef(blurred.flatten(), cells.flatten())[0, 1] > 0.95


def test_known_words_are_tokens_and_no_text_is_refused(tmp_path: Path):
    tokenizer = build_tokenizer(words(), tmp_path)
    for word in words():
        assert tokenizer.tokenize(word) == [f"{word}</w>"]
    tokens = tokenizer("Zebra über den dunes", add_special_tokens=False).input_ids
    assert tokenizer.decode(tokens) == "zebra über den dunes"
    assert len(tokenizer("night " * 500, truncation=True, padding="max_length").input_ids) == 77


def test_the_vocabulary_is_made_of_words_that_captions_use():
    known = set(words())
    for texts in vocabulary().values():
        assert {word for text in texts for word in text.split()} <= known


def test_the_learning_rate_rises_holds_and_falls_to_zero():
    schedule = Schedule(samples=10_000, batch=10, learning_rate=1.0, warmup=1_000, cooldown=0.2)
    rates = [schedule.rate(seen) for seen in range(0, 10_001, 10)]
    assert rates[0] == pytest.approx(0.01) and rates[-1] == 0
    assert max(rates) == rates[500] == rates[799] == 1.0
    assert np.all(np.diff(rates[:100]) > 0) and np.all(np.diff(rates[801:]) < 0)
