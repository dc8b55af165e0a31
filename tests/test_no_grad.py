"""no_grad: what is not recorded, in which thread, and what it cannot decorate."""

import threading

import pytest
from inputs import leaf

import tinynet

# ----------------------------------------------------------------------------------------- no_grad


def test_no_grad_notes_nothing():
    x = leaf([1.0])
    with tinynet.no_grad():
        y = x * 2
        with tinynet.no_grad():
            pass
        assert not (x * 2).requires_grad  # the inner end does not end the outer
    assert not y.requires_grad
    assert y.creator is None
    assert (x * 2).requires_grad


def test_no_grad_ends_with_an_exception_and_decorates():
    x = leaf([1.0])
    with pytest.raises(ZeroDivisionError), tinynet.no_grad():
        raise ZeroDivisionError
    assert (x * 2).requires_grad

    @tinynet.no_grad()
    def evaluate():
        return x * 2

    assert not evaluate().requires_grad
    assert not evaluate().requires_grad  # a second time too
    assert (x * 2).requires_grad


def test_no_grad_without_brackets_and_one_used_again_and_within_itself():
    x = leaf([1.0])

    @tinynet.no_grad
    def evaluate(scale, shift=0):
        return x * scale + shift

    assert not evaluate(2, shift=1).requires_grad
    assert evaluate.__name__ == "evaluate"
    once = tinynet.no_grad()
    for _ in range(2):
        with once, once:
            assert not (x * 2).requires_grad
        assert (x * 2).requires_grad


def test_no_grad_refuses_what_runs_after_the_call():
    """Its yield would hand the caller a world in which nothing is recorded."""
    with pytest.raises(TypeError, match="no_grad: batches runs piece by piece, after the call"):

        @tinynet.no_grad()
        def batches():
            yield 1

    with pytest.raises(TypeError, match="no_grad: wait runs piece by piece"):

        @tinynet.no_grad
        async def wait():
            pass


def test_a_function_without_gradient_runs_in_many_threads_at_once():
    x, results = leaf([1.0]), []
    together = threading.Barrier(4)

    @tinynet.no_grad()
    def evaluate():
        together.wait()
        return (x * 2).requires_grad

    def run():
        try:
            results.append((evaluate(), (x * 2).requires_grad))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [(False, True)] * 4


def test_no_grad_holds_for_its_own_thread():
    x, results = leaf([1.0]), []
    with tinynet.no_grad():
        thread = threading.Thread(target=lambda: results.append((x * 2).requires_grad))
        thread.start()
        thread.join()
    assert results == [True]
