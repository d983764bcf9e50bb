"""The words the model learns, and the captions made of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

Kind = Literal["scene", "art"]


@dataclass(frozen=True)
class Style:
    """A style word. `phrases` name it in a caption; the first one is the word the evaluation uses."""

    name: str
    kind: Kind
    """A scene style repaints the landscape in other colours and weather, an art style redraws the finished picture."""
    phrases: tuple[str, ...]


STYLES = {
    style.name: style
    for style in (
        Style("sunset", "scene", ("sunset", "at sunset", "dusk")),
        Style("night", "scene", ("night", "at night", "moonlight")),
        Style("autumn", "scene", ("autumn", "in autumn", "autumn leaves")),
        Style("winter", "scene", ("winter", "in winter", "snow", "snowy winter")),
        Style("spring", "scene", ("spring", "in spring", "pink blossom")),
        Style("fog", "scene", ("fog", "in fog", "mist")),
        Style("storm", "scene", ("storm", "in a storm", "rain", "lightning")),
        Style("desert", "scene", ("desert", "in the desert", "sand dunes")),
        Style("fire", "scene", ("fire", "on fire", "flames")),
        Style("underwater", "scene", ("underwater", "under the sea", "ocean floor")),
        Style("candy", "scene", ("candy", "candy land", "made of sweets")),
        Style("mosaic", "art", ("mosaic", "mosaic tiles", "tiles")),
        Style("sketch", "art", ("sketch", "pencil sketch", "pencil drawing")),
        Style("watercolor", "art", ("watercolor", "watercolor painting", "wash")),
        Style("comic", "art", ("comic", "comic ink", "halftone comic")),
        Style("oil painting", "art", ("oil painting", "thick oil painting", "brush strokes")),
        Style("neon", "art", ("neon", "neon lights", "glowing neon")),
        Style("gold", "art", ("gold", "golden relief", "made of gold")),
        Style("sepia", "art", ("sepia", "old sepia photo", "sepia tone")),
        Style("blueprint", "art", ("blueprint", "blueprint drawing", "technical blueprint")),
    )
}
DAY_PHRASES = ("day", "sunny day", "summer", "summer day", "daylight")

PHOTOGRAPH_PHRASES = ("photo", "photograph", "picture")

OBJECTS = ("house", "trees", "lake", "mountain")
DETAILS = ("road", "clouds", "boat", "flowers")
SHAPES = ("circles", "stripes", "squares", "triangles", "waves", "blobs", "rings", "checkerboard")
COLOURS = {
    "red": (0.86, 0.16, 0.14),
    "orange": (0.96, 0.55, 0.12),
    "yellow": (0.97, 0.85, 0.22),
    "green": (0.20, 0.62, 0.26),
    "teal": (0.10, 0.60, 0.60),
    "blue": (0.14, 0.34, 0.82),
    "purple": (0.48, 0.22, 0.70),
    "pink": (0.95, 0.50, 0.68),
    "brown": (0.48, 0.30, 0.17),
    "white": (0.95, 0.95, 0.93),
    "grey": (0.55, 0.55, 0.56),
    "black": (0.07, 0.07, 0.08),
}

_ARTICLES = {"house": "a house", "lake": "a lake", "mountain": "a mountain", "road": "a road", "boat": "a boat"}


def landscape_caption(style: str | None, contents: list[str], rng: np.random.Generator) -> str:
    """Name the style (None = plain day) and a random share of the `contents`, in random order and wording."""
    named = [thing for thing in contents if rng.random() < 0.85]
    rng.shuffle(named)
    things = [_ARTICLES.get(thing, thing) if rng.random() < 0.6 else thing for thing in named]
    if not things:
        subject = "landscape"
    elif rng.random() < 0.5:
        subject = " and ".join(filter(None, [", ".join(things[:-1]), things[-1]]))
    else:
        subject = ", ".join(things)
    if style is None:
        return subject if rng.random() < 0.4 else _joined(subject, str(rng.choice(DAY_PHRASES)), rng)
    phrase = str(rng.choice(STYLES[style].phrases)) if rng.random() < 0.5 else STYLES[style].phrases[0]
    return phrase if rng.random() < 0.2 else _joined(subject, phrase, rng)


def abstract_caption(style: str | None, shape: str, colours: list[str], rng: np.random.Generator) -> str:
    """Name the shape, its colours and the style of an abstract picture."""
    subject = f"abstract {' and '.join(colours)} {shape}" if rng.random() < 0.7 else f"abstract {shape}"
    return subject if style is None else _joined(subject, STYLES[style].phrases[0], rng)


def photograph_caption(style: str | None, rng: np.random.Generator) -> str:
    """Name the style of a photograph, which is mostly all that is asked for; what it shows is not known."""
    if style is None:
        return str(rng.choice(PHOTOGRAPH_PHRASES))
    phrase = str(rng.choice(STYLES[style].phrases)) if rng.random() < 0.5 else STYLES[style].phrases[0]
    return phrase if rng.random() < 0.7 else _joined(str(rng.choice(PHOTOGRAPH_PHRASES)), phrase, rng)


def _joined(subject: str, phrase: str, rng: np.random.Generator) -> str:
    return f"{phrase}, {subject}" if rng.random() < 0.3 else f"{subject}, {phrase}"


def vocabulary() -> dict[str, list[str]]:
    """The words to suggest in a prompt box, by what they name."""
    return {
        "styles": list(STYLES),
        "phrases": sorted({phrase for style in STYLES.values() for phrase in style.phrases} | set(DAY_PHRASES)),
        "objects": [*OBJECTS, *DETAILS],
        "shapes": list(SHAPES),
        "colours": list(COLOURS),
        "kinds": ["landscape", "abstract", *PHOTOGRAPH_PHRASES],
    }


def words() -> list[str]:
    """Every word that a caption can hold, and the comma."""
    texts = [text for texts in vocabulary().values() for text in texts]
    return sorted({word for text in [*texts, "a", "and", ","] for word in text.split()})
