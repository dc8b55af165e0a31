"""JAX's engine: each function compiled by jax.jit. It knows nothing of tinynet."""

import time

from engine import limit_cores, samples, serve

limit_cores()

import jax  # noqa: E402
import numpy as np  # noqa: E402
from jax import lax  # noqa: E402
from jax import numpy as jnp  # noqa: E402


def conv2d(x, weight, bias, stride, padding, groups):
    top, bottom, left, right = padding
    sides = [(top, bottom), (left, right)]
    y = lax.conv_general_dilated(x, weight, stride, sides, feature_group_count=groups)
    return y + bias[:, None, None]


def linear(x, weight, bias):
    return x @ weight.T + bias


def _pooled(x, start, function, kernel_size, stride, padding, ceil_mode):
    assert padding in (0, [0, 0, 0, 0])
    window, steps = (1, 1, *kernel_size), (1, 1, *stride)
    over = [
        (-(size - k) % s if ceil_mode else 0)
        for size, k, s in zip(x.shape[2:], kernel_size, stride)
    ]
    sides = [(0, 0), (0, 0), (0, over[0]), (0, over[1])]
    return lax.reduce_window(x, start, function, window, steps, sides)


def max_pool2d(x, kernel_size, stride, padding=0, ceil_mode=False):
    return _pooled(x, -jnp.inf, lax.max, kernel_size, stride, padding, ceil_mode)


def avg_pool2d(x, kernel_size, stride, padding=0, ceil_mode=False):
    options = (lax.add, kernel_size, stride, padding, ceil_mode)
    counts = _pooled(jnp.ones((1, 1, *x.shape[2:]), x.dtype), 0.0, *options)
    return _pooled(x, 0.0, *options) / counts


def local2d(x, weight, bias, stride, padding):
    filters, _, kh, kw, oh, ow = weight.shape
    edges = [(pad, pad) for pad in padding]
    columns = lax.conv_general_dilated_patches(x, (kh, kw), stride, edges)  # (n, c*kh*kw, oh, ow)
    return jnp.einsum("nkhw,okhw->nohw", columns, weight.reshape(filters, -1, oh, ow)) + bias


