"""Scripts of the img2img tab that a change map cannot be combined with switch it off, and the user is told."""

import pytest

from webui.client import WebUI, columns, largest_difference, map_of, photograph

PICTURE = photograph()
EFFECT = map_of(columns(0, 255))
CASES = {
    "Outpainting mk2": [None, 64, 8, ["right"], 1.0, 0.05],
    "Poor man's outpainting": [64, 4, "fill", ["right"]],
    "img2img alternative test": [None, True, True, "a house", "", True, 6, True, 1.0, 0.0, False],
}
"""Script -> its arguments."""


@pytest.mark.parametrize("script", CASES)
def test_switched_off_with_a_note(webui: WebUI, script):
    webui.needs_script(script)
    options = {"script_name": script, "script_args": CASES[script], "steps": 6}
    try:
        plain = webui.img2img(PICTURE, **options)
    except RuntimeError as error:
        pytest.skip(f"{script} fails on {webui.url} without us too: {error}")
    ours = webui.img2img(PICTURE, EFFECT, **options)
    assert largest_difference(plain.images[0], ours.images[0]) <= 1
    assert "Differential Diffusion" not in ours.infotext
    webui.needs_test_extension()
    assert [note for note in ours.run["comments"] if note.startswith("Differential Diffusion was off: script")]


def test_without_such_a_script_there_is_no_note(webui: WebUI):
    webui.needs_test_extension()
    assert not webui.img2img(PICTURE, EFFECT).run["comments"]
