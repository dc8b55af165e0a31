"""Drawings of numbers: bars and curves."""

import math
from dataclasses import dataclass

import initialization as initialization_page
import lrn as lrn_page
import momentum as momentum_page
import recipe as recipe_page
import relu as relu_page
from svg import Drawing

from tinynet.training.schedule import EPOCHS_145

TONES = ("warm", "pale", "strong")


@dataclass(frozen=True)
class Axes:
    """A rectangle of a drawing, with numbers from `low` to `high` (x, y) in it."""

    drawing: Drawing
    left: float
    bottom: float
    wide: float
    high: float
    lowest: tuple[float, float]
    largest: tuple[float, float]

    def place(self, x: float, y: float) -> tuple[float, float]:
        (x0, y0), (x1, y1) = self.lowest, self.largest
        right = self.left + self.wide * (x - x0) / (x1 - x0)
        return right, self.bottom - self.high * (y - y0) / (y1 - y0)

    def draw(self, at_x: dict[float, str], at_y: dict[float, str]) -> None:
        """The two lines, with words at some places along them."""
        right, top = self.left + self.wide, self.bottom - self.high
        self.drawing.curve(((self.left, top), (self.left, self.bottom), (right, self.bottom)))
        for x, words in at_x.items():
            self.drawing.words(self.place(x, 0)[0], self.bottom + 18, words)
        for y, words in at_y.items():
            self.drawing.words(self.left - 7, self.place(0, y)[1] + 5, words, at="end")

    def curve(self, points, tone: str, **how) -> None:
        self.drawing.curve([self.place(*point) for point in points], tone, **how)


def relu(language: str) -> Drawing:
    title = {
        "en": "Gradient by layer with sigmoid, tanh and ReLU",
        "ko": "시그모이드, tanh, ReLU의 층별 기울기",
    }
    drawing = Drawing(500, 330, title, language)
    says = {"en": "Gradient of each layer's weights, relative to layer 8",
            "ko": "층별 가중치 기울기의 크기(8층을 1로)"}  # fmt: skip
    drawing.words(20, 28, says, at="start", size=16)
    axes = Axes(drawing, 75, 280, 330, 220, (8, -4.2), (1, 0.3))
    axes.draw(
        {layer: str(layer) for layer in range(1, 9)},
        {power: f"{10**power:g}" for power in range(-4, 1)},
    )
    ends = {"sigmoid": 0, "tanh": -10, "ReLU": 12}  # so that words do not lie on each other
    for tone, (name, kind) in zip(TONES, relu_page.KINDS.items()):
        sizes = relu_page.gradients(*kind)
        points = [(layer, math.log10(size)) for layer, size in enumerate(sizes, 1)]
        axes.curve(points, tone, thick=3, dashed=name == "tanh")
        x, y = axes.place(*points[0])
        drawing.words(x + 8, y + ends[name] + 4, name, at="start")
    drawing.words(
        240, 318, {"en": "layer, from the last to the first", "ko": "층(끝에서 처음으로)"}
    )
    return drawing


def lrn(language: str) -> Drawing:
    title = {
        "en": "One large response makes its neighbours small; equal ones hold each other down",
        "ko": "큰 응답 하나가 이웃을 줄이고, 같은 응답은 서로를 억누른다",
    }
    drawing = Drawing(500, 470, title, language)
    shares = lrn_page.lrn(*lrn_page.LARGE) / lrn_page.LARGE
    says = {"en": "What is left of each map: all are 10, but map 5 is 300",
            "ko": "맵마다 남는 비율: 모두 10, 5번 맵만 300"}  # fmt: skip
    drawing.words(20, 28, says, at="start", size=16)
    for i, share in enumerate(shares):
        x, height = 30 + 51 * i, 200 * float(share)
        tone = "strong" if lrn_page.LARGE[i] == max(lrn_page.LARGE) else "pale"
        drawing.box(x, 185 - height, 38, height, tone)
        drawing.words(x + 19, 178 - height, f"{share:.2f}")
        drawing.words(x + 19, 203, str(i + 1))
    drawing.curve(((132, 210), (132, 216), (374, 216), (374, 210)), "warm", thick=2.5)
    says = {"en": "maps in whose window of 5 map 5 is", "ko": "창(맵 5개) 안에 5번이 있는 맵"}
    drawing.words(253, 234, says)

    says = {"en": "Nine maps with the same response", "ko": "응답이 모두 같은 맵 아홉 개"}
    drawing.words(20, 275, says, at="start", size=16)
    axes = Axes(drawing, 60, 420, 400, 125, (0, 0), (3, 25))
    axes.draw({i: str(10**i) for i in range(4)}, {10: "10", 20: "20"})
    powers = [i / 20 for i in range(61)]
    out = [float(lrn_page.lrn(*[10**power] * 9)[4]) for power in powers]
    axes.curve(zip(powers, out), "strong", thick=3)
    x, y = axes.place(powers[out.index(max(out))], max(out))
    drawing.words(x, y - 8, f"{max(out):.1f}")
    drawing.words(68, 305, {"en": "after", "ko": "나온 값"}, at="start")
    drawing.words(260, 458, {"en": "before", "ko": "들어간 값"})
    return drawing


