"""What a person has to do on the page: three tasks by hand, from an empty page, at 1366 x 768.

An action is a click, a drag, a key press, or filling in one field. `python tests/benchmarks/tasks.py URL ...` does the
tasks on running WebUIs. Where a page has no button that opens the painter over the window, as before there was one, the
tasks are done on the page itself.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(folder) for folder in (ROOT / "tests", ROOT) if str(folder) not in sys.path]

from conftest import Server  # noqa: E402
from playwright.sync_api import Page, TimeoutError, sync_playwright  # noqa: E402

PICTURE = ROOT / "preview" / "assets" / "sample.png"
PATIENCE = 90_000
"""Milliseconds that one run may take on a busy machine."""
COUNT = """
    window.hand = { presses: 0, keys: 0, scrolled: 0 };
    addEventListener("pointerdown", ({ isTrusted }) => { hand.presses += isTrusted; }, true);
    addEventListener("keydown", ({ isTrusted }) => { hand.keys += isTrusted; }, true);
    const places = new Map();
    addEventListener("scroll", ({ target }) => {
        const full = document.querySelector(".diffdiff-full");
        const now = target === document ? scrollY : target.scrollTop;
        const isSeen = full ? full.contains(target) : target === document; // below the painter a page moves unseen
        if (isSeen) hand.scrolled += Math.abs(now - (places.get(target) ?? 0));
        places.set(target, now);
    }, true);
"""


SET = """([selector, value]) => {
    const field = document.querySelector(selector);
    field.value = value;
    updateInput(field);
}"""


class Hand:
    """Does what a hand does, one action at a time, and counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0
        self._at_opening: tuple[int, float] | None = None
        self._started = time.monotonic()

    def choose_picture(self) -> None:
        self.actions += 1
        self.page.locator("#img2img_image input[type=file]").first.set_input_files(PICTURE)
        self.page.wait_for_timeout(1500)

    def click(self, selector: str, at: tuple[float, float] | None = None) -> None:
        """Click the first element that is seen; `at`: shares of its size."""
        self.actions += 1
        element = self.page.locator(f"{selector} >> visible=true").first
        element.wait_for(timeout=PATIENCE)
        if at is None:
            element.click()
            return
        element.scroll_into_view_if_needed()
        box = element.bounding_box()
        self.page.mouse.click(box["x"] + at[0] * box["width"], box["y"] + at[1] * box["height"])

    def fill(self, selector: str, text: str) -> None:
        self.click(selector)
        self.page.keyboard.type(text)

    def stroke(self) -> None:
        self.actions += 1
        canvas = self.page.locator("#diffdiff_painter canvas").first
        canvas.wait_for(timeout=PATIENCE)
        canvas.scroll_into_view_if_needed()
        self.page.wait_for_timeout(300)
        box = canvas.bounding_box()
        self.page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.4 * box["height"])
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.6 * box["height"], steps=8)
        self.page.mouse.up()

    def until_made(self, act: Callable[[], None]) -> dict[str, Any]:
        """Do what starts a run, and wait for its picture; gives the run's generation info."""
        field = "document.querySelector('#generation_info_img2img :is(textarea, input)')"
        before = self.page.evaluate(f"{field}?.value ?? ''")
        act()
        changed = f"before => {field} && {field}.value !== before && {field}.value"
        info = self.page.wait_for_function(changed, arg=before, timeout=PATIENCE).json_value()
        self.page.wait_for_timeout(1500)
        return json.loads(info)

    @property
    def counted(self) -> str:
        """Actions, presses, keys, pixels scrolled and seconds as cells; in brackets, what was done in full screen."""
        hand = self.page.evaluate("hand")
        actions, scrolled = f"{self.actions}", f"{hand['scrolled']:.0f}"
        if self._at_opening:
            actions += f" ({self.actions - self._at_opening[0]})"
            scrolled += f" ({hand['scrolled'] - self._at_opening[1]:.0f})"
        return f"{actions} | {hand['presses']} | {hand['keys']} | {scrolled} | {time.monotonic() - self._started:.0f}"

    def note_opening(self) -> None:
        self.page.wait_for_timeout(500)
        self._at_opening = self.actions, self.page.evaluate("hand.scrolled")


