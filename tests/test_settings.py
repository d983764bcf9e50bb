import base64
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from differential_diffusion import infotext, settings
from differential_diffusion.change_map import Polarity, SoftnessSide
from differential_diffusion.fan import Axis
from differential_diffusion.settings import FIELDS, BadSetting, Settings, Source


def picture(value: int = 128) -> str:
    file = io.BytesIO()
    Image.new("L", (8, 8), value).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


BAD_VALUES = [
    ("enabled", "yes"),
    ("enabled", 1),
    ("source", "maps"),
    ("source", None),
    ("source", ["map"]),
    ("map", 7),
    ("map", "/etc/passwd"),
    ("map", "http://127.0.0.1/map.png"),
    ("map", base64.b64encode(b"random bytes, no picture").decode()),
    ("polarity", "black changes"),
    ("softness", -0.5),
    ("softness", 1e9),
    ("softness", "8"),
    ("softness", True),
    ("softness", float("nan")),
    ("softness", float("inf")),
    ("fan_strengths", [0.5]),
    ("fan_strengths", [0.1] * 11),
    ("fan_strengths", [0.2, 1.5]),
    ("fan_strengths", [0.2, "0.4"]),
    ("fan_strengths", "0.2, many"),
    ("fan_strengths", {"0.2": 0.4}),
    ("fan_strengths", 0.5),
    ("fan_count", 1),
    ("fan_count", 11),
    ("fan_count", 2.5),
    ("fan_count", True),
    ("fan_from", -0.1),
    ("fan_to", 1.01),
    ("fan_to", None),
    ("fan_axis", "diagonal"),
    ("softness_side", "left"),
    ("minimum", 2),
    ("keep_exact", "true"),
    ("show_change", 1),
    ("black", -0.1),
    ("black", 1),
    ("white", 1.5),
    ("auto", 3),
    ("auto", "x" * 10_001),
    ("auto_prompt", ["trees"]),
    ("auto_against", 0),
    ("equalise", "yes"),
    ("auto_part", "near"),
    ("white", "1"),
    ("gamma", 0),
    ("gamma", 10.5),
    ("gamma", None),
]


@pytest.mark.parametrize(("key", "value"), BAD_VALUES)
def test_a_bad_value_is_refused_by_its_key(key, value):
    request = {"source": "map", "map": picture()} | {key: value}
    with pytest.raises(BadSetting, match=rf"^Differential Diffusion: {key}: "):
        settings.parse(request)


def test_every_key_has_a_bad_value():
    assert {key for key, _ in BAD_VALUES} == set(FIELDS)


def test_unknown_keys_are_named_with_the_known_ones():
    with pytest.raises(BadSetting, match="strenght: no such key; the keys are enabled, source, map"):
        settings.parse({"map": picture(), "strenght": 1})


def test_defaults_are_the_documented_ones():
    parsed = settings.parse({"map": picture()})
    assert parsed.source is Source.MAP and parsed.polarity is Polarity.WHITE_CHANGES and parsed.softness == 0
    assert parsed.fan_strengths == (0.2, 0.4, 0.6, 0.8, 1.0) and parsed.fan_axis is Axis.COLUMNS
    assert parsed.softness_side is SoftnessSide.BOTH and parsed.minimum == 0 and parsed.keep_exact is True
    assert parsed.map.shape == (8, 8) and (parsed.map == 128).all()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"black": 0.5, "white": 0.5}, "black: 0.5 is not allowed; a number below white, 0.5, is"),
        ({"black": 0.6, "white": 0.5}, "black: 0.6 is not allowed; a number below white, 0.5, is"),
        ({"black": 1}, "black: 1 is not allowed; a number below white, 1, is"),
        ({"white": 0}, "white: 0 is not allowed; a number above black, 0, is"),
    ],
)
def test_black_lies_below_white(values, told):
    with pytest.raises(BadSetting, match=told) as refused:
        settings.parse({"map": picture()} | values)
    assert refused.value.on_page == "Levels: black must be below white."


@pytest.mark.parametrize("values", [{"auto_prompt": "a \ud800"}, {"auto": "\udc00"}, {"\ud800": 1}])
def test_half_a_surrogate_pair_is_refused_in_words_that_can_be_sent(values):
    with pytest.raises(BadSetting, match=r"\\ud|no such key") as refused:
        settings.parse({"source": "auto"} | values)
    assert str(refused.value).encode() and refused.value.on_page.encode()


