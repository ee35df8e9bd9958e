"""``spmamba fit``: a model for one's own scanner from one's own normal images."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Dict, List

from ..errors import Cancelled, UsageError
from .detect import Interruption


def register(subparsers: Any, common: argparse.ArgumentParser) -> None:
    parser = subparsers.add_parser(
        "fit", parents=[common], help="fit an installed model to your own normal images",
        description="Make a model for your own scanner from normal images only: an installed model keeps what it has "
                    "learned, what is normal is fitted anew. Minutes on a CPU. Interrupted, the same command goes on.")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--manifest", type=Path, help="CSV with path, label, and if known patient, note (\"slice "
                        "7/23\"); only normal images are used")
    source.add_argument("--folder", type=Path, help="folder of normal images; a sub-folder is a patient")
    parser.add_argument("--select", action="append", default=[], metavar="GLOB",
                        help="which images by name; may be repeated, !GLOB excludes")
    parser.add_argument("--unlike", action="append", default=[], metavar="GLOB|FOLDER",
                        help="images that the model is not for (by name in the manifest, or a folder), which the input "
                             "check learns to tell; may be repeated")
    parser.add_argument("--base", metavar="NAME|PATH",
                        help="model to start from; may be left out if one installed model only is for such images")
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument("--output", type=Path, metavar="FOLDER", help="bundle folder to write")
    place.add_argument("--install", action="store_true",
                       help="write it where your own models are, so that it is found by name, also by the panel")
    parser.add_argument("--name", help="name of the model (that of the folder)")
    parser.add_argument("--title", help="title that is shown for it")
    parser.add_argument("--feature-memory", type=float, default=1.0, metavar="GIB",
                        help="memory for features; of more images a part is drawn (1)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from .. import bundle
    from ..data.reading import read_data
    from ..progress import ProgressBar
    from ..training.site_model import Limits, check_name, fit_site_model, workbench_of

    if not arguments.feature_memory > 0:
        raise UsageError("--feature-memory must be more than 0; got {:g}.".format(arguments.feature_memory))
    if arguments.name is not None:
        check_name(arguments.name)
    data = read_data(manifest=arguments.manifest, folder=arguments.folder, select=arguments.select)
    others = [sample for each in arguments.unlike for sample in (
        read_data(folder=Path(each)) if Path(each).is_dir() or arguments.manifest is None
        else read_data(manifest=arguments.manifest, select=(each,))).samples]
    base = bundle.find_bundle(arguments.base or obvious_base(data.samples[0].path, data.samples[0].series))
    if arguments.output is None:
        arguments.output = bundle.user_folder() / (arguments.name or bundle.read_card(base)["name"] + "-own")
    output = arguments.output.absolute()
    with ProgressBar() as bar, Interruption() as stop:
        def progress(fraction: float, text: str) -> None:
            if stop.asked():
                raise Cancelled()
            bar(fraction, text)

        try:
            card = fit_site_model(base, data, output, name=arguments.name, title=arguments.title, unlike=others,
                           limits=Limits(feature_bytes=int(arguments.feature_memory * 2 ** 30)), progress=progress)
        except (Cancelled, KeyboardInterrupt) as error:
            message = "Cancelled."
            if workbench_of(output).exists():
                message = "Cancelled; the same command goes on from here (what is done is kept in {}).".format(
                    workbench_of(output))
            raise Cancelled(message) from error
    print("\n".join(summary_lines(card, output)))
    return 0


def obvious_base(path: Path, series: str = "") -> str:
    """The one installed model that is for images like this file.

    Raises:
        UsageError: none or several are.
    """
    from .. import bundle
    from ..bundle import catalogue
    from ..errors import ModelMissingError, UnsupportedImageError
    from ..io.image import read_image

    image = read_image(path, series=series or None)
    installed = [row for row in catalogue.installed()
                 if "error" not in row and "base" not in bundle.read_card(Path(row["path"]))]  # not one fitted before
    try:
        return str(catalogue.model_for(image.kind, image.facts, installed)["path"])
    except (UsageError, ModelMissingError, UnsupportedImageError) as error:
        raise UsageError("Say with --base which model to start from; installed are: {}.".format(
            ", ".join(row["name"] for row in installed) or "none"), error.message) from error


def summary_lines(card: Dict[str, Any], output: Path) -> List[str]:
    """What was made from what, and what its false-positive rate is worth."""
    fitting, left_out = card["fitting"], card["fitting"]["left_out"]
    lines = ["{}: {}".format(output, card["title"]),
             "Base       {} (sha256 {})".format(card["base"]["name"], card["base"]["sha256"][:12]),
             "Normals    {:,} files of {:,} patients".format(fitting["files"], fitting["patients"])]
    if any(left_out.values()):
        lines.append("Left out   {:,} not labelled normal, {:,} that are there twice".format(
            left_out["not_normal"], left_out["duplicates"]))
    lines.append("Prototypes from {:,} images{}".format(fitting["prototype_images"],
                 ", a part drawn from all, so that memory stays bounded" if fitting["subsampled"] else ""))
    lines.append("Thresholds from {:,} images: {}".format(
        fitting["calibration_images"], fitting["calibrated_by"]))
    lines.append("False positives  {}".format(fitting["false_positive_rate"]["sentence"]))
    return lines + ["Research use only - not for diagnosis"]
