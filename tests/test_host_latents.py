"""Latents of models that the preview does not have: made for video, or with the picture for their reference."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from pointwise import photograph

from differential_diffusion.host import latents
from differential_diffusion.host.patches import generators_kept
from differential_diffusion.settings import Refused


class VideoModel:
    """Takes a batch for the frames of a video, and remembers what it encoded, as Forge Neo's edit models do."""

    is_wan = True

    def __init__(self):
        self.ini_latent = "the reference"

    def encode_first_stage(self, pictures):
        assert len(pictures) == 1
        self.ini_latent = torch.nn.functional.avg_pool2d(pictures, 16).repeat(1, 5, 1, 1)[:, :, None]
        return self.ini_latent


def run(model, size):
    return SimpleNamespace(sd_model=model, init_latent=torch.zeros(1, 15, 1, *size))


@pytest.mark.parametrize("size", [(4, 6), (2, 3)])
def test_pictures_are_encoded_one_at_a_time_and_without_a_trace(size):
    model, pictures = VideoModel(), [photograph((96, 64), seed) for seed in (1, 2)]
    before = torch.random.get_rng_state()
    encoded = latents.encoded_aside(run(model, size), pictures)
    assert encoded.shape == (2, 15, 1, *size)
    for latent, picture in zip(encoded, pictures):
        means = np.asarray(picture.resize(size[::-1], Image.BOX), float) / 127.5 - 1
        assert np.abs(latent[:3, 0].movedim(0, -1).numpy() - means).max() < 0.01
    assert model.ini_latent == "the reference"
    assert torch.equal(torch.random.get_rng_state(), before)


def test_generators_of_other_devices_go_on_as_if_nothing_had_been_drawn(monkeypatch):
    class Apple:
        state = torch.arange(3)

        def get_rng_state(self):
            return self.state

        def set_rng_state(self, state):
            self.state = state

    device = Apple()
    monkeypatch.setattr(torch, "mps", device)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    with pytest.raises(KeyError), generators_kept():
        device.set_rng_state(torch.zeros(3))
        raise KeyError
    assert torch.equal(device.state, torch.arange(3))


def test_references_that_models_share_are_kept(monkeypatch):
    shared = SimpleNamespace(ref_latents=["the reference"])
    monkeypatch.setitem(sys.modules, "backend.args", SimpleNamespace(dynamic_args=shared))

    class Anima(VideoModel):
        def encode_first_stage(self, pictures):
            shared.ref_latents.clear()
            return super().encode_first_stage(pictures)

    latents.encoded_aside(run(Anima(), (4, 6)), [photograph((96, 64))])
    assert shared.ref_latents == ["the reference"]


def test_runs_whose_latent_is_not_the_picture_are_refused(monkeypatch):
    latents.needs_still_pictures(torch.zeros(1, 16, 1, 8, 8), 1)
    latents.needs_still_pictures(torch.zeros(1, 4, 8, 8), 1)
    latents.needs_still_pictures(torch.zeros(2, 16, 1, 8, 8), 2)
    with pytest.raises(Refused, match="a video of 3 latent frames"):
        latents.needs_still_pictures(torch.zeros(1, 16, 3, 8, 8), 1)
    with pytest.raises(Refused, match="takes the 2 pictures of the batch for frames"):
        latents.needs_still_pictures(torch.zeros(1, 16, 1, 8, 8), 2)
    latents.needs_a_picture_to_change()
    monkeypatch.setitem(sys.modules, "backend.args", SimpleNamespace(dynamic_args=SimpleNamespace(pid=True)))
    with pytest.raises(Refused, match="from noise at any strength"):
        latents.needs_a_picture_to_change()
