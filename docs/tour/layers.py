"""Drawings of networks: LeNet-5 beside AlexNet, the two towers, dropout, the parameters."""

import parameters as parameters_page
import towers as towers_page
from svg import Drawing


def convolution(language: str) -> Drawing:
    title = {
        "en": "The sides of the maps in LeNet-5 and AlexNet; the last window of conv1",
        "ko": "LeNet-5와 AlexNet의 맵 크기, 그리고 conv1의 마지막 창",
    }
    drawing = Drawing(500, 400, title, language)
    for top, name, sides in (
        (40, "LeNet-5", (32, 28, 14, 10, 5, 1)),
        (150, "AlexNet", (224, 55, 27, 27, 13, 13, 6)),
    ):
        drawing.words(20, top + 30, name, at="start", size=16)
        x = 105
        for side in sides:
            drawn = 8 + 62 * (side / 224) ** 0.6
            drawing.box(x, top + 25 - drawn / 2, drawn, drawn, "pale")
            drawing.words(x + drawn / 2, top + 80, str(side))
            x += drawn + 26 if name == "AlexNet" else drawn + 38
    says = {"en": "Sides of the maps, in pixels (not to scale)",
            "ko": "맵 한 변의 픽셀 수(비례는 맞지 않음)"}  # fmt: skip
    drawing.words(20, 24, says, at="start", size=16)
    _last_windows(drawing, 250)
    return drawing


def _last_windows(drawing: Drawing, top: int) -> None:
    """The last pixels of a row of 224, and the last two windows of conv1, which begin at 212 and
    216: the second needs three pixels more than there are."""
    first, side, left = 212, 30, 20
    says = {"en": "The right end of an image of 224: window 11, stride 4",
            "ko": "224픽셀 영상의 오른쪽 끝: 창 11, 보폭 4"}  # fmt: skip
    drawing.words(left, top + 20, says, at="start", size=16)
    for i in range(15):
        inside = first + i < 224
        drawing.box(
            left + side * i, top + 34, side, 28, "pale" if inside else "ground", dashed=not inside
        )
        drawing.words(left + side * (i + 0.5), top + 53, str(first + i) if inside else "0", size=12)
    for row, (start, says) in enumerate((
        (212, {"en": "window 54 of 55", "ko": "55개 가운데 54번째 창"}),
        (216, {"en": "window 55: three zeros", "ko": "55번째 창: 0이 세 개"}),
    )):  # fmt: skip
        x, y = left + side * (start - first), top + 72 + 32 * row
        drawing.box(x, y, 11 * side, 24, "strong")
        drawing.words(x + 5.5 * side, y + 17, says, tone="on_strong")


def towers(language: str) -> Drawing:
    title = {"en": "Two towers, and where they exchange", "ko": "두 타워와 주고받는 자리"}
    drawing = Drawing(500, 330, title, language)
    names = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")
    widths = (48, 128, 192, 192, 128, 2048, 2048, 1000)
    x, step = 20, 60
    for tower, y in (("a", 60), ("b", 150)):
        for i, name in enumerate(names):
            if name == "fc8" and tower == "a":
                continue
            drawing.box(x + step * i, y, 42, 46, "pale" if tower == "a" else "faint")
            drawing.words(x + step * i + 21, y + 28, str(widths[i]), size=13)
            if i:
                drawing.line(x + step * (i - 1) + 43, y + 23, x + step * i - 2, y + 23, arrow=True)
    crossing = towers_page.crossing()
    for i, name in enumerate(names):
        drawing.words(x + step * i + 21, 40, name, size=13)
        if name in crossing:
            before, here = x + step * (i - 1) + 43, x + step * i - 2
            drawing.line(before, 92, here, 163, "warm", arrow=True, thick=2.5)
            if crossing[name][1]:
                drawing.line(before, 163, here, 92, "warm", arrow=True, thick=2.5)
            to_b, to_a = crossing[name]
            drawing.words(x + step * i + 21, 222, f"{to_b:,.0f}", size=13)
            drawing.words(x + step * i + 21, 240, f"{to_a:,.0f}", size=13)
    for y, says in (
        (222, {"en": "a to b", "ko": "a → b"}),
        (240, {"en": "b to a", "ko": "b → a"}),
    ):
        drawing.words(20, y, says, at="start", size=13)
    for y, says in (
        (275, {"en": "In the boxes: maps or units. Below: floats that cross for one image.",
               "ko": "상자 안: 맵 또는 유닛 수. 아래: 영상 한 장에 오가는 실수 개수."}),
        (300, {"en": "Tower a above, on the first GPU; tower b below, on the second.",
               "ko": "위는 첫째 GPU의 타워 a, 아래는 둘째 GPU의 타워 b."}),
    ):  # fmt: skip
        drawing.words(20, y, says, at="start")
    return drawing


def dropout(language: str) -> Drawing:
    title = {
        "en": "In training half of the units are left out; in testing all are there, halved",
        "ko": "학습에서는 유닛 절반을 빼고, 시험에서는 모두 쓰되 절반으로 줄인다",
    }
    drawing = Drawing(500, 270, title, language)
    kept = (1, 0, 0, 1, 1, 0)  # one mask
    for left, says, mask in (
        (20, {"en": "training, one mask", "ko": "학습: 마스크 하나"}, kept),
        (265, {"en": "testing, all times 0.5", "ko": "시험: 모두 0.5를 곱한다"}, (1,) * 6),
    ):
        drawing.words(left, 28, says, at="start", size=16)
        for i, there in enumerate(mask):
            x = left + 36 * i
            if there:
                dashed = left > 250
                drawing.line(x + 14, 196, left + 104, 96, "strong", dashed=dashed, thick=2)
            drawing.box(x, 196, 28, 28, "pale" if there else "ground", dashed=not there)
            drawing.words(x + 14, 216, "1" if there else "0", size=15)
        drawing.box(left + 82, 62, 44, 34, "pale")
        total = sum(mask) if left < 250 else 0.5 * sum(mask)
        drawing.words(left + 104, 85, f"{total:g}", size=16)
    says = {"en": "Every weight is 1: the unit above receives 3 either way.",
            "ko": "가중치는 모두 1: 위의 유닛은 어느 쪽에서나 3을 받는다."}  # fmt: skip
    drawing.words(20, 254, says, at="start")
    return drawing


def parameters(language: str) -> Drawing:
    title = {"en": "Where AlexNet's parameters are", "ko": "AlexNet의 매개변수가 있는 곳"}
    drawing = Drawing(500, 330, title, language)
    layers = parameters_page.layers()
    total = sum(row.parameters for row in layers)
    says = {"en": f"{total:,} parameters", "ko": f"매개변수 {total:,}개"}
    drawing.words(20, 28, says, at="start", size=16)
    for i, row in enumerate(layers):
        y = 46 + 34 * i
        drawing.words(70, y + 18, row.name, at="end")
        wide = 230 * row.parameters / max(layer.parameters for layer in layers)
        drawing.box(80, y, max(wide, 1), 25, "strong" if row.name.startswith("fc") else "pale")
        share = f"{row.parameters:,} ({row.parameters / total:.1%})"
        drawing.words(90 + wide, y + 18, share, at="start")
    return drawing