def test_a_source_without_what_it_needs_is_refused():
    with pytest.raises(BadSetting, match="map: missing"):
        settings.parse({})
    with pytest.raises(BadSetting, match="fan_strengths: every strength is 0"):
        settings.parse({"source": "fan", "fan_strengths": [0, 0]})
    assert settings.parse({"source": "mask"}).map is None


def test_switched_off_is_none():
    assert settings.parse({"enabled": False}) is None
    assert settings.parse({"enabled": False, "softness": -1}) is None
    assert settings.parse(settings.named([False])) is None


def test_positional_form_is_the_dict_form():
    values = {key: field.default for key, field in FIELDS.items()} | {
        "map": picture(),
        "softness": 4,
        "fan_strengths": "",
    }
    values = {key: getattr(value, "value", value) for key, value in values.items()}
    by_key, by_place = settings.parse(values), settings.parse(settings.named(list(values.values())))
    for name in Settings.__dataclass_fields__:
        assert np.array_equal(getattr(by_key, name), getattr(by_place, name)), name


REQUESTED = [
    ({}, []),
    ({"args": []}, []),
    ({"args": [{"softness": 4}]}, [{"softness": 4}]),
    ({"args": {"softness": 4}}, [{"softness": 4}]),
    ({"args": [True, "fan"]}, [True, "fan"]),
]


@pytest.mark.parametrize(("entry", "arguments"), REQUESTED)
def test_a_requests_settings_stand_in_its_list_or_in_its_place(entry, arguments):
    assert settings.requested(entry) == arguments


@pytest.mark.parametrize(
    "entry",
    [
        5,
        None,
        "map",
        [],
        [{"map": ""}],
        {"map": ""},
        {"args": 5},
        {"args": None},
        {"args": "map"},
        {"args": [], "a": 1},
    ],
)
def test_another_form_of_request_is_shown_the_right_one(entry):
    with pytest.raises(BadSetting, match=r'is not allowed; \{"args": \[\{"map": "<base64 picture>"\}\]\} is'):
        settings.requested(entry)


def test_values_beyond_the_last_key_are_refused():
    with pytest.raises(BadSetting, match=f"args: {len(FIELDS) + 1} values; by position there are {len(FIELDS)}"):
        settings.requested({"args": [False] * (len(FIELDS) + 1)})


def test_one_dict_is_taken_and_a_second_refused():
    filled_up = [{"softness": 4}, "map", "", "white changes"]
    assert settings.named(filled_up) == {"softness": 4}
    with pytest.raises(BadSetting, match="args: more than one object"):
        settings.named([{"softness": 4}, {"map": picture()}])


class TestAfterAFan:
    """The panel's values on a page that has just made a fan, over a map, a mask or the whole picture."""

    @pytest.mark.parametrize(
        ("source", "map_", "has_mask", "expected"),
        [
            ("map", "painted", False, "map"),
            ("map", "painted", True, "map"),
            ("map", "", True, "mask"),
            ("mask", "", True, "mask"),
            ("mask", "painted", False, "map"),
            ("map", "", False, None),
            ("mask", None, False, None),
            ("fan", "", False, "fan"),
        ],
    )
    def test_what_is_there_is_used(self, source, map_, has_mask, expected):
        values = {"enabled": True, "source": source, "map": map_ and picture(), "softness": 3}
        after = settings.as_after_fan(values, has_mask)
        parsed = settings.parse(after)
        assert (parsed and parsed.source.value) == expected
        assert after == values | ({"source": expected} if expected else {"enabled": False})

    def test_what_is_off_stays_off(self):
        values = {"enabled": False, "source": "map", "map": picture()}
        assert settings.parse(settings.as_after_fan(values, True)) is None


@pytest.mark.parametrize("text", ["0.2, 0.4, 1", "0.2 0.4 1", "0.2;0.4;1", " 0.2,0.4 , 1 "])
def test_strengths_can_be_typed(text):
    assert settings.parse({"source": "fan", "fan_strengths": text}).fan_strengths == (0.2, 0.4, 1.0)


