"""A WebUI's page as its users see it, in a real browser."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PATIENCE = 120_000
"""Milliseconds that one step may take."""
FIRST_PICTURE = """() => [...document.querySelectorAll("#img2img_gallery img")]
    .find(image => !image.closest(".livePreview"))?.src"""
ERROR = """() => document.querySelector("#html_log_img2img .error")?.textContent"""


class Page:
    """The img2img tab on one browser tab.

    Args:
        page: of Playwright, with nothing loaded yet.
        url: of the WebUI.
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.page.set_default_timeout(PATIENCE)
        self.url = url
        self.open()

    def open(self) -> None:
        self.page.goto(self.url)
        self.page.wait_for_selector("#img2img_generate", state="attached")
        self.page.wait_for_selector("#diffdiff", state="attached")
        self.page.wait_for_timeout(1500)  # the hosts' own start-up scripts run after the elements are there

    def to_tab(self, name: str) -> None:
        """Show one of the WebUI's tabs, where there are several."""
        tab = self.page.locator("#tabs > .tab-nav button", has_text=name)
        if tab.count():
            tab.first.click()

    def has(self, selector: str) -> bool:
        return self.page.locator(selector).count() > 0

    def click(self, selector: str) -> None:
        """Click an element, shown or hidden."""
        self.page.locator(selector).first.dispatch_event("click")

    def upload(self, box: str, picture: Image.Image) -> None:
        file = io.BytesIO()
        picture.save(file, "PNG")
        files = self.page.locator(f"#{box} input[type=file]").first
        files.set_input_files({"name": "picture.png", "mimeType": "image/png", "buffer": file.getvalue()})

    def upload_map(self, grey: np.ndarray) -> None:
        """Upload a change map and wait until it has come back from the WebUI."""
        before = self.value("#diffdiff_map textarea")
        self.upload("diffdiff_painter", Image.fromarray(grey))
        self.page.wait_for_function(
            """before => {
                const map = document.querySelector("#diffdiff_map textarea").value;
                return map && map !== before;
            }""",
            arg=before,
        )

    def fill(self, selector: str, value: object) -> None:
        """Write into a field and tell the page, as typing does; also where it is hidden."""
        self.page.locator(selector).first.evaluate(
            "(field, value) => { field.value = value; updateInput(field) }", str(value)
        )

    def set_numbers(self, **values: float) -> None:
        """Settings of the tab, named by their element ids without `img2img_`."""
        for name, value in values.items():
            self.fill(f"#img2img_{name} input[type=number]", value)
            self.page.wait_for_timeout(100)  # gradio loses one of two changes that come at once

    def value(self, selector: str) -> str:
        return self.page.locator(selector).first.input_value()

    def checked(self, selector: str) -> bool:
        return self.page.locator(selector).first.is_checked()

    def switch(self, on: bool) -> None:
        """Switch the effect on or off."""
        box = self.page.locator("#diffdiff-visible-checkbox, #diffdiff-checkbox input").first
        if box.is_checked() != on:
            box.dispatch_event("click")
        self.page.wait_for_timeout(300)

    def generate(self) -> None:
        """Run, and wait until there is another picture or another error."""
        before = [self.page.evaluate(state) for state in (FIRST_PICTURE, ERROR)]
        self.click("#img2img_generate")
        self.page.wait_for_function(
            f"before => [{FIRST_PICTURE}, {ERROR}].map(state => state()).some((now, n) => now && now !== before[n])",
            arg=before,
        )
        self.page.wait_for_timeout(500)

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