def open_painter(hand: Hand) -> bool:
    """Whether the page has the painter over the whole window; opens that, or else the panel."""
    if not hand.page.get_by_role("button", name="Paint strengths").count():
        hand.click("#diffdiff > .label-wrap")
        return False
    hand.click(".diffdiff-open")
    hand.page.locator(".diffdiff-full").wait_for(timeout=PATIENCE)
    hand.note_opening()
    return True


def write_prompt(hand: Hand, is_full: bool) -> None:
    hand.fill(".diffdiff-bench textarea" if is_full else "#img2img_prompt textarea", "autumn")


def generate(hand: Hand, is_full: bool) -> dict[str, Any]:
    button = ".diffdiff-bench button:text-is('Generate')" if is_full else "#img2img_generate"
    return hand.until_made(lambda: hand.click(button))


def first_edit(hand: Hand) -> str:
    """First edit with a painted map"""
    hand.choose_picture()
    is_full = open_painter(hand)
    hand.stroke()
    write_prompt(hand, is_full)
    generate(hand, is_full)
    return ""


def soft_inpainting(hand: Hand) -> str:
    """Soft inpainting: a stroke with a soft edge"""
    hand.choose_picture()
    is_full = open_painter(hand)
    hand.stroke()
    slider = ".diffdiff-bench [aria-label^=Softness]" if is_full else "#diffdiff_softness input"
    hand.click(f"{slider}[type=range]", (0.1, 0.5))
    write_prompt(hand, is_full)
    made = generate(hand, is_full)
    assert "Differential Diffusion softness" in made["infotexts"][0]
    return ""


def find_the_strength(hand: Hand) -> str:
    """The right strength: fan, pick, zoom in, pick, final picture with the fan's seed"""
    hand.choose_picture()
    is_full = open_painter(hand)
    write_prompt(hand, is_full)
    fan = ".diffdiff-bench button:text-is('Strength fan')" if is_full else "#diffdiff_fan"
    first = hand.until_made(lambda: hand.click(fan))
    pick(hand, is_full)
    hand.until_made(lambda: hand.click(".diffdiff-zoom"))
    pick(hand, is_full)
    if hand.page.locator(".diffdiff-generate-this").count():
        final = hand.until_made(lambda: hand.click(".diffdiff-generate-this"))
    else:
        final = generate(hand, is_full)
    same = final["all_seeds"][0] == first["all_seeds"][0]
    return "the fan's seed" if same else "another seed: not the picture that was picked"


def pick(hand: Hand, is_full: bool) -> None:
    if is_full:
        hand.click(".diffdiff-pictures img[alt=Result]", (0.5, 0.6))
    else:
        hand.click("#img2img_gallery .thumbnail-item >> nth=1")
        hand.page.wait_for_timeout(1000)
        hand.click("#img2img_gallery .preview img, #img2img_gallery img[data-testid=detailed-image]", (0.5, 0.6))
    hand.page.wait_for_timeout(1000)


