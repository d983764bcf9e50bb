"""The stages of training, as commands: each continues where it was interrupted and does nothing once it is done."""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from safetensors.torch import load_model, save_model
from transformers import CLIPTokenizer

from preview.train import sheets, text
from preview.train.autoencoder import PatchPca, build_autoencoder
from preview.train.captions import words
from preview.train.classifier import Classifier, train_classifier
from preview.train.data import Latents, shard_paths
from preview.train.evaluate import PARTS, Effort, figures
from preview.train.export import export
from preview.train.render import SHARD, load_shard, render_shards
from preview.train.training import Denoising, Schedule, build_denoiser, load_average, train_decoder, train_denoiser

SEED = 0
REPOSITORY = Path(__file__).resolve().parents[2]
CLASSIFIER_PICTURES = 4_000
"""Pictures for the classifier, rendered after the model's own ones."""
CLASSIFIER_FIRST = 1_000_000
"""Index of the first of them: the judge and the model share no picture."""


class Workspace:
    """The folder that holds pictures, latents and checkpoints between the stages."""

    def __init__(self, folder: Path):
        self.pictures = folder / "pictures"
        self.judged_pictures = folder / "classifier-pictures"
        self.latents = folder / "latents"
        self.decoder_checkpoint = folder / "decoder.pt"
        self.denoiser_checkpoint = folder / "denoiser.pt"
        self._tokenizer = folder / "tokenizer"
        self._pca = folder / "pca.npz"
        self._classifier = folder / "classifier.safetensors"

    def pca(self) -> PatchPca:
        """The encoder, fitted to a fifth of the first pictures when first asked for."""
        if not self._pca.exists():
            pictures = np.concatenate([load_shard(path)[0][::5] for path in shard_paths(self.pictures)[:4]])
            pca = PatchPca.fit(pictures)
            np.savez(self._pca, weight=pca.weight, mean=pca.mean)
        stored = np.load(self._pca)
        return PatchPca(stored["weight"], stored["mean"])

    def tokenizer(self) -> CLIPTokenizer:
        return text.build_tokenizer(words(), self._tokenizer)

    def classifier(self) -> Classifier:
        """The judge, trained when first asked for."""
        if not self._classifier.exists():
            render_shards(self.judged_pictures, CLASSIFIER_PICTURES, CLASSIFIER_FIRST)
            save_model(train_classifier(self.judged_pictures, epochs=8, seed=SEED), str(self._classifier))
        classifier = Classifier()
        load_model(classifier, str(self._classifier))
        return classifier.eval()


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _denoising(tokenizer: CLIPTokenizer, start: Path | None) -> Denoising:
    """Seeded random weights, or those of the exported model `start`."""
    torch.manual_seed(SEED)
    model = Denoising(build_denoiser(text.WIDTH), text.build_text_encoder(tokenizer))
    if start is not None:
        load_model(model.denoiser, start / "unet" / "diffusion_pytorch_model.safetensors")
        load_model(model.text_encoder, start / "text_encoder" / "model.safetensors")
    return model


def _autoencoder(workspace: Workspace, start: Path | None) -> AutoencoderKL:
    """The fitted encoder with a new decoder, or both of the exported model `start`."""
    autoencoder = build_autoencoder(workspace.pca(), SEED)
    if start is not None:
        load_model(autoencoder, start / "vae" / "diffusion_pytorch_model.safetensors")
    return autoencoder


def _trained(workspace: Workspace, start: Path | None) -> tuple[Denoising, AutoencoderKL, CLIPTokenizer]:
    tokenizer = workspace.tokenizer()
    denoising = _denoising(tokenizer, start)
    autoencoder = _autoencoder(workspace, start)
    for model, checkpoint in (
        (denoising, workspace.denoiser_checkpoint),
        (autoencoder, workspace.decoder_checkpoint),
    ):
        if start is not None and not checkpoint.exists():
            print(f"{checkpoint.name}: not trained further, as in {start}")
        else:
            print(f"{checkpoint.name}: averaged weights after {load_average(checkpoint, model)} samples")
    return denoising, autoencoder, tokenizer


def _render(workspace: Workspace, options: argparse.Namespace) -> None:
    render_shards(workspace.pictures, options.pictures)