def local_response_norm(x, size, alpha, beta, k, groups):
    n, c, h, w = x.shape
    squares = (x * x).reshape(n, groups, c // groups, h, w)
    sides = [(0, 0), (0, 0), (size // 2, (size - 1) // 2), (0, 0), (0, 0)]
    sums = lax.reduce_window(squares, 0.0, lax.add, (1, 1, size, 1, 1), (1,) * 5, sides)
    return x * (k + alpha * sums.reshape(x.shape)) ** -beta


def local_response_norm_within(x, size, alpha, beta, k):
    before, after = size // 2, (size - 1) // 2
    sides = [(0, 0), (0, 0), (before, after), (before, after)]
    sums = lax.reduce_window(x * x, 0.0, lax.add, (1, 1, size, size), (1,) * 4, sides)
    return x * (k + alpha * sums) ** -beta


def dropout(x, key, p, mode, training=True):
    if not training:
        return x * (1 - p) if mode == "paper" else x
    kept = jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x, 0)
    return kept / (1 - p) if mode == "inverted" else kept


def cross_entropy(logits, labels):
    rows = jnp.arange(len(labels))
    return -jnp.mean(jax.nn.log_softmax(logits)[rows, labels])


OPERATIONS = {
    "conv2d": conv2d,
    "local2d": local2d,
    "linear": linear,
    "relu": jax.nn.relu,
    "tanh": jnp.tanh,
    "max_pool2d": max_pool2d,
    "avg_pool2d": avg_pool2d,
    "local_response_norm": local_response_norm,
    "local_response_norm_within": local_response_norm_within,
    "dropout": lambda x, **options: dropout(x, jax.random.key(0), **options),
    "cross_entropy": cross_entropy,
}


class Operation:
    """Forward also gives what backward needs, as a function that jit can take."""

    def __init__(self, case, arrays):
        options = {k: v for k, v in case["options"].items() if k not in ("seed", "counter")}
        function, names, wanted = OPERATIONS[case["name"]], case["inputs"], case["wanted"]
        self.given = {name: jnp.asarray(arrays[name]) for name in names}
        self.dy, self.wanted = jnp.asarray(arrays["dy"]), wanted

        def forward(given):
            def of_wanted(*changed):
                mixed = {**given, **dict(zip(wanted, changed))}  # jit sorts a dict's names
                return function(*(mixed[name] for name in names), **options)

            return jax.vjp(of_wanted, *(given[name] for name in wanted))

        self.forward = jax.jit(forward)
        self.backward = jax.jit(lambda pull, dy: pull(dy))

    def check(self):
        y, pull = self.forward(self.given)
        grads = self.backward(pull, self.dy)
        named = {f"d{name}": np.asarray(grad) for name, grad in zip(self.wanted, grads)}
        return {"y": np.asarray(y), **named}

    def run(self):
        start = time.perf_counter()
        y, pull = jax.block_until_ready(self.forward(self.given))
        middle = time.perf_counter()
        jax.block_until_ready(self.backward(pull, self.dy))
        end = time.perf_counter()
        return {"forward": middle - start, "backward": end - middle}


class Update:
    def __init__(self, case, arrays):
        options = case["options"]

        def update(weight, velocity, grad):
            velocity = options["momentum"] * velocity + grad + options["weight_decay"] * weight
            return weight - options["lr"] * velocity, velocity

        self.weight, self.grad = jnp.asarray(arrays["weight"]), jnp.asarray(arrays["grad"])
        self.velocity = jnp.zeros_like(self.weight)
        self.update = jax.jit(update, donate_argnums=(0, 1))

    def check(self):
        self.run()
        return {"y": np.asarray(self.weight)}

    def run(self):
        start = time.perf_counter()
        self.weight, self.velocity = jax.block_until_ready(
            self.update(self.weight, self.velocity, self.grad)
        )
        return {"forward": time.perf_counter() - start}


def network(layers, training):
    """The function (weights, x, key) -> logits."""
    plain = {"ReLU": jax.nn.relu, "Tanh": jnp.tanh, "Flatten": lambda x: x.reshape(len(x), -1)}
    functions = {
        "MaxPool2d": max_pool2d,
        "AvgPool2d": avg_pool2d,
        "LocalResponseNorm": local_response_norm,
        "LocalResponseNormWithin": local_response_norm_within,
    }

    def logits(weights, x, key):
        for i, each in enumerate(layers):
            name, kind, options = each["name"], each["kind"], each["options"]
            if kind in ("Conv2d", "Linear"):
                function = conv2d if kind == "Conv2d" else linear
                x = function(x, weights[f"{name}.weight"], weights[f"{name}.bias"], **options)
            elif kind == "Dropout":
                x = dropout(x, jax.random.fold_in(key, i), training=training, **options)
            else:
                x = plain[kind](x) if kind in plain else functions[kind](x, **options)
        return x

    return logits


class Net:
    def __init__(self, case, arrays):
        self.training, self.steps = case["training"], 0
        self.x, self.labels = jnp.asarray(arrays["x"]), jnp.asarray(arrays["labels"])
        layers = case["layers"]
        named = [f"{each['name']}.{part}" for each in layers for part in ("weight", "bias")]
        self.weights = {name: jnp.asarray(arrays[name]) for name in named if name in arrays}
        self.velocity = {name: jnp.zeros_like(w) for name, w in self.weights.items()}
        testing, train = network(layers, False), network(layers, True)
        rates = {name: group for group in case["groups"] for name in group["params"]}

        def loss(net):
            return lambda weights, x, labels, key: cross_entropy(net(weights, x, key), labels)

        def step(weights, velocity, x, labels, key):
            value, grads = jax.value_and_grad(loss(train))(weights, x, labels, key)
            for name, group in rates.items():
                decayed = grads[name] + group["weight_decay"] * weights[name]
                velocity[name] = group["momentum"] * velocity[name] + decayed
                weights[name] = weights[name] - group["lr"] * velocity[name]
            return weights, velocity, value

        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.gradients = jax.jit(jax.value_and_grad(loss(testing)))
        self.logits = jax.jit(testing)

    def check(self):
        key = jax.random.key(0)
        value, grads = self.gradients(self.weights, self.x, self.labels, key)
        results = {"loss": np.asarray(value)}
        if self.training:
            results.update({f"d{name}": samples(grad) for name, grad in grads.items()})
        return results

    def run(self):
        start = time.perf_counter()
        key = jax.random.key(self.steps)
        if self.training:
            self.weights, self.velocity, value = self.step(
                self.weights, self.velocity, self.x, self.labels, key
            )
            jax.block_until_ready(self.weights)
            float(value)
        else:
            np.asarray(self.logits(self.weights, self.x, key))
        self.steps += 1
        return {"step": time.perf_counter() - start}


KINDS = {"operation": Operation, "update": Update, "net": Net}


def make(case, arrays):
    if case["kind"] not in KINDS:
        raise NotImplementedError(f"{case['kind']} is not written for JAX")
    return KINDS[case["kind"]](case, arrays)


if __name__ == "__main__":
    serve(make)
