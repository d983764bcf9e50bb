"""Makes the README's picture of the panel in a WebUI that is given its address: `panel_picture.py URL FILE`.

It needs the tests' environment (`python tests` says where that lies) and Chromium.
"""

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

ASSETS = Path(__file__).parents[1] / "preview" / "assets"


def main(address: str, file: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1360, "height": 1600})
        page.set_default_timeout(120_000)
        page.goto(f"{address}/?__theme=light")
        page.wait_for_selector("#diffdiff", state="attached")
        page.wait_for_timeout(3000)  # the hosts' own start-up scripts run after the elements are there
        page.locator("#tabs > .tab-nav button", has_text="img2img").first.click()
        page.locator("#img2img_image input[type=file]").first.set_input_files(ASSETS / "sample.png")
        page.wait_for_selector("#img2img_image img")
        page.wait_for_timeout(1500)
        page.locator("#diffdiff > .label-wrap").first.click()
        page.wait_for_timeout(2500)
        page.locator("#diffdiff_painter input[type=file]").first.set_input_files(ASSETS / "sample_map.png")
        page.wait_for_timeout(5000)
        page.set_viewport_size({"width": 1360, "height": 1700})
        page.wait_for_timeout(1000)
        picture = Image.open(io.BytesIO(page.locator("#diffdiff").first.screenshot()))
        colours = picture.convert("RGB")
        colours.quantize(palette=colours.quantize(256)).save(file, optimize=True)  # dithered
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
