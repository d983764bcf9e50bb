"""The colours and the weather of each scene style."""

from dataclasses import dataclass, replace

Colour = tuple[float, float, float]
"""sRGB in [0, 1]."""


@dataclass(frozen=True)
class Palette:
    """Colours and weather of one scene style."""

    sky: tuple[Colour, Colour] = ((0.22, 0.52, 0.90), (0.80, 0.92, 0.98))
    """At the top and at the horizon."""
    cloud: Colour = (1.0, 1.0, 1.0)
    clouds: float = 0.5
    """Share of the sky that clouds may cover."""
    sun: Colour | None = (1.0, 0.97, 0.80)
    sun_radius: float = 0.045
    mountains: tuple[Colour, Colour] = ((0.58, 0.68, 0.82), (0.38, 0.46, 0.58))
    """Far and near."""
    snowline: float = 0.35
    """Share of a mountain's height under snow."""
    hills: tuple[Colour, Colour] = ((0.50, 0.70, 0.42), (0.38, 0.62, 0.28))
    ground: tuple[Colour, Colour] = ((0.46, 0.70, 0.28), (0.26, 0.52, 0.18))
    """At the horizon and in front."""
    foliage: tuple[Colour, ...] = ((0.12, 0.40, 0.16), (0.18, 0.48, 0.18), (0.28, 0.54, 0.18))
    trunk: Colour = (0.36, 0.24, 0.14)
    water: Colour = (0.22, 0.52, 0.80)
    wall: Colour = (0.96, 0.90, 0.76)
    roof: Colour = (0.74, 0.24, 0.16)
    window: Colour = (0.34, 0.48, 0.60)
    road: Colour = (0.80, 0.70, 0.52)
    flowers: tuple[Colour, ...] = ((0.95, 0.30, 0.30), (1.0, 0.85, 0.25), (0.98, 0.98, 0.98))
    meadow: bool = False
    """Flowers all over the ground, whether the layout has some or not."""
    haze: Colour = (0.86, 0.92, 0.97)
    haze_strength: float = 0.25
    tree: str = "leafy"
    weather: str = "none"
    grain: float = 0.10
    """Contrast of the ground's texture."""


DAY = Palette()

