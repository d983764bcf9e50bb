"""The stages of training, as commands: each continues where it was interrupted and does nothing once it is done."""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_model, save_model
from transformers import CLIPTokenizer

from preview.train import lpips, photographs, sheets, text
from preview.train.autoencoder import PatchPca, build_autoencoder, standardise
from preview.train.classifier import Classifier, train_classifier
from preview.train.data import Pictures, encode, latents_of, shard_paths
from preview.train.evaluate import PARTS, Effort, Measure, figures
from preview.train.export import export
from preview.train.render import (
    SIZE,
    Photographs,
    Sample,
    load_shard,
    photograph_picture,
    render_shards,
    shards,
    training_picture,
)
from preview.train.training import (
    Denoising,
    Schedule,
    build_denoiser,
    load_average,
    train_autoencoder,
    train_denoiser,
)

SEED = 0
REPOSITORY = Path(__file__).resolve().parents[2]
SHAPES = {(512, 512): 0.05, (384, 384): 0.12, (384, 256): 0.06, (256, 384): 0.06, (256, 256): 1.0}
"""Height and width of the training pictures, and how many there are for each one of 256 x 256 pixels. The slowest to
render come first, so that no process works on alone at the end."""
PHOTOGRAPHS_SHARE = 0.4
"""Pictures made from photographs for each made one."""
JUDGED = {"made": 4_000, "photographs": 1_500}
"""Pictures for the classifier."""
JUDGED_FIRST = 1_000_000
"""Index of the first of them: the judge and the model share no picture."""
AUTOENCODER_SHARE = 0.4
"""Of the time for training."""
EXPORT_SECONDS = 20
"""Kept back for what follows the training."""


class Workspace:
    """The folder that holds photographs, pictures and checkpoints between the stages."""

    def __init__(self, folder: Path):
        self.photographs = folder / "photographs"
        self.pictures = folder / "pictures"
        self.judged_pictures = folder / "classifier-pictures"
        self.autoencoder_checkpoint = folder / "autoencoder.pt"
        self.denoiser_checkpoint = folder / "denoiser.pt"
        self.lpips = folder / "alexnet.lpips.npz"
        self.finished_autoencoder = folder / "autoencoder.safetensors"
        self._tokenizer = folder / "tokenizer"
        self._pca = folder / "pca.npz"
        self._classifier = folder / "classifier.safetensors"

    def load_pictures(self) -> list[Pictures]:
        """All that the stage 'render' has made, one entry a folder."""
        return [Pictures.load(folder, device()) for folder in sorted(self.pictures.iterdir())]

    def held_out(self) -> Photographs:
        """The photographs that nothing is trained on."""
        return photographs.load(self.photographs / "held-out")

    def painters(self) -> dict[str, Callable]:
        """What makes training pictures, by the name of their folders."""
        return {"made": training_picture, "photographs": partial(_restyled_photograph, self.photographs)}

    def pca(self) -> PatchPca:
        """What the encoder begins as, fitted to a part of the pictures when first asked for."""
        if not self._pca.exists():
            pictures = np.concatenate(
                [load_shard(path)[0][::5] for path in shard_paths(self.pictures / "made-256x256")[:40]]
            )
            pca = PatchPca.fit(pictures)
            np.savez(self._pca, weight=pca.weight, mean=pca.mean)
        stored = np.load(self._pca)
        return PatchPca(stored["weight"], stored["mean"])

    def tokenizer(self) -> CLIPTokenizer:
        return text.build_tokenizer(self._tokenizer)

    def autoencoder(self) -> AutoencoderKL:
        """The trained one, with a latent space of unit variance, made of its checkpoint when first asked for."""
        model = build_autoencoder(self.pca(), SEED).to(device())
        if self.finished_autoencoder.exists():
            load_model(model, str(self.finished_autoencoder))
            return model
        print(f"autoencoder: averaged weights after {load_average(self.autoencoder_checkpoint, model)} samples")
        pictures = [Pictures(group.values[:50], group.samples[:50]) for group in self.load_pictures()]
        standardise(model, torch.cat([latents_of(model, group).movedim(1, -1).flatten(0, 2) for group in pictures]))
        save_model(model, str(self.finished_autoencoder))
        return model

    def classifier(self) -> Classifier:
        """The judge, trained when first asked for."""
        if not self._classifier.exists():
            wanted = []
            for name, painter in self.painters().items():
                wanted += shards(self.judged_pictures / name, JUDGED[name], painter, JUDGED_FIRST)
            render_shards(wanted, processes())
            folders = sorted({shard.folder for shard in wanted})
            save_model(train_classifier(folders, epochs=8, seed=SEED), str(self._classifier))
        classifier = Classifier()
        load_model(classifier, str(self._classifier))
        return classifier.eval()


def _restyled_photograph(folder: Path, index: int, height: int = SIZE, width: int = SIZE) -> tuple[np.ndarray, Sample]:
    return photograph_picture(photographs.load(folder), index, height, width)


class Clock:
    """The time that all stages have together."""

    def __init__(self, minutes: float):
        self._end = time.monotonic() + 60 * minutes

    def left(self) -> float:
        """Seconds for training."""
        return self._end - time.monotonic() - EXPORT_SECONDS


def device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def processes() -> int:
    return os.cpu_count() or 1


def _denoising(tokenizer: CLIPTokenizer) -> Denoising:
    torch.manual_seed(SEED)
    return Denoising(build_denoiser(text.WIDTH), text.build_text_encoder(tokenizer)).to(device())


