"""What `import tinynet` brings in, and that all names of the public API are there."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import tinynet
from tinynet import Tensor, data, init, kernels, nn, optim, simulator


def modules_after(statement):
    """The top-level modules, beyond Python's own, that a fresh interpreter holds afterwards."""
    imported = "{n.split('.')[0] for n, m in sys.modules.items() if getattr(m, '__spec__', None)}"
    code = f"{statement}; import sys; print(*{imported})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == ""
    (line,) = run.stdout.splitlines()  # the import itself prints nothing
    return set(line.split()) - set(sys.stdlib_module_names)


def test_import_brings_in_numpy_and_threadpoolctl_only():
    """Hence it is fast: Pillow, matplotlib, safetensors, tqdm, CuPy load where they are used."""
    loaded = modules_after("import tinynet; tinynet.Tensor") - modules_after("pass")
    assert loaded == {"tinynet", "numpy", "threadpoolctl"}


def test_save_and_load_need_safetensors_only_when_called():
    assert "safetensors" not in modules_after("from tinynet import save, load")


def test_it_is_imported_from_beside_its_clone(tmp_path):
    """After `git clone` and `pip install -e`, the clone's folder, itself called tinynet, hides the
    package from an import hook such as setuptools installs, but not from a path: see setup.py."""
    (tmp_path / "tinynet").symlink_to(Path(__file__).parents[1])
    code = "import tinynet; tinynet.Tensor"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


# ----------------------------------------------------------------------------- names and arguments

FUNCTIONS = {
    tinynet: """
        Tensor(data, requires_grad=False, device=None, dtype=None)
        manual_seed(seed)
        no_grad()
        device(name=None)
        gradcheck(fn, inputs, *, eps, rtol, atol, seed)
        save(path, state)
        load(path)
    """,
    tinynet.functional: """
        conv2d(x, weight, bias=None, stride=1, padding=0, groups=1)
        max_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False)
        avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False)
        local_response_norm(x, size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1)
        local_response_norm_within(x, size, alpha, beta, k=1.0)
        dropout(x, p=0.5, training=True, mode="inverted", seed=None, counter=0, offset=0, \
            full_shape=None)
        linear(x, weight, bias=None)
        relu(x)
        tanh(x)
        sigmoid(x)
        pad(x, padding)
        concatenate(tensors, axis=0)
        maximum(x, y)
        softmax(x, axis=-1)
        log_softmax(x, axis=-1)
        cross_entropy(logits, labels, reduction="mean")
        where(condition, x, y)
    """,
    Tensor: """
        backward(self, grad=None)
        detach(self)
        numpy(self)
        item(self)
        to(self, device)
        zero_grad(self)
        sum(self, axis=None, keepdims=False)
        mean(self, axis=None, keepdims=False)
        max(self, axis=None, keepdims=False)
        reshape(self, *shape)
        transpose(self, *axes)
        flatten(self, start_axis=0)
        exp(self)
        log(self)
        sqrt(self)
        tanh(self)
        relu(self)
        sigmoid(self)
        abs(self)
        clip(self, lo, hi)
    """,
    nn: """
        Parameter(data, device=None, dtype=None)
        ReLU()
        Tanh()
        Flatten()
        MaxPool2d(kernel_size, stride=None, padding=0, ceil_mode=False)
        AvgPool2d(kernel_size, stride=None, padding=0, ceil_mode=False)
        LocalResponseNorm(size=5, alpha=1e-4, beta=0.75, k=2.0, groups=1)
        Dropout(p=0.5, mode="inverted", seed=None)
        CrossEntropyLoss(reduction="mean")
    """,
    nn.Module: """
        parameters(self)
        named_parameters(self)
        zero_grad(self)
        train(self, mode=True)
        eval(self)
        state_dict(self)
        load_state_dict(self, state)
        to(self, device)
    """,
    optim: """
        SGD(params, lr, momentum=0.9, weight_decay=0)
    """,
    optim.SGD: """
        step(self)
        zero_grad(self)
        state_dict(self)
        load_state_dict(self, state)
    """,
}
LINES = [
    (owner, line.strip()) for owner, text in FUNCTIONS.items() for line in text.strip().splitlines()
]


def parameters(callable_):
    return [(p.name, p.kind, p.default) for p in inspect.signature(callable_).parameters.values()]


@pytest.mark.parametrize(("owner", "line"), LINES, ids=lambda value: str(value).split("(")[0])
def test_the_arguments_and_defaults_of_the_contract(owner, line):
    name = line.split("(")[0]
    namespace = {}
    exec(f"def {line}: pass", namespace)
    wanted, found = parameters(namespace[name]), parameters(getattr(owner, name))
    if owner is tinynet and name == "gradcheck":  # its defaults are its own choice
        found = [(n, kind, inspect.Parameter.empty) for n, kind, _ in found]
    assert found[: len(wanted)] == wanted
    # what follows the contract's arguments must have a default
    assert all(default is not inspect.Parameter.empty for _, _, default in found[len(wanted) :])


@pytest.mark.parametrize(
    ("owner", "names"),
    [
        (tinynet, "functional nn optim GradcheckError"),
        (nn, "Module Sequential Conv2d Linear"),
        (optim, "ReduceLROnPlateau StepLR"),
        (Tensor([1.0]), "data grad shape dtype device ndim size T requires_grad"),
    ],
)
def test_names_of_the_contract(owner, names):
    assert [name for name in names.split() if not hasattr(owner, name)] == []


@pytest.mark.parametrize(
    "expression", ["x + x", "x - x", "x * x", "x / x", "x ** 2", "x @ x", "-x", "x[0]", "2 ** x"]
)
def test_operators_of_the_contract(expression):
    assert isinstance(eval(expression, {"x": Tensor([1.0, 2.0])}), Tensor)


@pytest.mark.parametrize(
    "module",
    [tinynet, tinynet.functional, nn, optim, init, kernels, data, simulator],
    ids=lambda m: m.__name__,
)
def test_public_modules_say_what_is_public(module):
    """So that `import *`, and editors that complete a name, bring in no NumPy and no helpers."""
    assert [name for name in module.__all__ if not hasattr(module, name)] == []
    assert sorted(module.__all__) == list(module.__all__)
    own = {
        name
        for name, value in vars(module).items()
        if getattr(value, "__module__", None) == module.__name__ and callable(value)
    }
    assert {name for name in own if not name.startswith("_")} <= set(module.__all__)


def test_the_engine_is_loaded_when_it_is_asked_for():
    """Not by what stands under it, and then with all of its names, which are written down twice."""
    from tinynet import public

    assert public.__all__ == tinynet.__all__
    code = "import sys, tinynet.simulator; print('tinynet.tensor' in sys.modules); "
    code += "import tinynet; tinynet.load; print('tinynet.tensor' in sys.modules, tinynet.Tensor)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\nTrue <class 'tinynet.tensor.Tensor'>\n"
    with pytest.raises(AttributeError, match="module 'tinynet' has no attribute 'tensr'"):
        _ = tinynet.tensr


def test_public_functions_say_what_they_do():
    for owner, line in LINES:
        if owner in (tinynet, tinynet.functional):
            name = line.split("(")[0]
            assert inspect.getdoc(getattr(owner, name)), name
