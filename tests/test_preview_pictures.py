"""Geometry of pictures and masks in the preview, as AUTOMATIC1111 has it."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw
from pointwise import PointwiseModel, photograph

from differential_diffusion import change_map
from modules import images, infotext_utils, masking, shared
from modules.processing import StableDiffusionProcessingImg2Img, process_images

PICTURE = photograph((96, 64))


@pytest.fixture
def img2img():
    before = getattr(shared, "sd_model", None)
    shared.sd_model = PointwiseModel()

    def run(picture, **options):
        options = {"steps": 4, "width": picture.width, "height": picture.height, "seed": 1} | options
        p = StableDiffusionProcessingImg2Img(sd_model=shared.sd_model, init_images=[picture], **options)
        processed = process_images(p)
        return np.asarray(processed.images[0]).astype(int), p

    yield run
    shared.sd_model = before


def box_mask(size, box) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=255)
    return mask


sides = st.integers(16, 300)


@given(st.data(), sides, sides, sides, sides)
def test_an_expanded_crop_keeps_the_region_and_stays_inside(data, width, height, run_width, run_height):
    left, top = data.draw(st.integers(0, width - 2)), data.draw(st.integers(0, height - 2))
    region = (left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))
    box = masking.expand_crop_region(region, run_width, run_height, width, height)
    assert 0 <= box[0] <= left and 0 <= box[1] <= top
    assert region[2] <= box[2] <= width and region[3] <= box[3] <= height
    ratio, wanted = (box[2] - box[0]) / (box[3] - box[1]), run_width / run_height
    fits = box[2] - box[0] < width and box[3] - box[1] < height
    if fits:  # to the pixel that the grown side was rounded to
        assert abs((box[2] - box[0]) - wanted * (box[3] - box[1])) < 1 + wanted or abs(ratio / wanted - 1) < 0.02


@pytest.mark.parametrize(
    ("region", "run", "picture", "expected"),
    [
        ((0, 0, 128, 32), (512, 512), (512, 512), (0, 0, 128, 128)),
        ((100, 40, 140, 60), (64, 64), (200, 100), (100, 30, 140, 70)),
        ((100, 90, 140, 100), (64, 64), (200, 100), (100, 60, 140, 100)),
        ((10, 10, 20, 90), (200, 100), (150, 100), (0, 10, 150, 90)),
    ],
)
def test_crops_grow_in_the_middle_and_move_off_the_edges(region, run, picture, expected):
    assert masking.expand_crop_region(region, *run, *picture) == expected


def test_a_crop_region_is_the_masks_box_with_padding():
    mask = box_mask((100, 80), (30, 20, 60, 50))
    assert masking.get_crop_region_v2(mask) == (30, 20, 60, 50)
    assert masking.get_crop_region_v2(mask, 25) == (5, 0, 85, 75)
    assert masking.get_crop_region_v2(Image.new("L", (100, 80))) is None


def position_code(width: int, height: int) -> Image.Image:
    """Red grows with x, green with y: a pixel's colour says where it came from."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    return Image.fromarray((np.stack([x, y, 0 * x], -1) * 255).astype(np.uint8))


@pytest.mark.parametrize("size", [(64, 64), (128, 64), (64, 128)])
@pytest.mark.parametrize("mode", [0, 1, 2])
def test_resize_modes_put_the_picture_where_they_say(mode, size):
    source = position_code(200, 100)
    result = np.asarray(images.resize_image(mode, source, *size)).astype(float) / 255
    assert result.shape == (size[1], size[0], 3)
    x, y = np.meshgrid((np.arange(size[0]) + 0.5) / size[0] - 0.5, (np.arange(size[1]) + 0.5) / size[1] - 0.5)
    aspect = (size[0] / size[1]) / 2
    if mode == 1:  # covers: the side that sticks out is cropped
        x, y = x * min(aspect, 1), y * min(1 / aspect, 1)
    elif mode == 2:  # fits in: beyond the picture its edge goes on
        x, y = x * max(aspect, 1), y * max(1 / aspect, 1)
    wanted = np.stack([x + 0.5, y + 0.5], -1).clip(0, 1)
    inner = (slice(3, -3), slice(3, -3))
    assert np.abs(result[..., :2] - wanted)[inner].max() < 0.02


def test_transparency_shows_the_background():
    half = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    half.putpixel((1, 0), (255, 0, 0, 255))
    assert list(images.flatten(half, "#00ff00").getdata()) == [(0, 255, 0), (255, 0, 0)]


@pytest.mark.parametrize(("kind", "dtype"), [("PNG", np.uint16), ("TIFF", np.uint16), ("TIFF", np.float32)])
def test_deep_greys_are_seen_as_a_map_sees_them(tmp_path, kind, dtype):
    deep = Image.fromarray((np.linspace(0, 1, 64).reshape(8, 8) * 65535).astype(dtype))
    deep.save(tmp_path / "picture", kind)
    grey = change_map.luminance(deep)
    for picture in (images.read(str(tmp_path / "picture")), deep):
        assert np.array_equal(np.asarray(images.flatten(picture, "#ffffff")), grey[..., None].repeat(3, -1))


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_a_turned_picture_is_read_upright(tmp_path, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "picture", kind, exif=exif)
    assert images.read(str(tmp_path / "picture")).size == (20, 40)