def _gather(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    photographs.collect(options.packages, workspace.photographs)
    lpips.weights(workspace.lpips)


def _render(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    counts = {"made": options.pictures, "photographs": options.pictures * PHOTOGRAPHS_SHARE}
    wanted = []
    for (height, width), share in SHAPES.items():
        for name, painter in workspace.painters().items():
            folder = workspace.pictures / f"{name}-{height}x{width}"
            wanted += shards(folder, round(counts[name] * share), partial(painter, height=height, width=width))
    render_shards(wanted, processes())


def _autoencoder(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    if workspace.finished_autoencoder.exists():
        print("autoencoder: finished, since the denoiser learns from its latents")
        return
    share = AUTOENCODER_SHARE if "denoiser" in options.stages else 1.0
    schedule = Schedule(share * clock.left(), options.batch // 8, learning_rate=4e-4)
    distance = lpips.Lpips(lpips.weights(workspace.lpips)).to(device())
    model = build_autoencoder(workspace.pca(), SEED).to(device())
    train_autoencoder(model, distance, workspace.load_pictures(), schedule, workspace.autoencoder_checkpoint)


def _denoiser(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    tokenizer = workspace.tokenizer()
    autoencoder = workspace.autoencoder()
    latents = [encode(autoencoder, pictures, tokenizer) for pictures in workspace.load_pictures()]
    schedule = Schedule(clock.left(), options.batch, learning_rate=1e-3)
    train_denoiser(_denoising(tokenizer), tokenizer, latents, schedule, workspace.denoiser_checkpoint)


def _export(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    tokenizer = workspace.tokenizer()
    denoising = _denoising(tokenizer)
    print(f"denoiser: averaged weights after {load_average(workspace.denoiser_checkpoint, denoising)} samples")
    export(options.model, denoising, workspace.autoencoder(), tokenizer)


def _evaluate(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    effort = Effort(options.seeds, options.edit_seeds, options.held_out)
    report = options.model / "figures.json"
    measure = Measure(workspace.classifier(), lpips.Lpips(lpips.weights(workspace.lpips)), workspace.held_out())
    for part, value in figures(options.model, measure, effort, options.measure):
        measured = json.loads(report.read_text()) if report.exists() else {}
        measured[part] = value
        report.write_text(json.dumps(measured, indent=1) + "\n")
        print(json.dumps({part: value}, indent=1))


def _sheets(workspace: Workspace, options: argparse.Namespace, clock: Clock) -> None:
    sheets.write(options.model, options.images, workspace.held_out())


STAGES = {
    "gather": (_gather, "take photographs and LPIPS's weights out of packages (needs the network)"),
    "render": (_render, "make the pictures and their captions"),
    "autoencoder": (_autoencoder, "train the autoencoder"),
    "denoiser": (_denoiser, "train the denoiser and the text encoder"),
    "export": (_export, "write the averaged weights in diffusers' format"),
    "evaluate": (_evaluate, "measure the exported model (trains the judge first)"),
    "sheets": (_sheets, "draw the sample sheets with the exported model"),
}
TRAINING = ["render", "autoencoder", "denoiser", "export"]
"""What `all` stands for."""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; `all` stands for the stages that need neither network nor judge."""
    listed = "\n".join(f"  {name:12} {about}" for name, (_, about) in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="python preview/train",
        description=f"Train the preview's demo model from nothing.\n\nstages, in this order:\n{listed}\n"
        f"  {'all':12} {', '.join(TRAINING)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Needs the packages of preview/train/requirements.txt. Every stage continues where it stopped.",
    )
    parser.add_argument("stages", nargs="+", metavar="STAGE", choices=[*STAGES, "all"], help="stages to run")
    parser.add_argument("--minutes", type=float, default=12, help="for all the stages together; default %(default)s")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "differential-diffusion-training")
    parser.add_argument(
        "--packages",
        type=Path,
        default=Path.cwd(),
        help="gather: folder of Debian's packages, each unpacked to its name",
    )
    parser.add_argument("--model", type=Path, default=REPOSITORY / "preview" / "model", help="folder to export to")
    parser.add_argument("--images", type=Path, default=REPOSITORY / "preview" / "images", help="folder for the sheets")
    parser.add_argument(
        "--pictures", type=int, default=16_000, help=f"made ones of {SIZE} x {SIZE} pixels; default %(default)s"
    )
    parser.add_argument("--batch", type=int, default=256, help="of the denoiser; on a CPU 16; default %(default)s")
    parser.add_argument("--measure", nargs="+", choices=PARTS, default=list(PARTS), help="evaluation: only these parts")
    parser.add_argument("--seeds", type=int, default=Effort.seeds, help="evaluation: pictures for each caption")
    parser.add_argument("--edit-seeds", type=int, default=Effort.edit_seeds, help="evaluation: edits for each strength")
    parser.add_argument(
        "--held-out", type=int, default=Effort.held_out, help="evaluation: pictures for the autoencoder"
    )
    options = parser.parse_args(arguments)
    if "all" in options.stages:
        options.stages = TRAINING
    return options


def main(arguments: list[str] | None = None) -> None:
    """Run the stages of the command line, and say how long each took."""
    options = parse(arguments)
    workspace, clock = Workspace(options.work), Clock(options.minutes)
    torch.backends.cudnn.benchmark = True
    for stage in options.stages:
        started = time.monotonic()
        STAGES[stage][0](workspace, options, clock)
        print(f"{stage}: {time.monotonic() - started:.0f} s", flush=True)
