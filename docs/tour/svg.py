"""A drawing as SVG text: boxes, lines, curves and words in two languages.

Every drawing brings its own ground, so that it can be read on any page, and is light or dark as the
reader's system is. The four tones differ in brightness, so that gray print tells them apart.
"""

from collections.abc import Iterable
from html import escape
from pathlib import Path

# Fonts with Hangul on Linux, Apple and Windows; the last is whatever there is.
FONTS = (
    "'Noto Sans KR', 'Noto Sans CJK KR', 'Apple SD Gothic Neo', 'Malgun Gothic', NanumGothic, "
    "sans-serif"
)
LIGHT = {
    "ground": "#ffffff", "ink": "#1b1b1b", "faint": "#eef1f4", "pale": "#b9cfe4",
    "middle": "#6b95bd", "warm": "#dd8a1f", "strong": "#1d4e7a", "on_strong": "#ffffff",
}  # fmt: skip
DARK = {
    "ground": "#14181d", "ink": "#ececec", "faint": "#262e37", "pale": "#48637e",
    "middle": "#7894b0", "warm": "#d9923a", "strong": "#9fd0ff", "on_strong": "#10151a",
}  # fmt: skip


def _style(tones: dict[str, str]) -> str:
    fills = " ".join(
        f".{name} {{ fill: {tones[name]}; }}"
        for name in ("ground", "faint", "pale", "warm", "strong")
    )
    return (
        f"{fills} .box {{ stroke: {tones['ink']}; }} "
        f"text {{ fill: {tones['ink']}; }} text.on_strong {{ fill: {tones['on_strong']}; }} "
        f".line {{ stroke: {tones['ink']}; fill: none; }} "
        f".line.warm {{ stroke: {tones['warm']}; }} .line.strong {{ stroke: {tones['strong']}; }} "
        f".line.pale {{ stroke: {tones['middle']}; }}"
    )


class Drawing:
    """`width` x `height` units; about 500 wide, for that is read on a telephone too."""

    def __init__(self, width: int, height: int, title: dict[str, str], language: str):
        self.language = language
        self._size = width, height
        self._title = self.said(title)
        self._parts: list[str] = []

    def said(self, words: str | dict[str, str]) -> str:
        """`words`, or those of this drawing's language."""
        return words if isinstance(words, str) else words[self.language]

    def box(self, x, y, w, h, tone="faint", outline=True, dashed=False) -> None:
        kind = f"{tone} box" if outline else tone
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" class="{kind}"{dash}/>'
        )

    def frame(self, x, y, w, h, tone="", dashed=False) -> None:
        """An outline with nothing in it."""
        points = ((x, y), (x + w, y), (x + w, y + h), (x, y + h), (x, y))
        self.curve(points, tone, dashed)

    def words(self, x, y, words, at="middle", size=14, tone="") -> None:
        kind = f' class="{tone}"' if tone else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{at}" font-size="{size}"{kind}>'
            f"{escape(self.said(words))}</text>"
        )

    def turned(self, x, y, words: str, size: int) -> None:
        """Words turned by half a circle around (x, y), their middle."""
        self._parts.append(f'<g transform="rotate(180 {x:.1f} {y:.1f})">')
        self.words(x, y + 0.38 * size, words, size=size)
        self._parts.append("</g>")

    def line(self, x1, y1, x2, y2, tone="", arrow=False, dashed=False, thick=1.5) -> None:
        end = ' marker-end="url(#arrow)"' if arrow else ""
        self.curve(((x1, y1), (x2, y2)), tone, dashed, thick, end)

    def curve(self, points: Iterable[tuple], tone="", dashed=False, thick=1.5, end="") -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="6 4"' if dashed else ""
        self._parts.append(
            f'<polyline points="{places}" class="line {tone}" stroke-width="{thick}"{dash}{end}/>'
        )

    def text(self) -> str:
        width, height = self._size
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" xml:lang="{self.language}">',
            f"<title>{escape(self._title)}</title>",
            f"<style>text {{ font-family: {FONTS}; }} #arrow path {{ fill: context-stroke; }} "
            f"{_style(LIGHT)} @media (prefers-color-scheme: dark) {{ {_style(DARK)} }}</style>",
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="9" '
            'markerHeight="9" markerUnits="userSpaceOnUse" orient="auto">'
            '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
            f'<rect width="{width}" height="{height}" rx="8" class="ground"/>',
            *self._parts,
            "</svg>\n",
        ])  # fmt: skip

    def write(self, file: Path) -> None:
        file.write_text(self.text(), encoding="utf-8")