@given(st.dictionaries(st.sampled_from(sorted(FIELDS)), st.none() | st.booleans() | st.floats() | st.text(max_size=20)))
def test_whatever_comes_is_parsed_or_refused(request):
    try:
        settings.parse(request)
    except BadSetting:
        pass


class TestInfotext:
    @staticmethod
    def restored(written: dict) -> dict:
        """What a pasted picture puts into the panel; infotext makes text of every value."""
        text = {label: str(value) for label, value in written.items()}
        return {key: infotext.read(key, text) for key in FIELDS if key != "map"}

    @given(
        st.sampled_from(["map", "fan", "mask"]),
        st.sampled_from([p.value for p in Polarity]),
        st.integers(0, 128),
        st.lists(st.integers(0, 100).map(lambda n: n / 100), min_size=2, max_size=10).filter(any),
        st.sampled_from(["columns", "rows"]),
        st.sampled_from([s.value for s in SoftnessSide]),
        st.integers(0, 100).map(lambda n: n / 100),
        st.booleans(),
        st.tuples(st.sampled_from([0.0, 0.2]), st.sampled_from([0.21, 1.0]), st.sampled_from([0.1, 1.0, 2.35])),
    )
    def test_everything_that_was_used_comes_back(
        self, source, polarity, softness, strengths, axis, side, minimum, keep, levels
    ):
        request = {
            "source": source,
            "map": picture(),
            "polarity": polarity,
            "softness": softness,
            "fan_strengths": strengths,
            "fan_axis": axis,
            "softness_side": side,
            "minimum": minimum,
            "keep_exact": keep,
        } | dict(zip(("black", "white", "gamma"), levels))
        first = settings.parse(request)
        again = settings.parse(self.restored(infotext.write(first)) | {"map": picture()})
        assert infotext.write(again) == infotext.write(first)
        assert again.source is first.source and again.softness == first.softness and again.keep_exact is keep
        assert (again.black, again.white, again.gamma) == levels
        if source == "fan":
            assert again.fan_strengths == first.fan_strengths and again.fan_axis is first.fan_axis
        if source == "mask":
            assert again.minimum == first.minimum
        else:
            assert again.polarity is first.polarity

    @given(
        st.sampled_from(["prompt", "luminance", "depth_midas, new"]),
        st.text("ab ,:", max_size=5).map(str.strip),
        st.text("ab ,:", max_size=5).map(str.strip),
        st.booleans(),
        st.sampled_from(["high", "low", "middle"]),
        st.sampled_from([p.value for p in Polarity]),
    )
    def test_how_a_map_was_made_comes_back(self, auto, prompt, against, equalise, part, polarity):
        texts = {"auto_prompt": prompt, "auto_against": against} if auto == "prompt" else {}
        request = {"auto": auto, **texts, "equalise": equalise, "auto_part": part, "polarity": polarity}
        for first in (
            settings.parse({"source": "auto", **request}),
            settings.parse_as_fan({"source": "auto", **request}),
        ):
            again = settings.parse(self.restored(infotext.write(first)))
            assert again.source is Source.AUTO and again.is_made and again.map is None
            assert {key: getattr(again, key) for key in request} == {key: getattr(first, key) for key in request}

    def test_a_picture_made_without_us_switches_us_off(self):
        panel = {key: infotext.read(key, {"Steps": "20"}) for key in FIELDS if key != "map"}
        assert panel.pop("enabled") is False
        defaults = settings.parse({"source": "map", "map": picture()} | {k: v for k, v in panel.items()})
        assert infotext.write(defaults).keys() == {"Differential Diffusion", "Differential Diffusion map"}

    def test_the_map_is_named_by_its_digest_only(self):
        written = infotext.write(settings.parse({"map": picture(3)}))
        assert len(written["Differential Diffusion map"]) == 10
        assert all(len(str(value)) < 60 for value in written.values())
        assert written != infotext.write(settings.parse({"map": picture(4)}))

    def test_no_value_breaks_the_hosts_comma_separated_line(self):
        parsed = settings.parse(
            {"source": "fan", "fan_strengths": [0.1, 0.2], "softness": 3, "softness_side": "inwards"}
        )
        for label, value in infotext.write(parsed).items():
            assert not set(",:\n") & set(f"{label}{value}")
