"""The host's inpaint masks: the crop that everyone sees, masks and maps that leave nothing to change, greys."""

import itertools

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from pointwise import base64_of, columns, photograph

from differential_diffusion.host import grey_masks
from modules import images, img2img, masking, scripts
from modules.processing import StableDiffusionProcessingImg2Img

PICTURE = photograph((160, 120))
BOX = (60, 40, 100, 80)


class Onlooker(scripts.Script):
    """Another script, which looks at `p` where ControlNet, ADetailer and others do."""

    args_from = args_to = 0
    filename = "onlooker.py"

    def __init__(self, process=lambda p: None):
        self.crops = {}
        self._process = process

    def process(self, p):
        self._process(p)
        self.crops["process"] = crop_of(p)

    def before_process_batch(self, p, **_):
        self.crops["before_process_batch"] = crop_of(p)


def crop_of(p):
    """The crop that "Only masked" makes of what stands on `p`, as other extensions compute it."""
    mask = p.image_mask.convert("L")
    mask = np.array(ImageOps.invert(mask) if p.inpainting_mask_invert else mask)
    for sigma, along in ((p.mask_blur_x, 0), (p.mask_blur_y, 1)):
        if sigma:
            size = [1, 1]
            size[along] = 2 * int(2.5 * sigma + 0.5) + 1
            mask = cv2.GaussianBlur(mask, size, sigma)
    box = masking.get_crop_region_v2(Image.fromarray(mask), p.inpaint_full_res_padding)
    return masking.expand_crop_region(box, p.width, p.height, mask.shape[1], mask.shape[0])


def run(host, effect, onlooker=None, **options):
    mask = Image.new("L", PICTURE.size)
    mask.paste(255, BOX)
    defaults = {"width": 64, "height": 64, "mask": mask, "inpaint_full_res": True, "inpainting_fill": 1}
    host.runner.alwayson_scripts.insert(0, onlooker or Onlooker())
    try:
        return host.img2img(PICTURE, effect, **(defaults | {"steps": 4, "mask_blur": 4} | options))
    finally:
        del host.runner.alwayson_scripts[0]


def box_of(paste_to):
    x, y, width, height = paste_to
    return x, y, x + width, y + height


class TestCrop:
    @pytest.mark.parametrize("effect", [{"source": "mask"}, {"source": "mask", "softness": 10, "minimum": 0.1}])
    @pytest.mark.parametrize(("softness", "blur", "padding"), itertools.product((0, 6), (0, 4), (0, 20)))
    def test_everyone_sees_the_crop_of_the_run(self, host, effect, softness, blur, padding):
        onlooker = Onlooker()
        effect = {"softness": softness, **effect}
        ours = run(host, effect, onlooker, mask_blur=blur, inpaint_full_res_padding=padding)
        crop = box_of(ours.p.paste_to)
        assert onlooker.crops == {"process": crop, "before_process_batch": crop}
        assert ours.images[0].size == PICTURE.size

    @pytest.mark.parametrize("inverted", [0, 1])
    @pytest.mark.parametrize(("blur", "padding"), itertools.product((0, 4), (0, 20)))
    def test_it_is_the_hosts_own(self, host, inverted, blur, padding):
        options = {"mask_blur": blur, "inpaint_full_res_padding": padding, "inpainting_mask_invert": inverted}
        plain = run(host, None, **options)
        for effect in ({"source": "mask"}, {"map": base64_of(columns(255))}, {"source": "fan", "fan_count": 2}):
            ours = run(host, effect, **options)
            assert ours.p.paste_to == plain.p.paste_to
            for said in ("Mask blur", "Masked area padding", "Mask mode"):
                written = [run.p.extra_generation_params.get(said) for run in (ours, plain)]
                assert written[0] == written[1]

    def test_it_grows_where_softness_reaches_beyond_it(self, host):
        plain = box_of(run(host, None, inpaint_full_res_padding=12, mask_blur=0).p.paste_to)
        near = run(host, {"source": "mask", "softness": 4}, inpaint_full_res_padding=12, mask_blur=0)
        far = run(host, {"source": "mask", "softness": 6}, inpaint_full_res_padding=12, mask_blur=0)
        assert box_of(near.p.paste_to) == plain
        assert box_of(far.p.paste_to) == (BOX[0] - 18, BOX[1] - 18, BOX[2] + 18, BOX[3] + 18)

    def test_a_mask_that_another_script_brings_is_the_runs(self, host):
        other = Image.new("L", PICTURE.size)
        other.paste(255, (10, 10, 30, 30))

        def bring(p):
            p.image_mask = other

        ours = run(host, {"source": "mask"}, Onlooker(bring), mask_blur=0)
        changed = (np.asarray(ours.images[0]) != np.asarray(PICTURE)).any(axis=2)
        assert box_of(ours.p.paste_to) == (10, 10, 30, 30) and changed[10:30, 10:30].all()
        assert ours.p.image_mask is other

    def test_a_run_that_never_began_leaves_nothing_to_the_next(self, host):
        mask = Image.fromarray(columns(0, 255))
        p = StableDiffusionProcessingImg2Img(
            host.model, width=64, height=64, mask=mask, init_images=[photograph()], steps=4, seed=7
        )
        p.sampler_name = "no such sampler"
        with pytest.raises(ValueError, match="bad sampler name"):
            host.img2img(PICTURE, {"source": "mask", "softness": 3}, p=p)
        p.sampler_name = None
        plain = host.img2img(PICTURE, None, p=p)
        assert p.image_mask is mask and p.mask_blur_x == 4
        options = {"width": 64, "height": 64, "mask": mask, "steps": 4, "cfg_scale": 7.0, "denoising_strength": 0.75}
        assert torch.equal(plain.latent, host.img2img(photograph(), None, **options).latent)

    def test_an_error_in_the_run_leaves_the_users_mask(self, host):
        def fail(model):
            raise RuntimeError("the model broke")

        mask = Image.fromarray(columns(0, 255))
        p = StableDiffusionProcessingImg2Img(
            host.model, width=64, height=64, mask=mask, init_images=[photograph()], steps=4
        )
        host.model.hook = fail
        try:
            with pytest.raises(RuntimeError, match="the model broke"):
                host.img2img(PICTURE, {"source": "mask"}, p=p)
        finally:
            host.model.hook = None
        assert p.image_mask is mask and p.mask_blur_x == 4


