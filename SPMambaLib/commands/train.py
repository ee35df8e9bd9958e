"""``spmamba adapt-teacher``, ``train``, ``recalibrate``: make a model bundle from normal images."""
from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    images = argparse.ArgumentParser(add_help=False)
    where = images.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--manifest", type=Path, dest="source", help="CSV with the columns path, label and, better, patient"
    )
    where.add_argument(
        "--folder", type=Path, dest="source", help="folder of normal images; its sub-folders are patients"
    )
    images.add_argument("--select", nargs="+", default=(), metavar="GLOB",
                        help="only images whose name matches (!GLOB: does not match)")
    adapt = subparsers.add_parser(
        "adapt-teacher", parents=[common, images], help="adapt an ImageNet teacher to medical images",
        description="Adapt an ImageNet ResNet-18 to the training images of one or more recipes, blind to the scanner.")
    adapt.add_argument("recipes", nargs="+", metavar="RECIPE", help="whose images the teacher adapts to")
    adapt.add_argument("--imagenet", type=Path, required=True, help=".npz of ImageNet weights, batch norm folded")
    adapt.add_argument("--steps", type=int, default=200, help="training steps (200)")
    adapt.add_argument("--output", type=Path, required=True, help=".safetensors file to write")
    adapt.set_defaults(run=run_adapt)

    train = subparsers.add_parser(
        "train", parents=[common, images], help="make a model bundle from normal images",
        description="Fit prototypes, train the decoder and calibrate on held-out normals, as the recipe says.")
    train.add_argument("recipe", metavar="RECIPE", help="chest-xray, brain-flair, or a JSON file of one's own")
    train.add_argument("--name", default="", help="of the model (that of the recipe)")
    train.add_argument("--data", default="", metavar="TEXT", help="what the images are and who owns them, for the card")
    source = train.add_mutually_exclusive_group()
    source.add_argument(
        "--teacher", type=Path, help="teacher made by `spmamba adapt-teacher` (that of the recipe's base model)"
    )
    source.add_argument("--imagenet", type=Path, help="ImageNet weights, adapted on this recipe's images first")
    train.add_argument("--steps", type=int, help="training steps of the decoder, instead of the recipe's")
    train.add_argument("--loss", choices=("cosine", "mse"), help="instead of the recipe's; mse is the paper's")
    train.add_argument("--output", type=Path, required=True, help="bundle folder to write")
    train.add_argument("--resume", action="store_true",
                       help="go on with the stopped or killed training in OUTPUT.work")
    train.add_argument("--device", default="auto", help="auto, cpu or cuda:0 (default: auto)")
    train.add_argument("--precision", default="auto", choices=("auto", "single", "half"),
                       help="half needs a graphics card, where it is the default")
    train.add_argument("--checkpoint-steps", type=int, default=100, metavar="N",
                       help="write a checkpoint after N steps (default: 100)")
    train.add_argument("--checkpoint-seconds", type=float, default=120.0, metavar="S",
                       help="or after S seconds, whichever comes first (default: 120)")
    train.set_defaults(run=run_train)

    again = subparsers.add_parser(
        "recalibrate", parents=[common, images], help="calibrate a trained network anew on the held-out normals",
        description="Keep a bundle's network; statistics, thresholds and texts follow the recipe of its name.")
    again.add_argument("bundle", metavar="BUNDLE", help="installed model, bundle folder or zip")
    again.add_argument("--recipe", default="", help="instead of the one that the card names")
    again.add_argument("--output", type=Path, required=True, help="bundle folder to write")
    again.set_defaults(run=run_recalibrate)


def run_adapt(arguments: argparse.Namespace) -> int:
    from ..progress import ProgressBar
    from ..training.assemble import adapt_for

    with ProgressBar() as bar:
        loss = adapt_for(arguments.recipes, arguments.source, arguments.imagenet, arguments.output,
                         select=arguments.select, steps=arguments.steps, progress=bar)
    print("{}: loss {:.4f} after {} steps".format(arguments.output, loss, arguments.steps))
    return 0


def run_recalibrate(arguments: argparse.Namespace) -> int:
    from ..bundle import find_bundle
    from ..progress import ProgressBar
    from ..training.assemble import recalibrate

    with ProgressBar() as bar:
        card = recalibrate(find_bundle(arguments.bundle), arguments.source, arguments.output,
                           recipe_name=arguments.recipe, select=arguments.select, progress=bar)
    print("{}: {}, calibrated on {} held-out normals".format(
        arguments.output, card["title"], card["calibration"]["normals"]))
    return 0


def run_train(arguments: argparse.Namespace) -> int:
    from ..progress import ProgressBar
    from ..training.assemble import assemble
    from ..training.plan import Machine

    machine = Machine(arguments.device, arguments.precision, arguments.checkpoint_steps, arguments.checkpoint_seconds)
    with ProgressBar() as bar:
        card = assemble(arguments.recipe, arguments.source, arguments.output, select=arguments.select,
                        called=arguments.name, data=arguments.data, imagenet=arguments.imagenet,
                        teacher=arguments.teacher, steps=arguments.steps, loss=arguments.loss, machine=machine,
                        resume=arguments.resume, progress=bar if leads() else silence)
    if not leads():  # of several processes one speaks
        return 0
    print("{}: {}, final loss {:.4f}, {} held-out normals".format(
        arguments.output, card["title"], card["training"]["final_loss"], card["calibration"]["normals"]))
    return 0


def leads() -> bool:
    """Whether this process is alone or the first of those that `torchrun` started."""
    return os.environ.get("RANK", "0") == "0"


def silence(fraction: float, text: str) -> None:
    """The progress of a process that does not lead."""
