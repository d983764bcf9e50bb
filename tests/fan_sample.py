"""Makes the README's picture of a strength fan through a running preview: `python tests/fan_sample.py URL FILE`."""

import base64
import sys
from pathlib import Path

import httpx

SAMPLE = Path(__file__).parents[1] / "preview" / "assets" / "sample.png"


def main(address: str, file: str) -> None:
    request = {
        "init_images": [base64.b64encode(SAMPLE.read_bytes()).decode()],
        "prompt": "a house, autumn",
        "seed": 5,
        "steps": 20,
        "cfg_scale": 3,
        "width": 256,
        "height": 256,
        "sampler_name": "DPM++ 2M",
        "alwayson_scripts": {"differential diffusion": {"args": [{"source": "fan", "fan_count": 5}]}},
    }
    response = httpx.post(f"{address.rstrip('/')}/sdapi/v1/img2img", json=request, timeout=600)
    response.raise_for_status()
    Path(file).write_bytes(base64.b64decode(response.json()["images"][-1]))


if __name__ == "__main__":
    main(*sys.argv[1:])
