"""Who asks by PyTorch's names is told tinynet's."""

import copy
from importlib import import_module

import numpy as np
import pytest

import tinynet
import tinynet.functional as F
from tinynet import Tensor, nn, optim, pytorch_names


def test_of_a_tensor():
    x = Tensor([[1.0, 2.0]])
    with pytest.raises(AttributeError, match=r"'Tensor' object has no attribute 'view': x.reshape"):
        x.view(2)
    with pytest.raises(AttributeError, match=r"no attribute 'views'$"):
        x.views  # noqa: B018
    for name in pytorch_names.OF_TENSORS:
        assert not hasattr(x, name), name


def test_of_a_module_or_an_optimizer():
    net = nn.Sequential(nn.Linear(2, 3))
    optimizer = optim.SGD(net.parameters(), lr=0.1)
    with pytest.raises(AttributeError, match=r"'Sequential' .* 'cuda': net.to\(\"cuda:0\"\)"):
        net.cuda()
    with pytest.raises(AttributeError, match=r"'SGD' .* 'param_groups': groups"):
        optimizer.param_groups  # noqa: B018
    for of, names in ((net, "OF_MODULES"), (optimizer, "OF_OPTIMIZERS")):
        with pytest.raises(AttributeError, match="no attribute 'nobodys'$"):
            of.nobodys  # noqa: B018
        for name in getattr(pytorch_names, names):
            assert not hasattr(of, name), name
    assert copy.deepcopy(net)[0].weight.shape == (3, 2)


def test_an_element_is_not_assigned():
    with pytest.raises(TypeError, match=r"setitem: .* x.write\(values\)"):
        Tensor([1.0, 2.0])[0] = 3.0


def test_data_that_are_no_array_are_told_by_their_name():
    x = Tensor([1.0, 2.0])
    x.data = [3.0, 4.0]
    with pytest.raises(AttributeError, match="shape: .data expects an array of cpu, got list"):
        x.shape  # noqa: B018
    with pytest.raises(AttributeError, match="no attribute 'data'"):  # of one that is being made
        object.__new__(Tensor).shape  # noqa: B018


MISSED = {
    "nn.BatchNorm2d": (nn, "'tinynet.nn' has no attribute 'BatchNorm2d': it is younger than"),
    "functional.cat": (F, "'tinynet.functional' has no attribute 'cat': concatenate"),
    "optim.Adam": (optim, "'tinynet.optim' has no attribute 'Adam': SGD with momentum"),
    "zeros": (tinynet, "'tinynet' has no attribute 'zeros': tinynet.Tensor of NumPy's array"),
    "nn.Convolution": (nn, "'tinynet.nn' has no attribute 'Convolution'"),
    "Optimizer": (tinynet, "'tinynet' has no attribute 'Optimizer'"),
}


@pytest.mark.parametrize("name", MISSED)
def test_of_a_module(name):
    module, told = MISSED[name]
    with pytest.raises(AttributeError) as caught:
        getattr(module, name.split(".")[-1])
    assert str(caught.value).startswith(f"module {told}")
    if name in ("nn.Convolution", "Optimizer"):  # nobody's
        assert str(caught.value) == f"module {told}"


def test_what_is_said_to_be_missing_is():
    for module, names in pytorch_names.IN_MODULES.items():
        assert not {*names} & {*dir(import_module(module))}, module


def test_what_is_said_instead_computes_the_same():
    x, labels = Tensor(np.random.default_rng(0).uniform(0.5, 2, (3, 4))), np.array([1, 0, 3])
    a = x.numpy()

    def close(ours, expected):
        np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-12)  # some roundings of 1e-16

    close((x * x).sum() ** 0.5, np.linalg.norm(a))
    close((((x - x.mean()) ** 2).sum() / (x.size - 1)) ** 0.5, a.std(ddof=1))  # PyTorch's
    close(-(-x).max(1), a.min(1))
    close(x.log(), np.log(a))
    close(F.concatenate([x[None], x[None]]), np.stack([a, a]))
    close(nn.Sequential()(x), a)
    close(F.cross_entropy(x, labels), -F.log_softmax(x).numpy()[np.arange(3), labels].mean())
