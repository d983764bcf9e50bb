"""Change maps: how much each pixel of the input picture may change, and how that reaches the latent's cells.

A map is float32 (H, W) in [0, 1] at the input picture's size: 1 = change as much as the strength slider allows,
0 = keep. Polarity is decided once, where the picture is decoded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import IO, TypeVar

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

T = TypeVar("T")

MAX_SIDE = 16384
"""Longest side of a map, in pixels."""
MAX_PIXELS = 64_000_000
"""Largest map, in pixels."""
MAX_ENCODED = 4 * MAX_PIXELS
"""Longest base64 text of a map, in characters."""
FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "GIF", "BMP")
"""Of pictures' files. Pillow opens many more, some by starting other programs."""
KINDS = "PNG, JPEG, WebP, TIFF, GIF or BMP"
"""The same as a message names them."""
DEEP_WHITES = (1, 255, 65535)
"""White of a picture with more than eight bits, by the first of these that its largest value does not exceed. 1 is for
floats alone."""
BLACK_INK = 8
"""What is no brighter than this, of 255, is black that a lossy file has stirred."""
DIGEST_LENGTH = 10
DIGEST_FORM = f"[0-9a-f]{{{DIGEST_LENGTH}}}"
"""A regular expression for `digest`."""
SOFTNESS_REACH = 3
"""A soft edge ends after this many standard deviations; beyond, every pixel keeps the value it had."""

DISTANCE_ERROR = 1e-3
"""More than a distance in a picture is off by as OpenCV rounds it, in pixels."""


class BadMap(ValueError):
    """A map that cannot be used. The message says what was wrong and what is allowed."""


class Polarity(str, Enum):
    """What white means in a map's picture. The paper's own maps are of the second kind."""

    WHITE_CHANGES = "white changes"
    WHITE_KEEPS = "white keeps"


class SoftnessSide(str, Enum):
    """Where the blur of a map may reach."""

    BOTH = "both"
    OUTWARDS = "outwards"
    INWARDS = "inwards"


@dataclass(frozen=True)
class Extent:
    """A size in pixels (or cells)."""

    width: int
    height: int

    @classmethod
    def of(cls, plane: np.ndarray) -> Extent:
        return cls(plane.shape[1], plane.shape[0])


@dataclass(frozen=True)
class Bounds:
    """A rectangle of the input picture, in pixels."""

    x: int
    y: int
    width: int
    height: int

    @classmethod
    def of_box(cls, box: tuple[int, int, int, int]) -> Bounds:
        """From left, top, right and bottom."""
        return cls(box[0], box[1], box[2] - box[0], box[3] - box[1])

    @classmethod
    def around(cls, plane: np.ndarray) -> Bounds | None:
        """The smallest one around all values of a plane (H, W) above 0; None where there is none."""
        rows, columns = ((plane > 0).any(axis=axis).nonzero()[0] for axis in (1, 0))
        if not rows.size:
            return None
        return cls.of_box((int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1))

    def grown(self, padding: int, picture: Extent) -> Bounds:
        """Wider by `padding` pixels on every side, as far as the picture reaches."""
        width, height = self.width + 2 * padding, self.height + 2 * padding
        return Bounds(self.x - padding, self.y - padding, width, height).within(picture)

    def within(self, picture: Extent) -> Bounds:
        """The part that lies in a picture."""
        left, top, right, bottom = self.box
        return Bounds.of_box((max(left, 0), max(top, 0), min(right, picture.width), min(bottom, picture.height)))

    def joined(self, other: Bounds) -> Bounds:
        """The smallest one around both."""
        (a, b, c, d), (e, f, g, h) = self.box, other.box
        return Bounds.of_box((min(a, e), min(b, f), max(c, g), max(d, h)))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom, as Pillow takes them."""
        return self.x, self.y, self.x + self.width, self.y + self.height


def decode(text: str) -> np.ndarray:
    """Decode a map's picture from base64 or a data URL: uint8 (H, W), its `luminance`.

    The text is never opened as a path or URL, and size is checked before a pixel is decoded. Of an animation the first
    picture is taken.

    Raises:
        BadMap: not base64, not a picture, of values that `in_eight_bits` refuses, or beyond `MAX_SIDE`, `MAX_PIXELS` or
            `MAX_ENCODED`.
    """
    return read(_file_of(text))


def decode_picture(text: str) -> Image.Image:
    """Decode a picture that a map is made for, from base64 or a data URL, as `decode` does a map's: `upright`, RGB or
    RGBA. Raises BadMap."""
    return _decoded(_file_of(text), _in_colour)


def _file_of(text: str) -> bytes:
    if len(text) > MAX_ENCODED:
        raise BadMap(f"the picture's text has {len(text)} characters; at most {MAX_ENCODED} are allowed")
    header, comma, body = text.partition(",")
    if comma and not (header.startswith("data:image/") and header.endswith(";base64")):
        raise BadMap("a data URL must begin with data:image/...;base64, (no paths and no web addresses are opened)")
    try:
        return base64.b64decode("".join((body if comma else header).split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadMap(
            "not base64; send the picture itself as base64 or a data URL, no path and no web address"
        ) from None


def read(file: bytes) -> np.ndarray:
    """Decode a picture's file, as `decode` does its text: uint8 (H, W)."""
    return _decoded(file, luminance)