PALETTES = {
    "sunset": replace(
        DAY,
        sky=((0.30, 0.16, 0.44), (1.0, 0.56, 0.18)),
        cloud=(0.98, 0.42, 0.30),
        clouds=0.55,
        sun=(1.0, 0.88, 0.42),
        sun_radius=0.085,
        mountains=((0.60, 0.30, 0.42), (0.36, 0.16, 0.32)),
        snowline=0.0,
        hills=((0.40, 0.17, 0.27), (0.28, 0.11, 0.21)),
        ground=((0.42, 0.18, 0.18), (0.13, 0.05, 0.11)),
        foliage=((0.10, 0.04, 0.09), (0.15, 0.06, 0.10)),
        trunk=(0.08, 0.03, 0.06),
        water=(0.86, 0.42, 0.26),
        wall=(0.34, 0.17, 0.20),
        roof=(0.17, 0.06, 0.12),
        window=(1.0, 0.80, 0.36),
        road=(0.60, 0.30, 0.24),
        flowers=((0.62, 0.20, 0.24),),
        haze=(1.0, 0.55, 0.26),
        haze_strength=0.30,
    ),
    "night": replace(
        DAY,
        sky=((0.01, 0.02, 0.08), (0.07, 0.11, 0.27)),
        cloud=(0.12, 0.15, 0.29),
        clouds=0.25,
        sun=(0.95, 0.96, 0.86),
        sun_radius=0.05,
        mountains=((0.07, 0.10, 0.22), (0.05, 0.07, 0.16)),
        snowline=0.0,
        hills=((0.04, 0.08, 0.14), (0.03, 0.06, 0.11)),
        ground=((0.04, 0.09, 0.13), (0.02, 0.04, 0.07)),
        foliage=((0.01, 0.04, 0.06), (0.02, 0.06, 0.08)),
        trunk=(0.02, 0.02, 0.04),
        water=(0.06, 0.10, 0.26),
        wall=(0.10, 0.11, 0.18),
        roof=(0.05, 0.04, 0.09),
        window=(1.0, 0.83, 0.34),
        road=(0.10, 0.11, 0.17),
        flowers=((0.16, 0.16, 0.30),),
        haze=(0.06, 0.09, 0.20),
        weather="stars",
    ),
    "autumn": replace(
        DAY,
        sky=((0.56, 0.66, 0.74), (0.97, 0.90, 0.74)),
        cloud=(0.98, 0.94, 0.84),
        mountains=((0.68, 0.62, 0.60), (0.54, 0.44, 0.38)),
        hills=((0.80, 0.58, 0.22), (0.72, 0.42, 0.14)),
        ground=((0.82, 0.60, 0.24), (0.60, 0.34, 0.10)),
        foliage=((0.86, 0.30, 0.06), (0.94, 0.56, 0.08), (0.72, 0.16, 0.08), (0.95, 0.74, 0.14)),
        trunk=(0.28, 0.17, 0.10),
        water=(0.46, 0.54, 0.56),
        flowers=((0.88, 0.34, 0.06), (0.96, 0.70, 0.12), (0.66, 0.14, 0.06)),
        meadow=True,
        haze=(0.96, 0.88, 0.72),
        grain=0.2,
    ),
    "winter": replace(
        DAY,
        sky=((0.62, 0.72, 0.84), (0.88, 0.92, 0.96)),
        cloud=(0.93, 0.95, 0.98),
        sun=(1.0, 1.0, 0.96),
        mountains=((0.78, 0.84, 0.92), (0.62, 0.70, 0.80)),
        snowline=0.85,
        hills=((0.86, 0.91, 0.97), (0.90, 0.94, 0.98)),
        ground=((0.93, 0.96, 1.0), (0.82, 0.88, 0.96)),
        foliage=((0.88, 0.93, 0.98), (0.72, 0.82, 0.88)),
        trunk=(0.26, 0.22, 0.22),
        water=(0.62, 0.78, 0.90),
        wall=(0.62, 0.44, 0.34),
        roof=(0.94, 0.97, 1.0),
        window=(0.98, 0.84, 0.48),
        road=(0.74, 0.78, 0.84),
        flowers=((0.98, 0.99, 1.0),),
        haze=(0.90, 0.94, 0.98),
        tree="snowy",
        weather="snow",
        grain=0.04,
    ),
    "spring": replace(
        DAY,
        sky=((0.46, 0.78, 0.96), (0.96, 0.94, 0.97)),
        cloud=(1.0, 0.96, 0.98),
        hills=((0.66, 0.86, 0.46), (0.56, 0.82, 0.36)),
        ground=((0.62, 0.86, 0.36), (0.42, 0.74, 0.24)),
        foliage=((0.98, 0.66, 0.80), (1.0, 0.80, 0.90), (0.94, 0.52, 0.72)),
        trunk=(0.40, 0.26, 0.22),
        flowers=((1.0, 0.58, 0.80), (1.0, 1.0, 1.0), (1.0, 0.92, 0.36)),
        meadow=True,
        haze=(0.95, 0.95, 0.98),
    ),
    "fog": replace(
        DAY,
        sky=((0.74, 0.76, 0.77), (0.86, 0.87, 0.87)),
        clouds=0.0,
        sun=None,
        mountains=((0.70, 0.72, 0.74), (0.60, 0.63, 0.66)),
        snowline=0.0,
        hills=((0.62, 0.65, 0.64), (0.52, 0.56, 0.54)),
        ground=((0.60, 0.63, 0.60), (0.42, 0.46, 0.42)),
        foliage=((0.34, 0.39, 0.38), (0.40, 0.45, 0.43)),
        trunk=(0.34, 0.33, 0.33),
        water=(0.66, 0.70, 0.72),
        wall=(0.72, 0.71, 0.68),
        roof=(0.52, 0.46, 0.45),
        window=(0.50, 0.53, 0.56),
        road=(0.66, 0.65, 0.62),
        flowers=((0.64, 0.60, 0.60),),
        haze=(0.86, 0.87, 0.87),
        haze_strength=0.85,
        weather="fog",
    ),
    "storm": replace(
        DAY,
        sky=((0.10, 0.13, 0.15), (0.40, 0.45, 0.45)),
        cloud=(0.24, 0.28, 0.30),
        clouds=1.0,
        sun=None,
        mountains=((0.27, 0.32, 0.35), (0.18, 0.22, 0.25)),
        snowline=0.0,
        hills=((0.19, 0.27, 0.22), (0.15, 0.22, 0.17)),
        ground=((0.22, 0.29, 0.20), (0.09, 0.14, 0.10)),
        foliage=((0.06, 0.14, 0.10), (0.09, 0.18, 0.12)),
        trunk=(0.10, 0.09, 0.08),
        water=(0.24, 0.32, 0.35),
        wall=(0.46, 0.46, 0.43),
        roof=(0.25, 0.16, 0.15),
        window=(0.94, 0.80, 0.42),
        road=(0.31, 0.31, 0.29),
        flowers=((0.30, 0.32, 0.30),),
        haze=(0.40, 0.45, 0.46),
        haze_strength=0.40,
        weather="rain",
    ),
    "desert": replace(
        DAY,
        sky=((0.30, 0.68, 0.86), (0.98, 0.90, 0.70)),
        clouds=0.08,
        sun=(1.0, 0.98, 0.84),
        sun_radius=0.06,
        mountains=((0.84, 0.58, 0.44), (0.74, 0.42, 0.28)),
        snowline=0.0,
        hills=((0.93, 0.74, 0.46), (0.90, 0.68, 0.38)),
        ground=((0.95, 0.77, 0.47), (0.86, 0.60, 0.30)),
        foliage=((0.30, 0.50, 0.24), (0.36, 0.56, 0.28)),
        trunk=(0.56, 0.38, 0.20),
        water=(0.20, 0.66, 0.70),
        wall=(0.90, 0.76, 0.56),
        roof=(0.72, 0.50, 0.32),
        road=(0.98, 0.86, 0.62),
        flowers=((0.62, 0.50, 0.26),),
        haze=(0.98, 0.86, 0.62),
        tree="cactus",
        weather="dunes",
    ),
    "fire": replace(
        DAY,
        sky=((0.12, 0.03, 0.02), (0.80, 0.22, 0.04)),
        cloud=(0.16, 0.08, 0.07),
        clouds=0.8,
        sun=None,
        mountains=((0.42, 0.10, 0.04), (0.26, 0.06, 0.03)),
        snowline=0.0,
        hills=((0.32, 0.07, 0.02), (0.22, 0.05, 0.02)),
        ground=((0.34, 0.08, 0.02), (0.09, 0.03, 0.02)),
        foliage=((0.98, 0.46, 0.04), (0.92, 0.28, 0.03), (1.0, 0.70, 0.12)),
        trunk=(0.06, 0.03, 0.02),
        water=(0.62, 0.14, 0.03),
        wall=(0.30, 0.11, 0.06),
        roof=(0.12, 0.04, 0.03),
        window=(1.0, 0.85, 0.30),
        road=(0.24, 0.08, 0.05),
        flowers=((1.0, 0.55, 0.08),),
        haze=(0.85, 0.26, 0.05),
        haze_strength=0.35,
        tree="burning",
        weather="flames",
    ),
    "underwater": replace(
        DAY,
        sky=((0.20, 0.74, 0.80), (0.03, 0.36, 0.56)),
        clouds=0.0,
        sun=None,
        mountains=((0.04, 0.38, 0.56), (0.03, 0.28, 0.46)),
        snowline=0.0,
        hills=((0.05, 0.36, 0.47), (0.07, 0.36, 0.42)),
        ground=((0.14, 0.45, 0.49), (0.30, 0.52, 0.46)),
        foliage=((0.06, 0.42, 0.27), (0.88, 0.34, 0.42), (0.70, 0.40, 0.72), (0.10, 0.54, 0.34)),
        trunk=(0.10, 0.36, 0.30),
        water=(0.02, 0.24, 0.42),
        wall=(0.30, 0.56, 0.60),
        roof=(0.24, 0.34, 0.46),
        window=(0.04, 0.20, 0.30),
        road=(0.40, 0.60, 0.52),
        flowers=((0.94, 0.46, 0.36), (0.90, 0.74, 0.34)),
        haze=(0.05, 0.42, 0.60),
        haze_strength=0.5,
        tree="seaweed",
        weather="bubbles",
    ),
    "candy": replace(
        DAY,
        sky=((0.62, 0.86, 0.96), (1.0, 0.90, 0.80)),
        cloud=(1.0, 0.62, 0.80),
        clouds=0.7,
        sun=(1.0, 0.92, 0.40),
        sun_radius=0.07,
        mountains=((0.80, 0.66, 0.94), (0.62, 0.44, 0.84)),
        hills=((0.62, 0.94, 0.80), (0.98, 0.72, 0.84)),
        ground=((1.0, 0.66, 0.82), (0.94, 0.44, 0.70)),
        foliage=((0.96, 0.22, 0.42), (0.24, 0.78, 0.86), (1.0, 0.80, 0.20), (0.60, 0.34, 0.88)),
        trunk=(1.0, 1.0, 1.0),
        water=(0.42, 0.24, 0.15),
        wall=(0.86, 0.60, 0.36),
        roof=(1.0, 0.96, 0.98),
        window=(0.98, 0.40, 0.60),
        road=(1.0, 0.95, 0.78),
        flowers=((1.0, 1.0, 1.0), (0.30, 0.85, 0.90), (1.0, 0.88, 0.25), (0.62, 0.30, 0.90)),
        meadow=True,
        haze=(1.0, 0.86, 0.90),
        haze_strength=0.15,
        tree="lollipop",
        grain=0.04,
    ),
}
