"""The demo model's training material: pictures, captions, tokenizer, and the encoder that is computed, not trained."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from preview.train import photographs, render
from preview.train.adversary import balance
from preview.train.autoencoder import LATENT_STD, PatchPca, build_autoencoder, standardise
from preview.train.captions import OBJECTS, STYLES, landscape_caption, vocabulary, words
from preview.train.data import Pictures, random_crops
from preview.train.evaluate import layout_correlation, sharpness
from preview.train.landscape import Layout, random_layout
from preview.train.text import build_tokenizer
from preview.train.training import Schedule, _Run, load_average

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
    render.render_shards(render.shards(tmp_path, 6, render.training_picture))
    first, second = sorted(tmp_path.glob("*.npy"))
    shown, samples = render.load_shard(second)
    picture, sample = render.training_picture(4)
    assert np.array_equal(shown[1], picture) and samples[1] == sample

    kept = first.stat().st_mtime_ns
    second.unlink()
    render.render_shards(render.shards(tmp_path, 6, render.training_picture))
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
    tokenizer = build_tokenizer(tmp_path)
    for word in words():
        assert "".join(tokenizer.tokenize(word)) == f"{word}</w>" and len(tokenizer.tokenize(word)) <= 3
    tokens = tokenizer("Zebra über den dunes", add_special_tokens=False).input_ids
    assert tokenizer.decode(tokens) == "zebra über den dunes"
    assert len(tokenizer("night " * 500, truncation=True, padding="max_length").input_ids) == 77


def test_the_vocabulary_is_made_of_words_that_captions_use():
    known = set(words())
    for texts in vocabulary().values():
        assert {word for text in texts for word in text.split()} <= known


def test_the_learning_rate_rises_holds_and_falls_to_zero():
    schedule = Schedule(seconds=100, batch=10, learning_rate=1.0, warmup=1_000, cooldown=0.2)
    rates = [schedule.rate(seen, progress=seen / 10_000) for seen in range(0, 10_001, 10)]
    assert rates[0] == pytest.approx(0.01) and rates[-1] == 0
    assert max(rates) == rates[500] == rates[799] == 1.0
    assert np.all(np.diff(rates[:100]) > 0) and np.all(np.diff(rates[801:]) < 0)


@pytest.mark.parametrize("style", STYLES)
def test_a_photograph_keeps_its_layout_in_every_style(style: str):
    """A scene style keeps the places of light and shadow at 16 x 16 cells, but for snow on grass and for flames."""
    photograph = render.paint(LAYOUT, None, 256, 256)
    restyled = render.restyle(photograph, style, np.random.default_rng(3))
    assert restyled.shape == photograph.shape and restyled.dtype == np.uint8
    assert np.abs(restyled.astype(float) - photograph).mean() > 5
    if STYLES[style].kind == "scene":
        assert layout_correlation(photograph[None], restyled[None]) > (0.3 if style in ("fire", "winter") else 0.75)


def test_parts_of_a_photograph_have_the_size_asked_for():
    rng = np.random.default_rng(0)
    for shape in ((300, 420, 3), (1024, 700, 3), (200, 600, 3)):
        photograph = rng.integers(0, 256, shape, np.uint8)
        for height, width in ((256, 256), (256, 384), (384, 256)):
            assert render.random_part(photograph, rng, height, width).shape == (height, width, 3)


def test_no_photograph_is_both_trained_on_and_held_out():
    training, held_out = photographs.catalogue()
    assert len(held_out) == 8
    assert not {photograph.name for photograph in training} & {photograph.name for photograph in held_out}
    assert len({(p.file, p.entry) for p in [*training, *held_out]}) == len(training) + len(held_out)
    free = ("public domain", "CC0 1.0", "CC BY 2.0", "CC BY 4.0")
    assert all(photograph.author and photograph.licence in free for photograph in [*training, *held_out])


def test_standardising_moves_the_latents_and_not_the_pictures(pictures: np.ndarray, pca: PatchPca):
    autoencoder = build_autoencoder(pca)
    inputs = torch.from_numpy(pictures[:4, :64, :64]).movedim(-1, 1).float() / 127.5 - 1
    with torch.no_grad():
        before = autoencoder.encode(inputs).latent_dist.mean
        decoded = autoencoder.decode(before).sample
        standardise(autoencoder, before.movedim(1, -1).flatten(0, 2))
        after = autoencoder.encode(inputs).latent_dist.mean
        assert after.mean((0, 2, 3)).abs().max() < 1e-3
        assert (after.std((0, 2, 3)) - 1).abs().max() < 1e-3
        assert (autoencoder.decode(after).sample - decoded).abs().max() < 1e-3
        assert (before - after).abs().max() > 0.1


def test_training_goes_on_where_it_was_interrupted(tmp_path: Path):
    """A run begins from the checkpoint, whatever weights it is given; the averaged weights are what is loaded."""
    layer = torch.nn.Linear(4, 1)
    targets = torch.randn(64, 4), torch.randn(64, 1)

    def train(seconds: float) -> tuple[int, float]:
        run = _Run("line", layer, Schedule(seconds, batch=64, learning_rate=0.1, warmup=64), tmp_path / "line.pt")
        losses = []

        def step(progress: float) -> torch.Tensor:
            loss = (layer(targets[0]) - targets[1]).square().mean()
            run.descend(loss)
            losses.append(loss.item())
            return loss

        run.go(step)
        return run.seen, min(losses, default=np.inf)

    first, worst = train(0.2)
    with torch.no_grad():
        layer.weight.fill_(100)
    second, best = train(0.2)
    assert second > first > 0 and best < worst + 1e-3
    with torch.no_grad():
        layer.weight.fill_(100)
    assert load_average(tmp_path / "line.pt", layer) == second
    assert layer.weight.abs().max().item() < 10


def test_crops_come_from_the_pictures_and_half_are_regraded(pictures: np.ndarray):
    samples = [render.Sample("", None, ())] * len(pictures)
    group = Pictures(torch.from_numpy(pictures), samples)
    crops = random_crops([group], 40, 64, torch.Generator().manual_seed(0))
    assert crops.shape == (40, 3, 64, 64) and crops.abs().max() <= 1
    windows = torch.from_numpy(pictures).movedim(-1, 1).float() / 127.5 - 1
    windows = windows.unfold(2, 64, 1).unfold(3, 64, 1)[:, :, :, :, 0, 0]  # the upper left pixels say where it may be
    kept = sum(bool((windows == crop[None, :, :1, :1]).all(1).any()) for crop in crops)
    assert 10 <= kept <= 35


def test_the_adversary_pulls_as_hard_as_the_reconstruction():
    last = torch.randn(3, 5, requires_grad=True)
    inputs = torch.randn(5, 7)
    reconstruction, adversarial = (last @ inputs).abs().mean(), 1e-3 * (last @ inputs).square().sum()
    factor = balance(reconstruction, adversarial, last)
    ours = torch.autograd.grad(reconstruction, last, retain_graph=True)[0].norm()
    theirs = torch.autograd.grad(factor * adversarial, last)[0].norm()
    assert theirs.item() == pytest.approx(ours.item(), rel=1e-3)


def test_a_blurred_picture_is_less_sharp(pictures: np.ndarray):
    blurred = np.stack([cv2.GaussianBlur(picture, (0, 0), 2) for picture in pictures])
    assert sharpness(blurred) < 0.8 * sharpness(pictures)
    assert sharpness(255 - pictures) == pytest.approx(sharpness(pictures), rel=1e-4)
