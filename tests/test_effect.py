"""The effect in a whole run: the unmodified script in the preview's processing, on a model without spatial coupling."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from pointwise import base64_of, columns, photograph

from differential_diffusion.host import axes
from differential_diffusion.settings import BadSetting
from modules import scripts, sd_samplers_common, shared
from modules.processing import StableDiffusionProcessingImg2Img

PICTURE = photograph()
LEVELS = (0, 64, 128, 255)
STRENGTH = 0.8

MULTISTEP = "its history of slopes is out of reach, so a released cell starts with the pinned cells' slopes"
HIDDEN = "its levels depend on where a run starts, and it does not step from the tensor that it shows the model"
TOLERANCES = {
    "Euler": 0,
    "Heun": 0,
    "DDIM": 0,
    "DPM++ 2M": 1e-5,
    "DPM++ 2M SDE": 1e-5,
    "LMS": (5e-2, MULTISTEP),  # measured: 1.8e-2
    "UniPC": (2e-1, HIDDEN),  # measured: 1.1e-1
}
"""Largest difference to the plain runs, in latent units of about 1. Euler a is equal in distribution only: it draws its
noise in the order of the steps."""


@pytest.fixture
def option():
    """Changes host options for one test."""
    before = {}

    def change(**values):
        for name, value in values.items():
            before.setdefault(name, getattr(shared.opts, name))
            setattr(shared.opts, name, value)

    yield change
    for name, value in before.items():
        setattr(shared.opts, name, value)


def samplers():
    from modules import sd_samplers

    return list(sd_samplers.all_samplers_map)


def schedules():
    from modules import sd_schedulers

    return [schedule.label for schedule in sd_schedulers.schedulers if schedule.function]


def map_of(*greys: int, **keys) -> dict:
    return {"map": base64_of(columns(*greys))} | keys


def encoded(host, picture: Image.Image) -> torch.Tensor:
    return host.model.encode_first_stage(torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None] / 127.5 - 1)


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image).astype(int)


@pytest.mark.parametrize("fix_steps", [False, True])
@pytest.mark.parametrize("sampler", samplers())
def test_a_uniform_map_is_plain_img2img(host, option, sampler, fix_steps):
    option(img2img_fix_steps=fix_steps)
    for grey in (255, 102, 77):
        plain = host.img2img(PICTURE, sampler_name=sampler, denoising_strength=STRENGTH * grey / 255)
        effect = map_of(grey, grey, keep_exact=False)
        ours = host.img2img(PICTURE, effect, sampler_name=sampler, denoising_strength=STRENGTH)
        assert torch.equal(ours.latent, plain.latent) and np.array_equal(ours.images[0], plain.images[0])
        assert ours.levels == plain.levels


def test_a_host_that_still_starts_makes_plain_pictures(host):
    """For some seconds Forge answers requests before it has laid out its scripts' arguments: there are none."""
    plain = host.img2img(PICTURE)
    starting = host.img2img(PICTURE, script_args=[])
    assert np.array_equal(starting.images[0], plain.images[0])
    assert "Differential Diffusion" not in starting.infotext


@pytest.mark.parametrize("sampler", TOLERANCES)
def test_every_region_of_a_map_is_its_plain_run(host, sampler):
    tolerance = TOLERANCES[sampler]
    tolerance = tolerance[0] if isinstance(tolerance, tuple) else tolerance
    ours = host.img2img(PICTURE, map_of(*LEVELS), sampler_name=sampler, denoising_strength=STRENGTH)
    strongest = None
    for column, grey in reversed(list(enumerate(LEVELS))):
        plain = encoded(host, PICTURE)
        if grey:
            run = host.img2img(PICTURE, sampler_name=sampler, denoising_strength=STRENGTH * grey / 255)
            plain = run.latent
            strongest = strongest or run
        region = np.s_[..., 2 * column : 2 * column + 2]
        assert (ours.latent - plain)[region].abs().max() <= tolerance, grey
        if grey != LEVELS[-1]:
            assert (ours.latent - strongest.latent)[region].abs().max() > 0.3, "regions must differ to say anything"
    assert ours.levels == strongest.levels


@pytest.mark.parametrize("steps", [7, 24, 59])
@pytest.mark.parametrize("schedule", schedules())
@pytest.mark.parametrize("sampler", ["Euler", "DPM++ 2M"])
def test_every_schedule_type(host, sampler, schedule, steps):
    """Some have more levels than steps, and some do not end at 0."""
    options = {"sampler_name": sampler, "scheduler": schedule, "steps": steps}
    ours = host.img2img(PICTURE, map_of(0, 3, 128, 255), **options)
    strongest = host.img2img(PICTURE, **options)
    half = host.img2img(PICTURE, denoising_strength=STRENGTH * 128 / 255, **options)
    weakest = host.img2img(PICTURE, denoising_strength=STRENGTH * 3 / 255, **options)
    for column, plain in enumerate((encoded(host, PICTURE), weakest.latent, half.latent, strongest.latent)):
        region = np.s_[..., 2 * column : 2 * column + 2]
        assert (ours.latent - plain)[region].abs().max() <= TOLERANCES[sampler], column
    assert ours.levels == strongest.levels and weakest.levels


