"""Drawings of windows that go over maps and images: pooling, crops, the ten views."""

import pooling as pooling_page
from svg import Drawing

from tinynet.training.evaluate import crops


def pooling(language: str) -> Drawing:
    title = {
        "en": "Windows of 3 pixels that overlap, and windows of 2 that do not",
        "ko": "겹치는 3픽셀 창과 겹치지 않는 2픽셀 창",
    }
    drawing = Drawing(500, 330, title, language)
    for top, window, says in (
        (0, 3, {"en": "window 3, stride 2: they overlap", "ko": "창 3, 보폭 2: 겹친다"}),
        (165, 2, {"en": "window 2, stride 2: they do not", "ko": "창 2, 보폭 2: 겹치지 않는다"}),
    ):
        drawing.words(20, top + 26, says, at="start", size=16)
        _pooled_row(drawing, top + 40, window)
    return drawing


def _pooled_row(drawing: Drawing, top: int, window: int) -> None:
    """The row, a bar under each window, and what is the largest in it."""
    side, left = 44, 20
    for i, value in enumerate(pooling_page.ROW):
        drawing.box(left + side * i, top, side, 34)
        drawing.words(left + side * (i + 0.5), top + 23, str(value), size=17)
    for number, value in enumerate(pooling_page.pooled(window)):
        x = left + side * 2 * number
        level = top + 42 + 8 * (number % 2) * (window > 2)  # apart where they overlap
        drawing.box(x + 2, level, side * window - 4, 6, "strong", outline=False)
        middle = x + side * window / 2
        drawing.line(middle, level + 6, middle, top + 74, arrow=True)
        drawing.box(middle - 20, top + 76, 40, 30, "pale")
        drawing.words(middle, top + 97, str(value), size=17)
    end = left + side * len(pooling_page.ROW) + 12
    drawing.words(end, top + 97, {"en": "the largest", "ko": "가장 큰 값"}, at="start")


def augmentation(language: str) -> Drawing:
    title = {
        "en": "A crop of 224 begins at one of 33 rows and one of 33 columns",
        "ko": "224픽셀 크롭은 33개 행과 33개 열 가운데 한 곳에서 시작한다",
    }
    drawing = Drawing(500, 330, title, language)
    left, top = 20, 50
    drawing.box(left, top, 256, 256, "faint")
    drawing.box(left + 9, top + 21, 224, 224, "pale")
    drawing.words(left + 121, top + 130, "224 x 224", size=16)
    drawing.words(left + 128, 36, "256 x 256", size=16)
    drawing.frame(left, top, 33, 33, "warm")
    drawing.line(left + 9, top + 21, left + 300, top + 21, "warm", dashed=True)
    for y, says in (
        (60, {"en": "The corner is one of", "ko": "왼쪽 위 모서리는"}),
        (84, {"en": "33 rows, 0 to 32, and", "ko": "행 0~32의 33곳,"}),
        (108, {"en": "33 columns, 0 to 32.", "ko": "열 0~32의 33곳 가운데"}),
        (132, {"en": "", "ko": "하나다."}),
        (170, {"en": "256 - 224 = 32 is how", "ko": "256 - 224 = 32는"}),
        (194, {"en": "far it can move: one", "ko": "움직일 수 있는 거리다."}),
        (218, {"en": "place more than that.", "ko": "자리는 하나 더 많다."}),
    ):
        drawing.words(300, y + 22, says, at="start", size=15)
    return drawing


def views(language: str) -> Drawing:
    title = {"en": "The ten views of one image", "ko": "영상 한 장의 열 가지 뷰"}
    drawing = Drawing(500, 290, title, language)
    for number, (row, column, flip) in enumerate(crops(10, 32)):
        x, y, side = 20 + 94 * (number // 2), 50 + 112 * (number % 2), 80
        scale = side / 256
        drawing.box(x, y, side, side, "faint")
        drawing.box(x + scale * column, y + scale * row, 224 * scale, 224 * scale, "pale")
        drawing.words(x + side / 2, y + 52, "Я" if flip else "R", size=26)
    for y, says in (
        (34, {"en": "four corners and the centre, and their mirror images",
              "ko": "네 귀퉁이와 가운데, 그리고 좌우를 뒤집은 것"}),
        (276, {"en": "Ten softmax outputs, one mean.", "ko": "소프트맥스 출력 열 개를 평균한다."}),
    ):  # fmt: skip
        drawing.words(20, y, says, at="start", size=16)
    return drawing


def labels(language: str) -> Drawing:
    title = {
        "en": "A mirrored cat is a cat; a 6 turned round is a 9",
        "ko": "좌우로 뒤집은 고양이는 고양이, 돌린 6은 9",
    }
    drawing = Drawing(500, 240, title, language)
    for top, before, after, turn, says in (
        (20, {"en": "cat", "ko": "고양이"}, {"en": "cat", "ko": "고양이"}, "",
         {"en": "mirrored", "ko": "좌우로 뒤집기"}),
        (130, "6", "9", "6", {"en": "turned round", "ko": "반 바퀴 돌리기"}),
    ):  # fmt: skip
        for x, label in ((30, before), (300, after)):
            drawing.box(x, top, 90, 90, "faint")
            drawing.words(x + 100, top + 52, label, at="start", size=18)
        drawing.line(185, top + 58, 285, top + 58, arrow=True)
        drawing.words(235, top + 42, says)
        if turn:
            drawing.words(75, top + 68, turn, size=60)
            drawing.turned(345, top + 45, turn, 60)
        else:
            _cat(drawing, 30, top, 1)
            _cat(drawing, 390, top, -1)
    return drawing


def _cat(drawing: Drawing, x: float, top: float, way: int) -> None:
    """A head with two ears, and a tail at one side; `way` -1 mirrors it."""

    def at(*points):
        return [(x + way * right, top + down) for right, down in points]

    head = (
        (20, 66),
        (20, 30),
        (28, 18),
        (36, 30),
        (46, 30),
        (54, 18),
        (62, 30),
        (62, 66),
        (20, 66),
    )
    drawing.curve(at(*head), "strong", thick=3)
    drawing.curve(at((62, 60), (76, 60), (80, 40)), "strong", thick=3)
    for eye in (32, 50):
        drawing.curve(at((eye, 44), (eye, 50)), "warm", thick=4)
