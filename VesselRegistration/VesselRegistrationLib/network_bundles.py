"""Make a MONAI bundle of a network folder, such as one of the former layout, or put a trained one in another's place.

    python -m VesselRegistrationLib.network_bundles TRAINED Resources/Models/VesselSegmentation --card CARD.md

Weights are checked and copied byte for byte, so their SHA-256 stays; metadata and workflows are written anew, and
report.json goes along, with the names of folders instead of where they lay on the computer that trained. TRAINED and
the bundle may be one folder, which then is brought up to date in place.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import VesselRegistrationLib.matching_network  # noqa: F401  (registers the affine CNN)
from VesselSegmentationLib.bundle_layout import CARD_FILE, WEIGHTS_FILE
from VesselSegmentationLib.errors import InputError, WeightsError
from VesselSegmentationLib.files import write_atomically
from VesselSegmentationLib.small_commands import exit_code_of, parser_of
from VesselSegmentationLib.training_engine import REPORT_FILE
from VesselSegmentationLib.weights import NetworkMetadata, load_network, write_bundle


def make_bundle(source: Path | str, target: Path | str, card: str | None = None) -> NetworkMetadata:
    """Write the network of `source` as a bundle into `target`; returns its metadata.

    `card` is the text of the model card; None: the source's own, or a short one. Raises WeightsError for a folder
    without a usable network or with a report that cannot be read, OutputError when `target` cannot be written.
    """
    source, target = Path(source), Path(target)
    _network, metadata = load_network(source)
    own_card, report = source / CARD_FILE, source / REPORT_FILE
    told = _report_without_places(report) if report.is_file() else None
    if card is None and own_card.is_file():
        card = own_card.read_text(encoding="utf-8")
    if card is None and source.resolve() != target.resolve():
        (target / CARD_FILE).unlink(missing_ok=True)  # that of the network before says nothing about this one
    write_bundle(target, metadata, (source / WEIGHTS_FILE).read_bytes(), card)
    if told is not None:
        write_atomically(target / REPORT_FILE, told)
    return metadata


def _report_without_places(path: Path) -> bytes:
    """What a report says, with the names of the folders whose absolute paths it gives."""

    def named(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: named(value) for key, value in part.items()}
        if isinstance(part, list):
            return [named(value) for value in part]
        return Path(part).name if isinstance(part, str) and Path(part).is_absolute() else part

    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} cannot be read ({error}); take the report that the training wrote.") from error
    return (json.dumps(named(report), indent=2) + "\n").encode()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = parser_of("VesselRegistrationLib.network_bundles", __doc__)
    parser.add_argument("source", type=Path, metavar="TRAINED", help="network folder, of the former layout or a bundle")
    parser.add_argument("target", type=Path, metavar="BUNDLE", help="folder of the bundle; may be the same")
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="model card (default: the one in TRAINED, or a short one)"
    )
    options = parser.parse_args(arguments)

    def work() -> str:
        metadata = make_bundle(options.source, options.target, _text(options.card))
        return f"{metadata.network} {metadata.version}, SHA-256 {metadata.sha256[:12]}, is a bundle in {options.target}"

    return exit_code_of("network_bundles", work)


def _text(path: Path | None) -> str | None:
    try:
        return None if path is None else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--card {path} cannot be read ({error}); give a text file.") from error


if __name__ == "__main__":
    sys.exit(main())