@pytest.mark.parametrize("sampler", samplers())
def test_a_black_map_is_the_input_and_costs_nothing(host, sampler):
    ours = host.img2img(PICTURE, map_of(0, 0), sampler_name=sampler)
    assert np.array_equal(ours.images[0], PICTURE) and ours.levels == []


@pytest.mark.parametrize("sampler", samplers())
def test_levels_above_the_strongest_cell_are_never_computed(host, sampler):
    ours = host.img2img(PICTURE, map_of(0, 64, 128, 128), sampler_name=sampler, denoising_strength=STRENGTH)
    strongest = host.img2img(PICTURE, sampler_name=sampler, denoising_strength=STRENGTH * 128 / 255)
    full = host.img2img(PICTURE, sampler_name=sampler, denoising_strength=STRENGTH)
    assert ours.levels == strongest.levels and len(ours.levels) < 0.7 * len(full.levels)
    assert f"Denoising strength: {STRENGTH}," in ours.infotext
    assert ours.processed.denoising_strength == STRENGTH and ours.p.denoising_strength == STRENGTH


def test_ddim_keeps_cells_that_no_step_reaches(host):
    """Plain DDIM makes no call below two steps' strength and returns noise; here such cells are the original."""
    ours = host.img2img(PICTURE, map_of(12, 12, 128, 255), sampler_name="DDIM", denoising_strength=STRENGTH)
    assert torch.equal(ours.latent[..., :4], encoded(host, PICTURE)[..., :4])
    alone = host.img2img(PICTURE, map_of(12, 12), sampler_name="DDIM", denoising_strength=STRENGTH)
    assert torch.equal(alone.latent, encoded(host, PICTURE))


@pytest.mark.parametrize("sampler", samplers())
def test_a_batch_is_its_single_runs(host, sampler):
    options = {"sampler_name": sampler, "denoising_strength": STRENGTH}
    singles = [host.img2img(PICTURE, map_of(*LEVELS), seed=seed, **options).images[0] for seed in (7, 8, 9, 10)]
    batch = host.img2img(PICTURE, map_of(*LEVELS), seed=7, batch_size=2, n_iter=2, **options).images
    assert len(batch) == 4
    for single, together in zip(singles, batch):
        assert np.abs(pixels(single) - pixels(together)).max() <= (0 if sampler != "DPM++ 2M SDE" else 1)
    again = host.img2img(PICTURE, map_of(*LEVELS), seed=7, **options).images[0]
    assert np.array_equal(again, singles[0])