def momentum(language: str) -> Drawing:
    title = {
        "en": "After the rate has dropped, the velocity still has the old one in it",
        "ko": "학습률을 낮춘 뒤에도 속도에는 이전 학습률이 남아 있다",
    }
    drawing = Drawing(500, 320, title, language)
    says = {"en": "How far a step goes; the rate falls from 0.01 to 0.001",
            "ko": "스텝 하나의 크기. 학습률은 0.01에서 0.001로 떨어진다"}  # fmt: skip
    drawing.words(20, 28, says, at="start", size=16)
    axes = Axes(drawing, 60, 270, 410, 210, (-6, 0), (40, 0.11))
    axes.draw({x: str(x) for x in (0, 10, 20, 30, 40)}, {0.01: "0.01", 0.05: "0.05", 0.1: "0.1"})
    moves = momentum_page.moves_after_drop(40)
    axes.curve([(-6, 0.1), *((n, float(move)) for n, move in enumerate(moves))], "strong", thick=3)
    axes.curve([(-6, 0.1), (0, 0.1), (1, 0.01), (40, 0.01)], "warm", thick=3, dashed=True)
    x, y = axes.place(9, float(moves[9]))
    drawing.words(
        x + 10,
        y,
        {"en": "the paper: rate in the velocity", "ko": "논문: 학습률이 속도 안에"},
        at="start",
    )
    x, y = axes.place(12, 0.01)
    drawing.words(x, y - 8, {"en": "rate outside", "ko": "학습률이 밖에"}, at="start")
    drawing.words(260, 308, {"en": "steps after the drop", "ko": "낮춘 뒤의 스텝 수"})
    return drawing


def initialization(language: str) -> Drawing:
    title = {
        "en": "How much of each layer's output depends on the image",
        "ko": "층의 출력 가운데 영상에 따라 달라지는 몫",
    }
    drawing = Drawing(500, 320, title, language)
    says = {"en": "Share of a layer's output that depends on the image",
            "ko": "층의 출력에서 영상에 따라 달라지는 몫"}  # fmt: skip
    drawing.words(20, 28, says, at="start", size=16)
    axes = Axes(drawing, 75, 275, 330, 220, (0, -3.3), (7, 2.1))
    names = dict(enumerate(initialization_page.LAYERS))
    axes.draw(names, {power: f"{10.0**power:g} %" for power in range(-3, 3)})
    for tone, (name, shares) in zip(TONES, initialization_page.shares().items()):
        points = [(i, math.log10(share)) for i, share in enumerate(shares)]
        axes.curve(points, tone, thick=3, dashed=name == "source2012")
        x, y = axes.place(*points[-1])
        drawing.words(x + 8, y + 4, name, at="start")
    return drawing


def recipe(language: str) -> Drawing:
    title = {"en": "The rates of the authors' own run", "ko": "저자들이 실제로 쓴 학습률"}
    drawing = Drawing(500, 320, title, language)
    says = {"en": "Learning rate of the authors' run 145, by epoch",
            "ko": "저자들의 145번 실행: 에폭별 학습률"}  # fmt: skip
    drawing.words(20, 28, says, at="start", size=16)
    axes = Axes(drawing, 75, 275, 340, 220, (0, -5.4), (EPOCHS_145, -1.8))
    changes = (0, 25, 51, 67, 79, 91)
    axes.draw({x: str(x) for x in changes}, {power: f"{10.0**power:g}" for power in range(-5, -1)})
    for group, tone, low in (("weights", "strong", 0.0), ("conv1", "warm", 0.06)):
        rates = [recipe_page.rate(epoch, group) for epoch in range(EPOCHS_145)]
        alive = [(epoch, math.log10(rate) - low) for epoch, rate in enumerate(rates) if rate]
        points = [point for epoch, y in alive for point in ((epoch, y), (epoch + 1, y))]
        axes.curve(points, tone, thick=3, dashed=group == "conv1")
        if group == "weights":
            x, y = axes.place(*points[-1])
            drawing.words(x + 6, y + 4, {"en": "others", "ko": "나머지"}, at="start")
        else:
            x, y = axes.place(*points[-2])
            says = {"en": "conv1, then 0", "ko": "conv1, 이후 0"}
            drawing.words(x - 30, y + 4, says, at="end")
    return drawing