def _decoded(file: bytes, how: Callable[[Image.Image], T]) -> T:
    try:
        picture = opened(io.BytesIO(file))
        if max(picture.size) > MAX_SIDE or picture.width * picture.height > MAX_PIXELS:
            raise _too_large("{} x {}".format(*picture.size))
        return how(picture)
    except Image.DecompressionBombError:
        raise _too_large("far larger") from None
    except BadMap:
        raise
    except Exception as error:  # Pillow's decoders raise whatever a damaged file leads them to
        reason = str(error) or type(error).__name__
        raise BadMap(f"not a picture that can be decoded ({reason}); {KINDS} are") from error


def opened(file: IO[bytes] | str) -> Image.Image:
    """Open a picture's file, or the one at a path, without decoding it. Raises BadMap if it is none of `FORMATS`, and
    what Pillow raises for a damaged one."""
    try:
        return Image.open(file, formats=FORMATS)
    except UnidentifiedImageError:
        raise BadMap(f"not a picture of a known kind; {KINDS} are") from None


def encode(grey: np.ndarray) -> bytes:
    """A map's pixels (uint8 (H, W)) as a grey PNG file."""
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG", compress_level=1)
    return file.getvalue()


def _too_large(size: str) -> BadMap:
    return BadMap(f"the picture is {size}; at most {MAX_SIDE} pixels a side and {MAX_PIXELS} pixels are allowed")


def upright(picture: Image.Image) -> Image.Image:
    """A picture turned as its EXIF says, `in_eight_bits`. Raises BadMap."""
    if picture.format == "TIFF":
        picture.load()  # which turns it
    else:
        picture = ImageOps.exif_transpose(picture)
    return in_eight_bits(picture)


def in_eight_bits(picture: Image.Image) -> Image.Image:
    """A picture whose greys are deep, integers or floats, in mode L; any other as it is.

    Deep pictures do not say what their white is: the range that their values fill tells (`DEEP_WHITES`).

    Raises:
        BadMap: a deep picture of another range, or one with values that are no numbers.
    """
    is_deep = picture.mode == "F" or picture.mode.startswith("I")
    return Image.fromarray(_from_deep(np.asarray(picture))) if is_deep else picture


def _in_colour(picture: Image.Image) -> Image.Image:
    picture = upright(picture)
    return picture.convert("RGBA" if "A" in picture.mode or "transparency" in picture.info else "RGB")


def luminance(picture: Image.Image) -> np.ndarray:
    """Brightness of a picture, `upright`: uint8 (H, W). Transparency is taken over black.

    Where nothing shows over black, but the alpha is uneven, the alpha is what was drawn: black strokes on a transparent
    ground. Raises BadMap.
    """
    picture = upright(picture)
    if picture.mode not in ("RGBA", "LA", "PA") and "transparency" not in picture.info:
        return np.asarray(picture.convert("L"))
    picture = picture.convert("RGBA")
    alpha = np.asarray(picture.getchannel("A"))
    over_black = Image.alpha_composite(Image.new("RGBA", picture.size, (0, 0, 0, 255)), picture)
    shown = np.asarray(over_black.convert("L"))
    return alpha if shown.max() <= BLACK_INK and np.ptp(alpha) > BLACK_INK else shown


def _from_deep(values: np.ndarray) -> np.ndarray:
    """Grey of more than eight bits, integer or float (H, W), as uint8."""
    is_float = values.dtype.kind == "f"
    if is_float and not np.isfinite(values).all():
        raise BadMap("the picture has values that are no numbers")
    low, high = values.min(), values.max()
    whites = DEEP_WHITES if is_float else DEEP_WHITES[1:]
    white = next((white for white in whites if high <= white), None)
    if white is None or low < 0:
        *most, last = (f"0 to {white}" for white in whites)
        raise BadMap(f"the picture's values go from {low:g} to {high:g}; {', '.join(most)} or {last} are allowed")
    grey = np.rint(values * (255 / white)) if is_float else values.astype(np.int64) * 256 // (white + 1)
    return grey.astype(np.uint8)