EMPTY = {
    "map black under the mask": ({"map": base64_of(columns(0, 0, 255))}, (30, 20, 80, 60), 0),
    "black map": ({"map": base64_of(columns(0))}, BOX, 0),
    "black mask": ({"source": "mask", "softness": 5}, (0, 0, 0, 0), 0),
    "white mask, inverted": ({"source": "mask"}, (0, 0, *PICTURE.size), 1),
    "fan under a black mask": ({"source": "fan"}, (0, 0, 0, 0), 0),
}


class TestNothingToChange:
    """Whatever leaves no pixel to change gives back the input."""

    @pytest.mark.parametrize("name", EMPTY)
    @pytest.mark.parametrize(("mode", "fill"), itertools.product(range(4), range(4)))
    def test_only_masked(self, host, name, mode, fill):
        effect, box, inverted = EMPTY[name]
        mask = Image.new("L", PICTURE.size)
        mask.paste(255, box)
        options = {"mask": mask, "inpainting_mask_invert": inverted, "resize_mode": mode, "inpainting_fill": fill}
        ours = run(host, effect, **options)
        assert ours.images[0].size == PICTURE.size and ours.levels == []
        assert np.array_equal(ours.images[0], PICTURE)

    @pytest.mark.parametrize("name", EMPTY)
    @pytest.mark.parametrize(("mode", "fill"), itertools.product(range(4), range(4)))
    def test_whole_picture(self, host, name, mode, fill):
        effect, box, inverted = EMPTY[name]
        mask = Image.new("L", PICTURE.size)
        mask.paste(255, box)
        size = {"width": 120, "height": 120} if mode != 2 else dict(zip(("width", "height"), PICTURE.size))
        options = {"mask": mask, "inpainting_mask_invert": inverted, "resize_mode": mode, "inpainting_fill": fill}
        ours = run(host, effect, inpaint_full_res=False, **options, **size)
        expected = images.resize_image(0 if mode == 3 else mode, PICTURE, size["width"], size["height"])
        assert np.array_equal(ours.images[0], expected) and ours.levels == []

    def test_what_is_kept_is_not_filled(self, host):
        """Masked, but black in the map: not what the host's fill put there, with keep_exact off too."""
        effect = {"map": base64_of(columns(0, 255)), "keep_exact": False}
        options = {"mask": Image.new("L", (64, 64), 255), "inpaint_full_res": False, "steps": 4}
        filled = host.img2img(photograph(), effect, inpainting_fill=2, **options)
        original = host.img2img(photograph(), effect, inpainting_fill=1, **options)
        assert torch.equal(filled.latent[..., :4], original.latent[..., :4])

    def test_no_picture_at_all(self, host):
        p = StableDiffusionProcessingImg2Img(host.model, width=64, height=64, init_images=[], steps=4)
        with pytest.raises(ValueError, match="Differential Diffusion: there is no picture"):
            host.img2img(PICTURE, {"map": base64_of(columns(0))}, p=p)