def _decoder(workspace: Workspace, options: argparse.Namespace) -> None:
    autoencoder = _autoencoder(workspace, options.start).to(_device())
    schedule = Schedule(options.decoder_samples, batch=8, learning_rate=5e-4)
    train_decoder(autoencoder, workspace.pca(), workspace.pictures, schedule, workspace.decoder_checkpoint)


def _denoiser(workspace: Workspace, options: argparse.Namespace) -> None:
    tokenizer = workspace.tokenizer()
    latents = Latents.of_pictures(workspace.pictures, workspace.latents, workspace.pca())
    schedule = Schedule(options.denoiser_samples, batch=16, learning_rate=7e-4)
    train_denoiser(
        _denoising(tokenizer, options.start).to(_device()),
        tokenizer,
        latents,
        schedule,
        workspace.denoiser_checkpoint,
        options.workers,
    )


def _export(workspace: Workspace, options: argparse.Namespace) -> None:
    export(options.model, *_trained(workspace, options.start))


def _evaluate(workspace: Workspace, options: argparse.Namespace) -> None:
    effort = Effort(options.seeds, options.edit_seeds, options.held_out)
    report = options.model / "figures.json"
    for part, value in figures(options.model, workspace.classifier(), effort, options.measure):
        measured = json.loads(report.read_text()) if report.exists() else {}
        measured[part] = value
        report.write_text(json.dumps(measured, indent=1) + "\n")
        print(json.dumps({part: value}, indent=1))


def _sheets(workspace: Workspace, options: argparse.Namespace) -> None:
    sheets.write(options.model, options.images)


STAGES = {
    "render": (_render, "make the pictures and their captions"),
    "decoder": (_decoder, "fit the encoder and train the decoder"),
    "denoiser": (_denoiser, "train the denoiser and the text encoder"),
    "export": (_export, "write the averaged weights in diffusers' format"),
    "evaluate": (_evaluate, "measure the exported model (trains the judge first)"),
    "sheets": (_sheets, "draw the sample sheets with the exported model"),
}


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line; without stages, all of them in order."""
    listed = "\n".join(f"  {name:10} {about}" for name, (_, about) in STAGES.items())
    parser = argparse.ArgumentParser(
        prog="python preview/train",
        description=f"Train the preview's demo model from nothing.\n\nstages, in this order:\n{listed}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Needs the packages of preview/train/requirements.txt. Every stage continues where it stopped.",
    )
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="stages to run; all when none is named")
    parser.add_argument("--work", type=Path, default=Path.home() / ".cache" / "differential-diffusion-training")
    parser.add_argument("--model", type=Path, default=REPOSITORY / "preview" / "model", help="folder to export to")
    parser.add_argument("--images", type=Path, default=REPOSITORY / "preview" / "images", help="folder for the sheets")
    parser.add_argument(
        "--pictures", type=int, default=20_000, help=f"rendered in files of {SHARD}; default %(default)s"
    )
    parser.add_argument("--start", type=Path, metavar="MODEL", help="train this exported model further")
    parser.add_argument("--decoder-samples", type=int, default=10_000, help="default %(default)s")
    parser.add_argument("--denoiser-samples", type=int, default=150_000, help="default %(default)s")
    parser.add_argument("--workers", type=int, default=2, help="processes that train the denoiser; default %(default)s")
    parser.add_argument("--measure", nargs="+", choices=PARTS, default=list(PARTS), help="evaluation: only these parts")
    parser.add_argument("--seeds", type=int, default=Effort.seeds, help="evaluation: pictures for each caption")
    parser.add_argument("--edit-seeds", type=int, default=Effort.edit_seeds, help="evaluation: edits for each strength")
    parser.add_argument(
        "--held-out", type=int, default=Effort.held_out, help="evaluation: pictures for the autoencoder"
    )
    options = parser.parse_args(arguments)
    unknown = [stage for stage in options.stages if stage not in STAGES]
    if unknown:
        parser.error(f"unknown stage {unknown[0]!r}; the stages are {', '.join(STAGES)}")
    return options


def main(arguments: list[str] | None = None) -> None:
    """Run the stages of the command line."""
    options = parse(arguments)
    workspace = Workspace(options.work)
    for stage in options.stages or STAGES:
        STAGES[stage][0](workspace, options)