class TestNothingStays:
    def test_disabled_is_absent_also_right_after_a_run(self, host):
        plain = host.img2img(PICTURE)
        host.img2img(PICTURE, map_of(*LEVELS))
        for off in (None, {"enabled": False}, {"enabled": False, "softness": -1}):
            ours = host.img2img(PICTURE, off)
            assert torch.equal(ours.latent, plain.latent) and np.array_equal(ours.images[0], plain.images[0])
            assert ours.infotext == plain.infotext

    def test_p_is_as_it_was(self, host):
        mask = Image.fromarray(columns(0, 255))
        p = StableDiffusionProcessingImg2Img(
            sd_model=host.model, width=64, height=64, mask=mask, mask_blur=3, init_images=[PICTURE], steps=20, seed=7
        )
        touched = ["denoising_strength", "image_mask", "latent_mask", "mask_blur_x", "mask_blur_y", "mask_round"]
        touched += [
            "inpaint_full_res",
            "inpaint_full_res_padding",
            "inpainting_fill",
            "inpainting_mask_invert",
            "resize_mode",
            "init_images",
        ]
        before = {name: getattr(p, name) for name in touched}
        sampler = host.img2img(PICTURE, map_of(*LEVELS), p=p).p.sampler
        assert {name: getattr(p, name) for name in touched} == before
        assert not {"init", "sample", "differential_diffusion_run"} & set(vars(p))
        assert "sample_img2img" not in vars(sampler)
        assert not sampler.model_wrap_cfg._forward_pre_hooks and not sampler.model_wrap_cfg._forward_hooks

    def test_a_host_with_one_field_for_both_blurs(self, host):
        def masked():
            options = {"width": 64, "height": 64, "mask": Image.fromarray(columns(0, 255)), "mask_blur": 3}
            return StableDiffusionProcessingImg2Img(
                sd_model=host.model, init_images=[PICTURE], steps=20, seed=7, **options
            )

        class OneBlur(StableDiffusionProcessingImg2Img):
            """As on Forge Neo."""

            mask_blur_x = mask_blur_y = property(lambda self: self.mask_blur)

        p = masked()
        del p.mask_blur_x, p.mask_blur_y
        p.__class__ = OneBlur
        ours = host.img2img(PICTURE, {"source": "mask"}, p=p)
        assert torch.equal(ours.latent, host.img2img(PICTURE, {"source": "mask"}, p=masked()).latent)
        assert p.mask_blur == 3 and "mask_blur_x" not in vars(p)

    def test_a_run_on_the_same_p_is_a_run_of_its_own(self, host):
        first = host.img2img(PICTURE, map_of(0, 128))
        again = host.img2img(PICTURE, map_of(0, 128), p=first.p)
        assert torch.equal(first.latent, again.latent)
        off = host.img2img(PICTURE, None, p=first.p)
        assert torch.equal(off.latent, host.img2img(PICTURE).latent)
        assert "Differential Diffusion" not in off.infotext

    @pytest.mark.parametrize("failing_call", [0, 3])
    def test_an_error_in_the_model_leaves_nothing_hooked(self, host, failing_call):
        def fail(model):
            if len(model.levels) == failing_call + 1:
                raise RuntimeError("the model broke")

        p = StableDiffusionProcessingImg2Img(sd_model=host.model, width=64, height=64, init_images=[PICTURE], steps=20)
        host.model.hook = fail
        try:
            with pytest.raises(RuntimeError, match="the model broke"):
                host.img2img(PICTURE, map_of(*LEVELS), p=p)
        finally:
            host.model.hook = None
        assert not {"init", "sample", "differential_diffusion_run"} & set(vars(p))
        assert not p.sampler.model_wrap_cfg._forward_pre_hooks and not p.sampler.model_wrap_cfg._forward_hooks
        assert p.denoising_strength == 0.75
        assert torch.equal(host.img2img(PICTURE).latent, host.img2img(PICTURE, {"enabled": False}).latent)

    def test_a_bad_setting_ends_the_run_with_its_message(self, host):
        for bad in (map_of(0, 255, softness=-1), {"map": "/etc/passwd"}, {}, map_of(0, 255, strength=1)):
            with pytest.raises(BadSetting, match="^Differential Diffusion: (softness|map|strength): "):
                host.img2img(PICTURE, bad)
            assert host.model.levels == []
        assert "Differential Diffusion" not in host.img2img(PICTURE).infotext

    def test_the_global_generator_is_left_alone(self, host):
        torch.manual_seed(5)
        expected = torch.randn(3)
        torch.manual_seed(5)
        host.img2img(PICTURE, map_of(*LEVELS, softness=4), mask=Image.fromarray(columns(0, 255)), inpainting_fill=0)
        assert torch.equal(torch.randn(3), expected)


@pytest.mark.parametrize("interrupted_call", [1, 8, 13])
def test_after_an_interrupt_cells_not_yet_released_are_the_input(host, interrupted_call):
    def interrupt(model):
        if len(model.levels) == interrupted_call:
            shared.state.interrupted = True

    host.model.hook = interrupt
    try:
        ours = host.img2img(PICTURE, map_of(*LEVELS), sampler_name="Euler", denoising_strength=STRENGTH)
    finally:
        host.model.hook = None
    original = encoded(host, PICTURE)
    for column, grey in enumerate(LEVELS):
        begins = 17 - (int(STRENGTH * grey / 255 * 20) + 1 if grey else 0)
        region = np.s_[..., 2 * column : 2 * column + 2]
        assert torch.equal(ours.latent[region], original[region]) == (begins >= interrupted_call), grey


@pytest.mark.parametrize("sampler", ["Euler", "DDIM", "UniPC"])
def test_the_live_preview_shows_cells_not_yet_released_as_the_input(host, sampler):
    """People follow a run there, and stop one that seems to lose what was to be kept."""
    shown = []

    def note(_):
        if shared.state.current_latent is not None:  # of the call before
            shown.append(shared.state.current_latent.clone())

    host.model.hook = note
    store_latent = sd_samplers_common.store_latent
    try:
        host.img2img(PICTURE, map_of(*LEVELS), sampler_name=sampler, denoising_strength=STRENGTH)
    finally:
        host.model.hook = None
    original = encoded(host, PICTURE)
    for column, grey in enumerate(LEVELS):
        region = np.s_[..., 2 * column : 2 * column + 2]
        waits = [torch.equal(latent[region], original[region]) for latent in shown]
        alone = host.img2img(PICTURE, sampler_name=sampler, denoising_strength=STRENGTH * grey / 255).levels
        assert waits == sorted(waits, reverse=True)
        assert sum(waits) == len(shown) - len(alone[:-1]), grey
    assert sd_samplers_common.store_latent is store_latent


def test_extra_noise_and_noise_multiplier(host, option):
    """Cells that are free from the start keep what the host adds to the first state; later ones start from the run's
    own noise, multiplied alike."""
    option(img2img_extra_noise=0.1)
    ours = host.img2img(PICTURE, map_of(0, 128, 255, 255), initial_noise_multiplier=0.9, sampler_name="Euler")
    plain = host.img2img(PICTURE, initial_noise_multiplier=0.9, sampler_name="Euler")
    assert torch.equal(ours.latent[..., 4:], plain.latent[..., 4:])
    option(img2img_extra_noise=0.0)
    half = host.img2img(PICTURE, initial_noise_multiplier=0.9, sampler_name="Euler", denoising_strength=0.8 * 128 / 255)
    assert torch.equal(ours.latent[..., 2:4], half.latent[..., 2:4])


