"""A WebUI's page as its users see it, in a real browser."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import patience
from PIL import Image
from playwright.sync_api import expect

STEP = 120
"""Seconds that one step may take."""
BETWEEN_CHANGES_MS = 100
"""gradio loses one of two changes that come at once."""
FIRST_PICTURE = """() => [...document.querySelectorAll("#img2img_gallery img")]
    .find(image => !image.closest(".livePreview"))?.src"""
ERROR = """() => document.querySelector("#html_log_img2img .error")?.textContent"""
SOURCE = """box => [...document.querySelectorAll(`#${box} img`)].map(image => image.src).find(Boolean) ?? null"""

SHOWS_TAB = """name => {
    const tabs = [...document.querySelectorAll("#tabs > .tab-nav button")];
    const tab = tabs.find(tab => tab.textContent.trim().toLowerCase() === name.toLowerCase());
    const hasTabs = gradio_config.components.some(({ props }) => props.elem_id === "tabs");
    if (!hasTabs || tab?.classList.contains("selected")) return true;
    tab?.click();
}"""


def show_tab(page: Any, name: str) -> None:
    """Show one of the WebUI's tabs, where there are several; they may come after all else.

    Forge writes "Img2img".
    """
    page.wait_for_function(SHOWS_TAB, arg=name, polling=500)


class Page:
    """The img2img tab on one browser tab.

    Args:
        page: of Playwright, with nothing loaded yet.
        url: of the WebUI.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.page.set_default_timeout(patience.milliseconds(STEP))
        expect.set_options(timeout=patience.milliseconds(STEP))
        self.url = url
        self.open()

    def open(self) -> None:
        self.page.goto(f"{self.url}?__theme=light")  # without a theme the hosts load the page a second time
        self.page.wait_for_selector("#img2img_generate", state="attached")
        self.page.wait_for_selector("#diffdiff", state="attached")
        self.until("globalThis.diffdiff?.painter")  # set by the last script that the host starts for us

    def until(self, condition: str, argument: Any = None) -> None:
        """Wait for a JavaScript expression, or a function of `argument`, to come true."""
        self.page.wait_for_function(condition, arg=argument)

    def until_same(self, selector: str, milliseconds: int = 300) -> None:
        """Wait until an element has kept its place and size for a while."""
        box, kept = None, 0
        while kept < milliseconds:
            before, box = box, self.page.locator(selector).first.bounding_box()
            kept = kept + 100 if box is not None and box == before else 0
            self.page.wait_for_timeout(100)

    def to_tab(self, name: str) -> None:
        show_tab(self.page, name)

    def has(self, selector: str) -> bool:
        return self.page.locator(selector).count() > 0

    def click(self, selector: str) -> None:
        """Click an element, shown or hidden."""
        self.page.locator(selector).first.dispatch_event("click")

    def give(self, box: str, picture: Image.Image) -> None:
        """Choose a file, and wait for nothing."""
        file = io.BytesIO()
        picture.save(file, "PNG")
        files = self.page.locator(f"#{box} input[type=file]").first
        files.set_input_files({"name": "picture.png", "mimeType": "image/png", "buffer": file.getvalue()})

    def upload(self, box: str, picture: Image.Image) -> None:
        """Put a picture into one of the WebUI's boxes and wait until it is shown there."""
        before = self.page.evaluate(SOURCE, box)
        self.give(box, picture)
        self.until(f"([box, before]) => ![null, before].includes(({SOURCE})(box))", [box, before])

    def upload_map(self, grey: np.ndarray) -> None:
        """Upload a change map and wait until it has come back from the WebUI."""
        before = self.value("#diffdiff_map textarea")
        self.give("diffdiff_painter", Image.fromarray(grey))
        self.until(
            "before => !['', before].includes(document.querySelector('#diffdiff_map textarea').value)",
            before,
        )

    def until_chosen(self, name: str, value: str) -> None:
        """Wait until one of the panel's radios has a value."""
        self.until(
            "([name, value]) => document.querySelector(`#diffdiff_${name} input:checked`)?.value === value",
            [name, value],
        )

    def until_number(self, selector: str, value: float) -> None:
        self.until("([field, value]) => Number(document.querySelector(field).value) === value", [selector, value])

    def fill(self, selector: str, value: object) -> None:
        """Write into a field and tell the page, as typing does; also where it is hidden."""
        self.page.locator(selector).first.evaluate(
            "(field, value) => { field.value = value; updateInput(field) }", str(value)
        )

    def set_numbers(self, **values: float) -> None:
        """Settings of the tab, named by their element ids without `img2img_`."""
        for name, value in values.items():
            self.fill(f"#img2img_{name} input[type=number]", value)
            self.page.wait_for_timeout(BETWEEN_CHANGES_MS)

    def value(self, selector: str) -> str:
        return self.page.locator(selector).first.input_value()

    def checked(self, selector: str) -> bool:
        return self.page.locator(selector).first.is_checked()

    def switch(self, on: bool) -> None:
        """Switch the effect on or off."""
        box = self.page.locator("#diffdiff-visible-checkbox, #diffdiff-checkbox input").first
        if box.is_checked() != on:
            box.dispatch_event("click")
        self.until("on => document.querySelector('#diffdiff-checkbox input').checked === on", on)
        self.page.wait_for_timeout(BETWEEN_CHANGES_MS)

    def generate(self) -> None:
        """Run, and wait until there is another picture or another error."""
        before = [self.page.evaluate(state) for state in (FIRST_PICTURE, ERROR)]
        self.click("#img2img_generate")
        self.until(
            f"before => [{FIRST_PICTURE}, {ERROR}].map(state => state()).some((now, n) => now && now !== before[n])",
            before,
        )
        self.until_idle()

    def to_batch(self) -> None:
        """Show the img2img tab's Batch tab with its folders."""
        self.page.locator("#mode_img2img button", has_text="Batch").first.click()
        if self.has("#img2img_batch_source"):  # reForge and Forge Classic take folders alone
            self.page.locator("#img2img_batch_source button", has_text="From directory").first.click()

    def until_idle(self) -> None:
        """Wait until no run is shown as running."""
        self.until("!document.querySelector('.progressDiv')")

    def error(self) -> str:
        shown = self.page.locator("#html_log_img2img .error")
        return shown.first.text_content() if shown.count() else ""

    def picture(self) -> np.ndarray:
        """The gallery's first picture, int (H, W, 3)."""
        encoded = self.page.evaluate(
            f"""async () => {{
                const reply = await fetch(({FIRST_PICTURE})());
                return Array.from(new Uint8Array(await reply.arrayBuffer()));
            }}"""
        )
        return np.asarray(Image.open(io.BytesIO(bytes(encoded))).convert("RGB")).astype(int)

    def screenshot(self, path: Path) -> None:
        self.page.screenshot(path=path)