def digest(grey: np.ndarray) -> str:
    """A short name for a map's pixels (uint8 (H, W)), for infotext: the first hex digits of their SHA-256."""
    size = f"{grey.shape[1]}x{grey.shape[0]}:".encode()
    return hashlib.sha256(size + np.ascontiguousarray(grey).tobytes()).hexdigest()[:DIGEST_LENGTH]


def from_grey(grey: np.ndarray, polarity: Polarity, extent: Extent) -> np.ndarray:
    """A map's picture (uint8 (H, W)) as a change map of `extent`, float32 in [0, 1]."""
    values = grey.astype(np.float32) / 255
    return resample(1 - values if polarity is Polarity.WHITE_KEEPS else values, extent)


def resample(plane: np.ndarray, extent: Extent) -> np.ndarray:
    """A plane (float (H, W)) at another size: exact area averages where it shrinks, linear where it grows.

    A plane of one value keeps it, and a pixel is 0 exactly where everything it covers is 0: what a map keeps does not
    shrink as it is enlarged.
    """
    for axis_extent in (Extent(extent.width, plane.shape[0]), extent):
        before = Extent.of(plane)
        if axis_extent.width > before.width:
            plane = _grown(plane, axis_extent, axis=1)
        elif axis_extent.height > before.height:
            plane = _grown(plane, axis_extent, axis=0)
        elif axis_extent != before:
            plane = cv2.resize(plane, (axis_extent.width, axis_extent.height), interpolation=cv2.INTER_AREA)
    return plane


def _grown(plane: np.ndarray, extent: Extent, axis: int) -> np.ndarray:
    """A plane (H, W) that is longer along one axis, as `resample` has it."""
    grown = cv2.resize(plane, (extent.width, extent.height), interpolation=cv2.INTER_LINEAR)
    places, length = np.arange(grown.shape[axis]), plane.shape[axis]
    first = places * length // grown.shape[axis]
    last = ((places + 1) * length - 1) // grown.shape[axis]
    is_zero = plane == 0
    grown[is_zero.take(first, axis) & is_zero.take(last, axis)] = 0
    return grown


def levelled(plane: np.ndarray, black: float, white: float, gamma: float) -> np.ndarray:
    """A plane (float32 (H, W) in [0, 1]) made stronger or weaker: what lies between `black` and `white` is stretched to
    the whole range, and then raised to the power of `gamma`, which above 1 weakens the middle.

    Args:
        black, white: 0 <= black < white <= 1.
        gamma: above 0.
    """
    return (((plane - black) / (white - black)).clip(0, 1) ** gamma).astype(np.float32)


def soften(plane: np.ndarray, softness: float, side: SoftnessSide = SoftnessSide.BOTH) -> np.ndarray:
    """Blur a change map (float32 (H, W)) by a Gaussian (paper 4.1).

    Args:
        softness: its standard deviation in pixels; 0 leaves the map as it is.
        side: `OUTWARDS` never lowers a value, `INWARDS` never raises one.
    """
    return _limited(_blurred(plane, softness), plane, side)


def soften_mask(mask: np.ndarray, softness: float, side: SoftnessSide = SoftnessSide.BOTH) -> np.ndarray:
    """A soft edge for an inpaint mask (float32 (H, W)), which falls evenly over three standard deviations (paper 4.1)
    on either side of the mask's border, or on one.

    Pictures answer to strength steeply, mostly between 0.3 and 0.7, where a Gaussian is steepest too: its soft edge
    would show as one of a third of its width. On both sides, each value of the blur becomes the one that a straight
    edge would have in its place if it fell evenly. On one side the edge falls by distance, so that all of the mask
    keeps its value (`OUTWARDS`), or all that is outside of it (`INWARDS`), however narrow it is. Greys inside of the
    mask are blurred and stay what they were.

    Args:
        softness, side: as for `soften`.
    """
    inside = mask > 0
    covered = _blurred(inside.astype(np.float32), softness)
    blurred = covered if np.array_equal(mask, inside) else _blurred(mask, softness)
    grey = np.divide(blurred, covered, out=np.zeros_like(blurred), where=covered > 0)
    end = max(SOFTNESS_REACH * softness, 1)
    if side is SoftnessSide.BOTH:
        edge = np.concatenate([[0], _kernel(softness).cumsum()])
        even = np.interp(covered, edge, np.linspace(0, 1, edge.size))
    elif side is SoftnessSide.OUTWARDS:
        even = (1 - _distance_to(inside) / end).clip(0, 1)
    else:
        even = (_distance_to(~inside) / end).clip(0, 1)
    return _limited(even.astype(np.float32) * grey, mask, side)