@pytest.mark.parametrize(
    ("file", "told"),
    [
        (
            b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nquit\n",
            "not a picture of a known kind; PNG",
        ),
        ([[0, 70_000]], "the picture's values go from 0 to 70000"),
    ],
)
def test_what_no_map_could_be_is_no_picture(file, told):
    if isinstance(file, list):
        deep = io.BytesIO()
        Image.fromarray(np.array(file, np.int32)).save(deep, "TIFF")
        file = deep.getvalue()
    with pytest.raises(ValueError, match=told):
        images.read(io.BytesIO(file))


def test_outside_a_hard_mask_the_picture_is_the_input(img2img):
    mask = box_mask(PICTURE.size, (32, 16, 64, 48))
    result, _ = img2img(PICTURE, mask=mask, mask_blur=0, inpaint_full_res=False, denoising_strength=0.9)
    changed = np.abs(result - np.asarray(PICTURE)).max(-1)
    inside = np.asarray(mask) > 0
    assert (changed[~inside] == 0).all() and changed[inside].mean() > 5


def test_inpaint_not_masked_is_the_inverted_mask(img2img):
    mask = box_mask(PICTURE.size, (32, 16, 64, 48))
    options = {"mask_blur": 0, "inpaint_full_res": False}
    inverted = Image.fromarray(255 - np.asarray(mask))
    result, p = img2img(PICTURE, mask=mask, inpainting_mask_invert=1, **options)
    assert np.array_equal(result, img2img(PICTURE, mask=inverted, **options)[0])
    assert p.extra_generation_params["Mask mode"] == "Inpaint not masked"


def test_the_overlay_is_opaque_below_half_a_mask(img2img):
    """The host's clip(2 * mask): a mask of 64 keeps half of the input, one of 128 none of it."""
    greys = np.repeat(np.array([0, 64, 128, 255], np.uint8), 24)[None].repeat(64, 0)
    options = {"mask": Image.fromarray(greys), "mask_round": False, "mask_blur": 0, "inpaint_full_res": False}
    _, p = img2img(PICTURE, **options)
    alpha = np.asarray(p.overlay_images[0])[..., 3]
    assert alpha[0, ::24].tolist() == [255, 255 - 128, 0, 0]


def test_only_masked_is_pasted_back_where_it_was_cut(img2img):
    picture = photograph((200, 120))
    mask = box_mask(picture.size, (60, 30, 100, 70))
    result, p = img2img(picture, mask=mask, mask_blur=0, inpaint_full_res_padding=8, width=64, height=64)
    assert p.paste_to == (52, 22, 56, 56)
    assert result.shape == (120, 200, 3)
    assert np.array_equal(result[np.asarray(mask) == 0], np.asarray(picture)[np.asarray(mask) == 0])


def test_only_masked_with_a_blank_mask_is_plain_img2img_and_says_so(img2img):
    result, p = img2img(PICTURE, mask=Image.new("L", PICTURE.size), inpaint_full_res=True)
    assert np.array_equal(result, img2img(PICTURE)[0])
    assert "blank" in "".join(p.comments)


@pytest.mark.parametrize(("fill", "label"), [(0, "fill"), (1, None), (2, "latent noise"), (3, "latent nothing")])
def test_fills(img2img, fill, label):
    mask = box_mask(PICTURE.size, (32, 16, 64, 48))
    options = {"mask": mask, "mask_blur": 0, "inpaint_full_res": False, "denoising_strength": 0.0}
    _, p = img2img(PICTURE, inpainting_fill=fill, **options)
    assert p.extra_generation_params.get("Masked content") == label
    inside = p.nmask[0] > 0
    original = shared.sd_model.encode_first_stage(
        p.init_latent.new_tensor(np.asarray(PICTURE)).permute(2, 0, 1)[None] / 127.5 - 1
    )
    difference = (p.init_latent - original)[0].abs()
    assert difference[:, ~inside].max() < 1e-6
    if fill == 1:
        assert difference.max() < 1e-6
    elif fill == 3:
        assert (p.init_latent[0][:, inside] == 0).all()
    else:
        assert difference[:, inside].mean() > 0.02


def test_a_mask_with_transparency_is_its_alpha():
    mask = Image.new("RGBA", (3, 1), (255, 255, 255, 0))
    mask.putpixel((1, 0), (0, 0, 0, 128))
    mask.putpixel((2, 0), (0, 0, 0, 129))
    assert list(masking.create_binary_mask(mask).getdata()) == [0, 0, 255]
    assert list(masking.create_binary_mask(mask, round=False).getdata()) == [0, 128, 129]


@pytest.mark.parametrize("pictures", [0, 3])
def test_a_wrong_number_of_pictures_is_refused(img2img, pictures):
    p = StableDiffusionProcessingImg2Img(sd_model=shared.sd_model, init_images=[PICTURE] * pictures, batch_size=2)
    with pytest.raises(RuntimeError, match="bad number of images"):
        process_images(p)


# not `"` first: the WebUI's format leaves it unquoted, and reads it as the beginning of a quoted value
values = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), min_size=1).map(str.strip)
values = values.filter(lambda value: value and not value.startswith('"'))
keys = st.from_regex(r"[A-Za-z][A-Za-z0-9 ]{0,12}[A-Za-z0-9]", fullmatch=True)


@given(st.dictionaries(keys, values, min_size=3))
def test_infotexts_can_be_read_back(fields):
    text = "a prompt\nNegative prompt: not this\n"
    text += ", ".join(f"{key}: {infotext_utils.quote(value)}" for key, value in fields.items())
    read = infotext_utils.parse_generation_parameters(text)
    assert read["Prompt"] == "a prompt" and read["Negative prompt"] == "not this"
    for key, value in fields.items():
        size = value.split("x") if value.replace("x", "", 1).isdigit() and "x" in value[1:-1] else None
        assert size or read[key] == value