class TestOutpainting:
    """With "Resize and fill", what the picture does not cover has nothing to keep."""

    @pytest.mark.parametrize("source", ["map", "mask"])
    def test_margins_change_and_the_picture_is_kept(self, host, source):
        picture = photograph()
        effect = {"source": source} | ({"map": base64_of(columns(0))} if source == "map" else {})
        mask = Image.new("L", picture.size) if source == "mask" else None
        options = {"width": 128, "height": 64, "resize_mode": 2, "inpaint_full_res": False, "mask": mask}
        ours = host.img2img(picture, effect, **options)
        given = np.asarray(images.resize_image(2, picture, 128, 64))
        same = (np.asarray(ours.images[0]) == given).all(axis=2)
        assert same[:, 32:96].all() and same[:, :32].mean() < 0.2 and same[:, 96:].mean() < 0.2
        plain = host.img2img(picture, width=128, height=64, resize_mode=2)
        assert torch.equal(ours.latent[..., :4], plain.latent[..., :4])

    def test_softness_reaches_into_the_picture(self, host):
        picture = photograph()
        effect = {"map": base64_of(columns(0)), "softness": 4}
        ours = host.img2img(picture, effect, width=128, height=64, resize_mode=2)
        changed = (np.asarray(ours.images[0])[:, 32:96] != np.asarray(picture)).any(axis=(0, 2))
        assert changed[:6].all() and not changed[12:52].any() and changed[58:].all()
        plain = host.img2img(picture, width=128, height=64, resize_mode=2)
        assert torch.equal(ours.latent[..., :4], plain.latent[..., :4]), "the margins have full strength throughout"

    def test_a_crop_has_no_margins(self, host):
        """A crop that the picture's border keeps from the canvas' aspect is filled too, and then cut off again."""
        mask = Image.new("L", (160, 40))
        mask.paste(255, (0, 0, 20, 40))
        ours = host.img2img(
            photograph((160, 40)), {"source": "mask"}, width=128, height=64, resize_mode=2, mask=mask, mask_blur=0
        )
        changed = (np.asarray(ours.images[0]) != np.asarray(photograph((160, 40)))).any(axis=2)
        assert ours.images[0].size == (160, 40) and not changed[:, 20:].any() and changed[:, :12].any()


class TestGreys:
    """An inpaint mask's greys are strengths."""

    GREY = Image.fromarray(columns(0, 90, 160, 255))

    def run(self, host, mask, **options):
        return host.img2img(photograph(), {"source": "mask"}, mask=mask, inpaint_full_res=False, steps=6, **options)

    @pytest.mark.parametrize("mask_round", [True, False])
    def test_rounding_is_for_the_hosts_own_blending(self, host, mask_round):
        ours = self.run(host, self.GREY, mask_round=mask_round, inpainting_fill=1)
        as_map = host.img2img(photograph(), {"map": base64_of(self.GREY)}, steps=6)
        assert torch.equal(ours.latent, as_map.latent)

    def test_sixteen_bits(self, host):
        deep = Image.fromarray(np.asarray(self.GREY).astype(np.uint16) * 257)
        assert torch.equal(self.run(host, deep).latent, self.run(host, self.GREY).latent)

    def test_every_file_of_a_batch_folder_has_its_own(self, host):
        """As the Batch tab does it: another picture and another mask on the same `p`."""
        options = {"width": 64, "height": 64, "mask": self.GREY, "steps": 6, "seed": 7, "inpainting_fill": 1}
        p = StableDiffusionProcessingImg2Img(host.model, init_images=[photograph()], **options)
        host.img2img(photograph(), {"source": "mask"}, p=p)
        for seed, greys in ((4, (255, 30, 0, 120)), (5, (10, 0, 200, 100))):
            p.init_images, p.image_mask = [photograph(seed=seed)], Image.fromarray(columns(*greys))
            ours = host.img2img(photograph(), {"source": "mask"}, p=p)
            as_map = host.img2img(
                photograph(seed=seed), {"map": base64_of(p.image_mask)}, steps=6, cfg_scale=7.0, denoising_strength=0.75
            )
            assert torch.equal(ours.latent, as_map.latent)

    @pytest.mark.parametrize("tab", [2, 4])
    def test_forge_rounds_what_is_uploaded(self, host, monkeypatch, tab):
        """The painted mask of its Inpaint tab stays rounded: its brush is see-through only to the eye."""

        def forges(mode, init_mask_inpaint):
            mask = init_mask_inpaint.point(lambda value: 255 if value > 128 else 0)
            return self.run(host, mask, inpainting_fill=1)

        monkeypatch.setattr(img2img, "img2img_function", forges, raising=False)
        grey_masks.keep_greys()
        grey_masks.keep_greys()
        ours = img2img.img2img_function(tab, init_mask_inpaint=self.GREY)
        used = self.GREY if tab == 4 else Image.fromarray(columns(0, 0, 255, 255))
        assert torch.equal(ours.latent, self.run(host, used, inpainting_fill=1).latent)
        rounded = Image.fromarray(columns(0, 0, 255, 255))
        assert torch.equal(self.run(host, rounded).latent, self.run(host, rounded.copy()).latent)