def _kernel(softness: float) -> np.ndarray:
    """The Gaussian along one axis, up to its reach: float64 (2 * reach + 1,)."""
    return cv2.getGaussianKernel(2 * int(SOFTNESS_REACH * softness) + 1, softness)[:, 0]


def _blurred(plane: np.ndarray, softness: float) -> np.ndarray:
    kernel = _kernel(softness)
    if kernel.size == 1:
        return plane
    soft = cv2.sepFilter2D(plane, -1, kernel, kernel, borderType=cv2.BORDER_REPLICATE).clip(0, 1)
    # the kernel is a square: its corners reach farther than they may
    reach = SOFTNESS_REACH * softness + DISTANCE_ERROR
    soft[_distance_to(plane > 0) > reach] = 0
    soft[_distance_to(plane < 1) > reach] = 1
    return soft


def _limited(soft: np.ndarray, plane: np.ndarray, side: SoftnessSide) -> np.ndarray:
    if side is SoftnessSide.OUTWARDS:
        return np.maximum(soft, plane)
    if side is SoftnessSide.INWARDS:
        return np.minimum(soft, plane)
    return soft


def _distance_to(where: np.ndarray) -> np.ndarray:
    """Pixels from each pixel to the nearest one of `where` (bool (H, W)): float32 (H, W)."""
    return cv2.distanceTransform((~where).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)


class ResizeMode(int, Enum):
    """How img2img brings the input picture to the size that is generated."""

    STRETCH = 0
    CROP = 1
    FILL = 2
    STRETCH_LATENT = 3


def placement(source: Extent, mode: ResizeMode, canvas: Extent) -> Bounds:
    """Where img2img puts a picture on the canvas: over its borders where it is cropped, short of them where its edges
    are drawn out to fill."""
    if mode in (ResizeMode.STRETCH, ResizeMode.STRETCH_LATENT):
        return Bounds(0, 0, canvas.width, canvas.height)
    canvas_is_wider = canvas.width / canvas.height > source.width / source.height
    fit_width = canvas_is_wider == (mode is ResizeMode.CROP)
    if canvas.width / canvas.height == source.width / source.height:
        placed = canvas
    elif fit_width:
        placed = Extent(canvas.width, source.height * canvas.width // source.width)
    else:
        placed = Extent(source.width * canvas.height // source.height, canvas.height)
    left, top = canvas.width // 2 - placed.width // 2, canvas.height // 2 - placed.height // 2
    return Bounds(left, top, placed.width, placed.height)


def to_canvas(plane: np.ndarray, mode: ResizeMode, canvas: Extent) -> np.ndarray:
    """A plane (float (H, W)) of the input picture on the generated picture's canvas, placed as img2img places the
    picture itself: stretched, cropped to the middle, or with its edges drawn out to fill."""
    placed = placement(Extent.of(plane), mode, canvas)
    plane = resample(plane, Extent(placed.width, placed.height))
    rows = np.arange(canvas.height) - placed.y
    columns = np.arange(canvas.width) - placed.x
    return plane[rows.clip(0, placed.height - 1)][:, columns.clip(0, placed.width - 1)]


def cut(plane: np.ndarray, bounds: Bounds) -> np.ndarray:
    """The part of a plane (H, W) inside `bounds`."""
    return plane[bounds.y : bounds.y + bounds.height, bounds.x : bounds.x + bounds.width]


def to_cells(canvas_plane: np.ndarray, cells: Extent) -> np.ndarray:
    """A map on the canvas, averaged over each latent cell: float64 (h, w). 0 only where the whole cell is 0."""
    return resample(canvas_plane.astype(np.float64), cells).clip(0, 1)


def paste_weight(plane: np.ndarray, feather: float) -> np.ndarray:
    """How much of the generated picture is shown: float32 (H, W), 0 where the map is 0, rising to 1 within `feather`
    pixels of it, so that the kept part stays bit-equal to the input and its border shows no seam."""
    if plane.all():
        return np.ones_like(plane, dtype=np.float32)
    share = (_distance_to(plane == 0) / feather).clip(0, 1)
    return share * share * (3 - 2 * share)
