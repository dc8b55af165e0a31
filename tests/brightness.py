"""How bright colours are: what is left of them in grey print."""


def luminance(colour: str) -> float:
    """The relative luminance of "#rrggbb" as WCAG defines it, from 0 to 1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * p for weight, p in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(a: float, b: float) -> float:
    """The contrast of two luminances as WCAG defines it: 1 (none) to 21 (black on white)."""
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)
