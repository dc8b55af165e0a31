"""What a run was asked for, and what of that is not the original's: the paper's, or a recipe's."""

from collections.abc import Iterator
from dataclasses import asdict

from tinynet.alexnet_profiles import PROFILES, differing
from tinynet.console.printable import printable
from tinynet.training.settings import Settings

SHOWN = {  # setting -> whether the original has one to be compared with
    "profile": True,
    "width": True,
    "image_size": True,
    "store_size": True,
    "data": False,
    "batch_size": True,
    "epochs": True,
    "steps": False,
    "lr": True,
    "momentum": True,
    "schedule": True,
    "drops": True,
    "pixel_mean": True,
    "pixel_std": True,
    "crop": True,
    "flip": True,
    "colour_noise": True,
    "colour_rescale": True,
    "seed": False,
    "devices": False,
    "tf32": False,
    "finetuned_from": False,
}


def settings_table(config: dict, original: Settings) -> Iterator[dict]:
    """A row for each setting in a run's config.json; with the original's where that is another."""
    originals = asdict(original)
    for name, compared in SHOWN.items():
        if name not in config:
            continue  # an older run, which had no such setting
        value, usual = _told(config[name]), _told(originals[name])
        differs = compared and value != usual
        yield {"name": name, "value": value, "original": usual if differs else None}


def network_table(original: str, profile: str) -> list[dict] | None:
    """The points in which a profile of AlexNet differs from another; None of other networks."""
    if not {original, profile} <= PROFILES.keys():
        return None
    a, b = PROFILES[original], PROFILES[profile]
    return [
        {
            "name": point.name,
            "original": point.words(a),
            "value": point.words(b),
            "effect": point.effect_between(a, b),
            "source": point.source(profile),
        }
        for point in differing(original, profile)
    ]


def _told(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list | tuple):
        return " ".join(map(_told, value))
    return printable(value)