class TestGeometry:
    @pytest.mark.parametrize("resize_mode", [0, 1, 2, 3])
    @pytest.mark.parametrize("size", [(64, 64), (96, 48), (50, 90)])
    @pytest.mark.parametrize("map_size", [(64, 64), (200, 30)])
    def test_the_map_follows_the_picture_and_kept_pixels_are_bit_equal(self, host, resize_mode, size, map_size):
        """The map's black left half belongs to the input's left half, wherever the resize mode puts that."""
        picture = photograph(size)
        effect = {"map": base64_of(columns(0, 255, size=map_size))}
        ours = host.img2img(picture, effect, width=64, height=64, resize_mode=resize_mode)
        from modules import images

        given = images.resize_image(0 if resize_mode == 3 else resize_mode, picture, 64, 64)
        same = (pixels(ours.images[0]) == pixels(given)).all(axis=2)
        covered = np.ones((64, 64), bool)
        if resize_mode == 2:
            width, height = (64 * side // max(size) for side in size)
            covered[:] = False
            covered[32 - height // 2 :, 32 - width // 2 :][:height, :width] = True
            assert same[~covered].sum() <= 0.2 * (~covered).sum(), "beyond the picture there is nothing to keep"
        assert ours.images[0].size == (64, 64)
        kept = (same | ~covered).all(axis=0)
        assert kept[:32].all()
        assert not same.all(axis=0)[40:].any()

    def test_no_seam_at_the_border_of_the_kept_part(self, host):
        """The step across the border stays within what the picture itself does from pixel to pixel."""
        ours = pixels(host.img2img(PICTURE, map_of(0, 255), denoising_strength=0.9).images[0])
        original = pixels(PICTURE)
        step = np.abs(ours[:, 32] - ours[:, 31]).mean()
        assert step <= 1.5 * np.abs(np.diff(original, axis=1)).mean()

    def test_only_masked_pastes_back_into_a_picture_that_is_bit_equal_outside(self, host):
        picture = photograph((160, 120))
        mask = Image.new("L", picture.size)
        mask.paste(255, (40, 30, 80, 70))
        for softness in (0, 4):
            ours = host.img2img(
                picture,
                {"source": "mask", "softness": softness},
                width=64,
                height=64,
                mask=mask,
                inpaint_full_res=True,
                inpaint_full_res_padding=8,
            )
            changed = (pixels(ours.images[0]) != pixels(picture)).any(axis=2)
            reach = 3 * softness
            box = np.s_[30 - reach : 70 + reach, 40 - reach : 80 + reach]
            outside = changed.copy()
            outside[box] = False
            assert ours.images[0].size == picture.size and not outside.any()
            assert changed[38:62, 48:72].mean() > 0.9

    def test_only_masked_without_keep_exact_is_still_pasted_back(self, host):
        picture = photograph((160, 120))
        mask = Image.new("L", picture.size)
        mask.paste(255, (40, 30, 80, 70))
        effect = {"source": "mask", "keep_exact": False}
        ours = host.img2img(picture, effect, width=64, height=64, mask=mask, mask_blur=0, inpaint_full_res=True)
        assert ours.images[0].size == picture.size
        changed = (pixels(ours.images[0]) != pixels(picture)).any(axis=2)
        assert not changed[:, :38].any() and not changed[:, 84:].any() and changed[34:66, 44:76].mean() > 0.9

    @pytest.mark.parametrize("inverted", [0, 1])
    def test_the_hosts_mask_multiplies_the_map(self, host, inverted):
        mask = Image.fromarray(columns(0, 255))
        options = {"mask": mask, "inpainting_mask_invert": inverted, "inpaint_full_res": False, "inpainting_fill": 1}
        ours = host.img2img(PICTURE, map_of(128, 128), **options)
        plain = host.img2img(PICTURE, denoising_strength=0.8 * 128 / 255)
        kept, open_ = (np.s_[..., :4], np.s_[..., 4:]) if not inverted else (np.s_[..., 4:], np.s_[..., :4])
        assert torch.equal(ours.latent[open_], plain.latent[open_])
        assert torch.equal(ours.latent[kept], encoded(host, PICTURE)[kept])

    @pytest.mark.parametrize("fill", [0, 1, 2, 3])
    def test_fills_start_the_masked_part_and_leave_the_rest(self, host, fill):
        """White inside the mask: as the host's own inpainting there, with its mask unblurred."""
        mask = Image.fromarray(columns(0, 255))
        options = {"inpaint_full_res": False, "inpainting_fill": fill, "mask": mask}
        ours = host.img2img(PICTURE, {"source": "mask"}, **options)
        hosts = host.img2img(PICTURE, mask_blur=0, **options)
        assert torch.equal(ours.latent[..., :4], encoded(host, PICTURE)[..., :4])
        assert (ours.latent - hosts.latent)[..., 4:].abs().max() < 1e-5

    def test_keep_exact_off_lets_the_autoencoder_through(self, host):
        ours = host.img2img(PICTURE, map_of(0, 255, keep_exact=False))
        coarse = pixels(ours.images[0])[:, :32].reshape(8, 8, 4, 8, 3)
        assert (coarse == coarse[:, :1, :, :1]).all(), "the stand-in autoencoder knows cells only"
        assert "Differential Diffusion keep exact: False" in ours.infotext

    def test_keep_exact_wins_over_the_hosts_overlay_option(self, host, option):
        option(overlay_inpaint=False)
        ours = host.img2img(PICTURE, map_of(0, 255))
        assert np.array_equal(pixels(ours.images[0])[:, :32], pixels(PICTURE)[:, :32])


class TestSources:
    def test_every_part_of_a_fan_is_its_plain_run(self, host):
        strengths = [0.9, 0.3, 0.0, 0.6]
        ours = host.img2img(PICTURE, {"source": "fan", "fan_strengths": strengths}, denoising_strength=0.1)
        for column, strength in enumerate(strengths):
            plain = host.img2img(PICTURE, denoising_strength=strength).latent if strength else encoded(host, PICTURE)
            region = np.s_[..., 2 * column : 2 * column + 2]
            assert (ours.latent - plain)[region].abs().max() <= 1e-5, strength
        assert len(ours.levels) == len(host.img2img(PICTURE, denoising_strength=0.9).levels)
        assert np.array_equal(pixels(ours.images[0])[:, 32:48], pixels(PICTURE)[:, 32:48])
        assert "Denoising strength: 0.1," in ours.infotext
        assert "Differential Diffusion fan: 0.9 0.3 0 0.6" in ours.infotext

    @pytest.mark.parametrize("size", [(64, 64), (24, 64)])
    def test_what_is_picked_is_what_was_seen(self, host, size):
        """Over a grey map that does not fill the picture: each column as the map gives it at that strength."""
        grey = np.zeros((64, 64), np.uint8)
        grey[8:56, : size[0]] = np.linspace(150, 255, size[0])
        fan = host.img2img(PICTURE, {"source": "fan", "fan_strengths": [0.3, 0.6, 0.9], "map": base64_of(grey)})
        said = re.search("fan pixels: ([0-9 -]+)", fan.infotext)[1]
        starts = [int(part.split("-")[0]) // 8 for part in said.split()]
        for strength, start, end in zip((0.3, 0.6, 0.9), starts, [*starts[1:], size[0] // 8]):
            picked = host.img2img(PICTURE, {"map": base64_of(grey)}, denoising_strength=strength)
            assert torch.equal(fan.latent[..., start:end], picked.latent[..., start:end])

    def test_a_fan_with_a_map_fans_out_only_there(self, host):
        half = columns(0, 255).T
        effect = {"source": "fan", "fan_strengths": [0.4, 0.8], "map": base64_of(np.ascontiguousarray(half))}
        ours = host.img2img(PICTURE, effect)
        assert np.array_equal(pixels(ours.images[0])[:32], pixels(PICTURE)[:32])
        assert torch.equal(ours.latent[..., 4:, 4:], host.img2img(PICTURE, denoising_strength=0.8).latent[..., 4:, 4:])
        assert torch.equal(ours.latent[..., 4:, :4], host.img2img(PICTURE, denoising_strength=0.4).latent[..., 4:, :4])

    def test_more_parts_than_cells_are_refused(self, host):
        with pytest.raises(BadSetting, match="fan_strengths: 10 strengths do not fit.* at most 8 do"):
            host.img2img(PICTURE, {"source": "fan", "fan_count": 10})

    def test_soft_inpainting_needs_a_mask(self, host):
        with pytest.raises(BadSetting, match='source: "mask" needs an inpaint mask; the request has no "mask"'):
            host.img2img(PICTURE, {"source": "mask"})

    def test_minimum_lets_the_rest_follow(self, host):
        options = {"mask": Image.fromarray(columns(0, 255)), "inpaint_full_res": False, "inpainting_fill": 1}
        ours = host.img2img(PICTURE, {"source": "mask", "minimum": 0.25}, **options)
        low = host.img2img(PICTURE, denoising_strength=0.2)
        assert torch.equal(ours.latent[..., :4], low.latent[..., :4])
        assert torch.equal(ours.latent[..., 4:], host.img2img(PICTURE).latent[..., 4:])

    def test_white_keeps_turns_the_map_round(self, host):
        turned = host.img2img(PICTURE, map_of(255, 191, 127, 0, polarity="white keeps"))
        assert torch.equal(turned.latent, host.img2img(PICTURE, map_of(0, 64, 128, 255)).latent)


class TestWhatChanged:
    """The heat map of what changed: one for each picture, after the pictures of the run."""

    def test_each_picture_has_its_own(self, host):
        ours = host.img2img(PICTURE, map_of(0, 0, 128, 255, show_change=True), n_iter=2)
        plain = host.img2img(PICTURE, map_of(0, 0, 128, 255), n_iter=2)
        assert len(ours.images) == 4 and len(plain.images) == 2
        for index in range(2):
            assert np.array_equal(pixels(ours.images[index]), pixels(plain.images[index])), "it only looks"
            heat = pixels(ours.images[2 + index])
            rows = heat.shape[1] * PICTURE.height // PICTURE.width
            brightness = heat[-rows:].mean(axis=(0, 2)).reshape(4, -1).mean(axis=1)
            assert (np.diff(brightness) > 0).all()
        texts = ours.processed.infotexts[ours.processed.index_of_first_image :]
        figures = [
            re.search(r"Differential Diffusion CAM: (\S+), Differential Diffusion DAM: (\S+)", text) for text in texts
        ]
        assert [bool(found) for found in figures] == [False, False, True, True]
        assert all(0.5 < float(found[1]) <= 1 for found in figures[2:])
        assert all(re.search(rf"picture {index}: the change .* \(CAM 0\.", ours.processed.comments) for index in (1, 2))
        assert "CAM" not in plain.processed.comments and "CAM" not in str(plain.processed.infotexts)

    def test_only_masked_shows_the_crop(self, host):
        mask = Image.fromarray(np.pad(np.full((24, 24), 255, np.uint8), 20))
        options = {"mask": mask, "inpaint_full_res": True, "inpaint_full_res_padding": 8, "inpainting_fill": 1}
        ours = host.img2img(PICTURE, {"source": "mask", "show_change": True}, **options)
        box = ours.p.paste_to
        assert ours.images[1].width % box[2] == 0 and ours.images[1].width % PICTURE.width != 0

    def test_a_fan_has_both_pictures(self, host):
        ours = host.img2img(PICTURE, {"source": "fan", "fan_count": 2, "show_change": True})
        kinds = [re.search("Differential Diffusion picture: ([a-z ]+)", text) for text in ours.processed.infotexts]
        assert [found and found[1] for found in kinds] == ["labelled fan", None, "what changed"]
        assert ours.processed.index_of_first_image == 1 and len(ours.processed.images) == 3

    def test_a_program_finds_its_picture_where_it_was(self, host):
        p = StableDiffusionProcessingImg2Img(sd_model=host.model, width=64, height=64, init_images=[PICTURE], steps=4)
        p.is_api = True
        ours = host.img2img(PICTURE, {"source": "fan", "fan_count": 2}, p=p)
        assert "picture: labelled fan" not in ours.processed.infotexts[0]
        assert "picture: labelled fan" in ours.processed.infotexts[1]

    def test_nothing_is_measured_when_off(self, host, monkeypatch):
        monkeypatch.setattr("differential_diffusion.change_picture.measure", lambda *_: pytest.fail("measured"))
        host.img2img(PICTURE, map_of(0, 255))

    def test_a_uniform_map_says_why_it_has_no_figures(self, host):
        ours = host.img2img(PICTURE, map_of(255, show_change=True))
        assert len(ours.images) == 2 and "the same everywhere" in ours.processed.comments


@pytest.mark.parametrize(
    ("effect", "mask", "said"),
    [
        (map_of(0), None, "nothing was changed: the change map is black everywhere"),
        (map_of(255, polarity="white keeps"), None, "the change map is white everywhere, and white keeps"),
        (map_of(255, 0), columns(0, 255), "the change map is black everywhere inside the inpaint mask"),
        ({"source": "mask"}, columns(0), "nothing was changed: the inpaint mask is black everywhere"),
        ({"source": "fan"}, columns(0), "nothing was changed: the inpaint mask is black everywhere"),
        (map_of(0, 1), None, "almost nothing was changed: the change map is 0.4% or less everywhere"),
    ],
)
def test_a_run_that_changes_nothing_says_so(host, effect, mask, said):
    run = host.img2img(PICTURE, effect, mask=None if mask is None else Image.fromarray(mask), steps=4, n_iter=2)
    assert run.processed.comments.count(said) == 1
    assert "was changed" not in host.img2img(PICTURE, map_of(0, 9), steps=4).processed.comments


def test_the_plots_axes_offer_values_that_the_settings_take(monkeypatch):
    class AxisOptionImg2Img:
        def __init__(self, label, type, apply, choices=None, confirm=None):
            self.label, self.choices = label, choices

    plot = SimpleNamespace(axis_options=[AxisOptionImg2Img("Steps", int, None)])
    monkeypatch.setattr(scripts, "scripts_data", [SimpleNamespace(module=plot)])
    axes.add_plot_axes()
    offered = {axis.label: axis.choices() for axis in plot.axis_options if axis.choices}
    assert offered == {
        "[Differential Diffusion] Source": ["map", "mask", "fan", "auto"],
        "[Differential Diffusion] Auto": ["prompt", "luminance", "saturation", "detail"],
    }


def test_levels_of_a_map_and_of_a_mask(host):
    """Levels before: the map that they make, drawn by hand, gives the same picture."""
    grey = np.array([0, 64, 128, 255])
    levels = {"black": 0.1, "white": 0.8, "gamma": 2}
    drawn = ((grey / 255 - 0.1) / 0.7).clip(0, 1) ** 2 * 255
    by_hand = host.img2img(PICTURE, map_of(*drawn.round().astype(int)))
    ours = host.img2img(PICTURE, map_of(*grey, **levels))
    assert torch.equal(ours.latent, by_hand.latent)
    assert not torch.equal(ours.latent, host.img2img(PICTURE, map_of(*grey)).latent)
    masked = host.img2img(PICTURE, {"source": "mask"} | levels, mask=Image.fromarray(columns(*grey)), inpainting_fill=1)
    assert torch.equal(masked.latent, by_hand.latent)
    assert (
        "Differential Diffusion black: 0.1, Differential Diffusion white: 0.8, Differential Diffusion gamma: 2.0"
        in (ours.infotext)
    )


def test_infotext_is_written_only_by_a_run_that_was_pinned(host):
    ours = host.img2img(PICTURE, map_of(0, 255, softness=4))
    assert "Differential Diffusion: map," in ours.infotext and "Differential Diffusion softness: 4.0" in ours.infotext
    assert "base64" not in ours.processed.js() and len(ours.processed.js()) < 5000


def test_pictures_of_a_batch_must_agree_in_size(host):
    p = StableDiffusionProcessingImg2Img(
        sd_model=host.model, width=64, height=64, batch_size=2, init_images=[PICTURE, photograph((32, 64))], steps=4
    )
    with pytest.raises(ValueError, match="must have one size"):
        host.img2img(PICTURE, map_of(0, 255), p=p)


def detail(image: Image.Image) -> np.ndarray:
    """What lies inside of the 8 x 8 cells, which the pointwise model's autoencoder loses."""
    cells = pixels(image).reshape(8, 8, 8, 8, 3)
    return (cells - cells.mean(axis=(1, 3), keepdims=True)).reshape(64, 64, 3)


def test_weak_parts_get_their_texture_back_and_strong_ones_stay_as_they_are(host):
    """20 steps at strength 1: columns of strength 0.02, 0.2, 0.5 and 1."""
    options = {"denoising_strength": 1.0, "sampler_name": "Euler"}
    greys = (5, 51, 128, 255)
    ours, raw = (host.img2img(PICTURE, map_of(*greys, keep_exact=keep), **options) for keep in (True, False))
    assert torch.equal(ours.latent, raw.latent) and (ours.decoded, raw.decoded) == (2, 1)
    lost = [
        np.abs(detail(run.images[0]) - detail(PICTURE)).reshape(64, 4, 16, 3).mean(axis=(0, 2, 3))
        for run in (ours, raw)
    ]
    assert lost[0][0] < 0.5 * lost[1][0] and lost[0][1] < lost[1][1]
    assert np.array_equal(pixels(ours.images[0])[:, 32:], pixels(raw.images[0])[:, 32:])


def test_the_input_is_decoded_once_for_all_pictures_of_a_run(host):
    effect = map_of(10, 20, 30, 255)
    runs = [host.img2img(PICTURE, effect, seed=seed) for seed in range(7, 11)]
    many = host.img2img(PICTURE, effect, batch_size=2, n_iter=2)
    assert many.decoded == 4 + 1
    assert all(np.array_equal(image, run.images[0]) for image, run in zip(many.images, runs, strict=True))


@pytest.mark.parametrize("effect", [map_of(0, 255), {"source": "fan", "fan_strengths": [0.1, 1.0]}], ids=["map", "fan"])
def test_without_weak_parts_or_in_a_fan_nothing_is_decoded_beside_the_result(host, effect):
    assert host.img2img(PICTURE, effect).decoded == 1


def test_a_strength_without_a_step_keeps_the_picture_bit_for_bit(host):
    """DDIM denoises int(S * steps) - 1 times: at S = 0.09 and 20 steps never."""
    ours = host.img2img(PICTURE, map_of(23, 23, 255, 255), sampler_name="DDIM", denoising_strength=1.0)
    assert np.array_equal(pixels(ours.images[0])[:, :32], pixels(PICTURE)[:, :32])
    assert not np.array_equal(pixels(ours.images[0])[:, 40:], pixels(PICTURE)[:, 40:])


def test_filled_parts_get_nothing_of_what_was_there(host):
    """The masked right half is filled from its surroundings and changed a little: the old detail must not come back."""
    mask = Image.fromarray(columns(0, 255))
    options = {"mask": mask, "inpaint_full_res": False, "mask_blur": 0}
    for fill, is_filled in ((0, True), (1, False)):
        ours, raw = (
            host.img2img(PICTURE, map_of(20, keep_exact=keep), inpainting_fill=fill, **options)
            for keep in (True, False)
        )
        assert np.array_equal(pixels(ours.images[0])[:, 48:], pixels(raw.images[0])[:, 48:]) == is_filled


def test_texture_in_a_crop_is_given_back_at_the_crops_own_scale(host):
    mask = Image.fromarray(np.zeros((64, 64), np.uint8))
    mask.paste(255, (16, 16, 48, 48))
    options = {
        "mask": mask,
        "inpaint_full_res": True,
        "inpaint_full_res_padding": 0,
        "inpainting_fill": 1,
        "mask_blur": 0,
    }
    inside = np.s_[24:40, 24:40]
    ours, raw = (
        host.img2img(PICTURE, map_of(13, keep_exact=keep), denoising_strength=1.0, **options) for keep in (True, False)
    )
    lost = [np.abs(pixels(run.images[0]) - pixels(PICTURE))[inside].mean() for run in (ours, raw)]
    assert lost[0] < 0.7 * lost[1]


def test_an_autoencoder_that_makes_no_numbers_of_the_input_leaves_the_result_as_it_is(host, monkeypatch):
    raw = host.img2img(PICTURE, map_of(20, 255, keep_exact=False))
    decode, calls = host.model.decode_first_stage, []

    def second_time_not_finite(latents):
        calls.append(latents)
        return decode(latents) * (np.nan if len(calls) > 1 else 1)

    monkeypatch.setattr(host.model, "decode_first_stage", second_time_not_finite)
    ours = host.img2img(PICTURE, map_of(20, 255))
    assert np.array_equal(ours.images[0], raw.images[0]) and len(calls) == 2
    assert "not finite" in ours.processed.comments


def test_a_half_precision_autoencoder_that_overflows_is_caught(host, monkeypatch):
    """One in float16 with an exponential inside: beyond 65504 for the input's brightest cell, within for the result."""
    picture = Image.new("RGB", PICTURE.size, (60, 60, 60))
    picture.paste("white", (48, 32, 56, 40))
    options = {"sampler_name": "Euler", "denoising_strength": 0.3}
    raw = host.img2img(picture, map_of(20, 255, keep_exact=False), **options)
    gain = np.log(65504) / float((encoded(host, picture).max() + raw.latent.max()) / 2)
    decode = host.model.decode_first_stage

    def in_half(latents):
        return decode((latents.half() * gain).exp().log1p().float() / gain)

    monkeypatch.setattr(host.model, "decode_first_stage", in_half)
    assert not in_half(encoded(host, picture)).isfinite().all() and in_half(raw.latent).isfinite().all()
    raw, ours = (host.img2img(picture, map_of(20, 255, keep_exact=keep), **options) for keep in (False, True))
    assert np.array_equal(ours.images[0], raw.images[0])
    assert "not finite" in ours.processed.comments


def test_no_memory_for_one_more_decoding_is_said(host, monkeypatch):
    decode = host.model.decode_first_stage

    def decode_the_result_only(latents):
        if host.model.decoded:
            raise torch.cuda.OutOfMemoryError
        return decode(latents)

    monkeypatch.setattr(host.model, "decode_first_stage", decode_the_result_only)
    ours = host.img2img(PICTURE, map_of(20, 255))
    assert "lost some detail, since there was not enough memory to decode the input" in ours.processed.comments


def test_an_autoencoder_that_enlarges_is_said(host, monkeypatch):
    decode = host.model.decode_first_stage
    monkeypatch.setattr(
        host.model,
        "decode_first_stage",
        lambda latents: torch.nn.functional.interpolate(decode(latents), scale_factor=2),
    )
    ours = host.img2img(PICTURE, map_of(20, 255))
    assert ours.images[0].size == (128, 128)
    assert "lost some detail, since the decoded picture has another size" in ours.processed.comments


@pytest.mark.parametrize("size", [(128, 128), (32, 48)])
def test_what_is_kept_stays_in_its_place_when_another_extension_enlarges_the_picture(host, monkeypatch, size):
    """As the WebUIs' postprocessing operations do, before the host lays a picture together."""
    postprocess_image = host.runner.postprocess_image

    def enlarge(p, picture):
        picture.image = picture.image.resize(size)
        postprocess_image(p, picture)

    monkeypatch.setattr(host.runner, "postprocess_image", enlarge)
    ours = host.img2img(PICTURE, map_of(0, 255), sampler_name="Euler").images[0]
    expected = pixels(PICTURE.resize(size, Image.Resampling.LANCZOS))
    assert ours.size == size
    left, right = np.abs(pixels(ours) - expected)[:, : size[0] // 2 - 4], pixels(ours)[:, size[0] // 2 + 8 :]
    assert left.max() <= 1 and np.abs(right - expected[:, size[0] // 2 + 8 :]).mean() > 5