BEFORE = """\
| before, on the page | First edit with a painted map | 5 | 4 | 6 | 3307 | 22 |  |
| before, on the page | Soft inpainting: a stroke with a soft edge | 6 | 5 | 6 | 4139 | 20 |  |
| before, on the page | The right strength | 10 | 9 | 6 | 5594 | 130 | fails: map: missing |"""
"""Measured once on the preview, under gradio 4, at the commit before the painter could fill the window."""
ON_WEBUIS = """\
| AUTOMATIC1111, before | First edit with a painted map | 5 | 4 | 6 | 4507 | 14 |  |
| AUTOMATIC1111, before | Soft inpainting: a stroke with a soft edge | 6 | 5 | 6 | 5337 | 13 |  |
| AUTOMATIC1111, before | The right strength | 10 | 9 | 6 | 7548 | 21 | another seed: not the picture that was picked |
| AUTOMATIC1111, in full screen | First edit with a painted map | 5 (3) | 4 | 6 | 0 (0) | 14 |  |
| AUTOMATIC1111, in full screen | Soft inpainting: a stroke with a soft edge | 6 (4) | 5 | 6 | 0 (0) | 8 |  |
| AUTOMATIC1111, in full screen | The right strength | 8 (6) | 7 | 6 | 0 (0) | 15 | the fan's seed |
| Forge, before | First edit with a painted map | 5 | 4 | 6 | 3784 | 29 |  |
| Forge, before | Soft inpainting: a stroke with a soft edge | 6 | 5 | 6 | 4954 | 22 |  |
| Forge, before | The right strength | 10 | 9 | 6 | 7248 | 30 | another seed: not the picture that was picked |
| Forge, in full screen | First edit with a painted map | 5 (3) | 4 | 6 | 0 (0) | 18 |  |
| Forge, in full screen | Soft inpainting: a stroke with a soft edge | 6 (4) | 5 | 6 | 0 (0) | 22 |  |
| Forge, in full screen | The right strength | 8 (6) | 7 | 6 | 0 (0) | 41 | the fan's seed |
| Forge Neo, before | First edit with a painted map | 5 | 4 | 6 | 3681 | 42 |  |
| Forge Neo, before | Soft inpainting: a stroke with a soft edge | 6 | 5 | 6 | 4853 | 48 |  |
| Forge Neo, before | The right strength | 10 | 9 | 6 | 6920 | 74 | another seed: not the picture that was picked |
| Forge Neo, in full screen | First edit with a painted map | 5 (3) | 4 | 6 | 0 (0) | 23 |  |
| Forge Neo, in full screen | Soft inpainting: a stroke with a soft edge | 6 (4) | 5 | 6 | 0 (0) | 21 |  |
| Forge Neo, in full screen | The right strength | 8 (6) | 7 | 6 | 0 (0) | 53 | the fan's seed |"""
"""Measured by `python tests/benchmarks/tasks.py URL ...` on running WebUIs (before: at the commit before the page's map
had one owner). The seconds are those of a processor that others used too."""

TASKS = (first_edit, soft_inpainting, find_the_strength)


def on(url: str, name: str, tasks: Sequence[Callable[[Hand], str]] = TASKS) -> None:
    """Print the rows of one WebUI."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for task in tasks:
            page = browser.new_page(viewport={"width": 1366, "height": 768})
            page.add_init_script(COUNT)
            page.goto(url)
            page.wait_for_selector("#img2img_generate", state="attached", timeout=PATIENCE)
            tab = page.locator("#tabs > .tab-nav button", has_text="img2img")
            if tab.count():
                tab.first.click()
            page.wait_for_timeout(2500)
            for number, value in {"width": 256, "height": 256, "steps": 8}.items():  # not what is measured
                page.evaluate(SET, [f"#img2img_{number} input[type=number]", value])
                page.wait_for_timeout(200)
            page.evaluate("Object.assign(hand, { presses: 0, keys: 0, scrolled: 0 })")
            hand = Hand(page)
            try:
                ended = task(hand)
            except TimeoutError:
                said = page.locator("#html_log_img2img .error")
                ended = f"fails: {said.first.inner_text()}" if said.count() else "fails"
            print(f"| {name} | {task.__doc__} | {hand.counted} | {ended} |", flush=True)
            page.close()
        browser.close()


def table() -> None:
    print("| page | task | actions (in full screen) | presses | keys | px scrolled (in full screen) | s | ends with |")
    print("|---|---|---|---|---|---|---|---|")


def run(quick: bool) -> None:
    """Print what the tasks cost on the preview; `quick`: the first of them."""
    server = Server("--no-example")
    try:
        table()
        print(BEFORE)
        on(server.url, "in full screen", TASKS[:1] if quick else TASKS)
        print(ON_WEBUIS)
    finally:
        server.stop()


if __name__ == "__main__":
    table()
    for address in sys.argv[1:]:
        on(address, address)
