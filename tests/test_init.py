"""Initial weights: their spread, their place, their seed."""

import numpy as np
import pytest

import tinynet
from tinynet import Tensor, init

N = 40_000
DRAWS = {
    "normal": lambda x, **rng: init.normal_(x, 0.03, mean=0.5, **rng),
    "uniform": lambda x, **rng: init.uniform_(x, -0.2, 0.6, **rng),
    "he_normal": init.he_normal_,
    "torch_default": lambda x, **rng: init.torch_default_(x, 100, **rng),
}
every = pytest.mark.parametrize("name", DRAWS)
# (mean, standard deviation); the tensors have 100 inputs per output
EXPECTED = {
    "normal": (0.5, 0.03),
    "uniform": (0.2, 0.8 / 12**0.5),
    "he_normal": (0.0, (2 / 100) ** 0.5),
    "torch_default": (0.0, 0.2 / 12**0.5),
}


def empty(dtype=np.float32, device="cpu"):
    return Tensor(np.full((N // 100, 25, 2, 2), np.nan, dtype), device=device)


@every
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_and_spread(name, dtype, device):
    x = empty(dtype, device)
    data = x.data
    assert DRAWS[name](x) is x
    assert x.data is data  # filled in place
    assert x.dtype == dtype
    mean, std = EXPECTED[name]
    # five standard deviations of the mean, and of the deviation, of N numbers
    assert x.numpy().mean() == pytest.approx(mean, abs=5 * std / N**0.5)
    assert x.numpy().std() == pytest.approx(std, rel=5 / (2 * N) ** 0.5)


@every
def test_the_seed_repeats_them(name):
    def draw(seed):
        tinynet.manual_seed(seed)
        return DRAWS[name](empty()).numpy()

    assert np.array_equal(draw(1), draw(1))
    assert not np.array_equal(draw(1), draw(2))
    assert not np.array_equal(DRAWS[name](empty()).numpy(), DRAWS[name](empty()).numpy())


@every
def test_a_generator_of_ones_own_leaves_the_seed_alone(name):
    tinynet.manual_seed(1)
    mine = DRAWS[name](empty(), rng=np.random.default_rng(7)).numpy()
    after = DRAWS[name](empty()).numpy()
    tinynet.manual_seed(1)
    assert np.array_equal(DRAWS[name](empty()).numpy(), after)
    assert np.array_equal(DRAWS[name](empty(), rng=np.random.default_rng(7)).numpy(), mine)


def test_uniform_keeps_within_its_bounds():
    x = init.uniform_(empty(), -0.2, 0.6).numpy()
    assert -0.2 <= x.min() < -0.199
    assert 0.599 < x.max() <= 0.6


def test_constant():
    assert (init.constant_(empty(), 1.0).numpy() == 1).all()


@pytest.mark.parametrize("draw", [*DRAWS.values(), lambda x: init.constant_(x, 1.0)])
def test_skipped_weights_stay_and_draw_no_numbers(draw):
    x = Tensor(np.full((4, 25), 7.0))
    before = str(tinynet.random.generator().bit_generator.state)
    with init.skipped():
        assert draw(x) is x
    assert (x.numpy() == 7).all()
    assert str(tinynet.random.generator().bit_generator.state) == before
    assert (draw(x).numpy() != 7).all()


def test_inputs_counts_what_an_output_sums():
    assert init.inputs(Tensor(np.zeros((7, 5)))) == 5  # linear: (outputs, inputs)
    assert init.inputs(Tensor(np.zeros((7, 3, 5, 2)))) == 30  # conv: (filters, channels, kh, kw)


def test_he_keeps_the_size_of_a_signal_through_relu_layers():
    tinynet.manual_seed(0)
    x = Tensor(np.random.default_rng(0).standard_normal((200, 300)).astype(np.float32))
    for _ in range(10):
        weight = init.he_normal_(Tensor(np.empty((300, 300), np.float32)))
        x = tinynet.functional.linear(x, weight).relu()
    # half the variance, N(0, 1 / inputs), would leave 2**-10 of it
    assert 0.5 < float((x.numpy() ** 2).mean()) < 2.0
