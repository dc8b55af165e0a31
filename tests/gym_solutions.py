"""Solutions of the gym's exercises, right ones and wrong ones, and what is said of them."""

from pathlib import Path

import gym_wrong_elements
import gym_wrong_windows

from tinynet.gym.exercises import EXERCISES
from tinynet.gym.trial import Verdict, found_right, found_wrong

FOLDER = Path(__file__).with_name("gym")
WRONG = gym_wrong_elements.WRONG | gym_wrong_windows.WRONG


def solution(kernel: str) -> str:
    """The text of a right one: tests/gym/ has one of each, and stays as it is if ours changes."""
    return (FOLDER / f"{kernel}.cu").read_text(encoding="utf-8")


def changed(kernel: str, old: str, new: str) -> str:
    """The solution with a mistake in its kernel."""
    before, start, body = solution(kernel).partition(f"void {kernel}_kernel(")
    assert body.count(old) == 1
    return before + start + body.replace(old, new)


def of(kernel: str, text: str) -> Verdict:
    """What the judge says of it."""
    exercise = EXERCISES[kernel]
    answer = exercise.solution(text, f"{kernel}.cu")
    return found_wrong(exercise, answer) or found_right(exercise, answer)
