"""The switches of `ablate`: what each changes in a profile, and what it leaves alone."""

from dataclasses import asdict, fields

import numpy as np
import pytest
from tiny_runs import load_example

from tinynet import Tensor
from tinynet.alexnet_profiles import PROFILES, SWITCHES, Profile, profile_named

FIELDS = {
    "lrn": {"layer1", "layer2"},
    "overlap": {"pool"},
    "towers": {"groups", "lrn_groups", "filters"},
    "crosstalk": {"crosstalk", "filters"},
    "dropout": {"dropout"},
    "relu": {"activation"},
    "pca": {"colour_noise"},
    "crops": {"crop", "flip"},
    "whole": {"groups", "lrn_groups"},
    "momentum": {"momentum"},
    "decay": {"weight_decay"},
}
# The others': none. Weight decay is the parameter groups'.
SETTINGS = {
    "pca": {"colour_noise"},
    "crops": {"crop", "flip"},
    "momentum": {"momentum"},
}
# Of source2012, by name: what is gone, what is new, and what is there but not as it was.
LAYERS = {
    "lrn": ({"lrn1", "lrn2", "lrn_within2"}, set(), set()),
    "overlap": (set(), set(), {"pool1", "pool2", "pool5"}),
    "towers": (set(), set(), {*(f"conv{i}" for i in range(1, 6)), "lrn1", "lrn2"}),
    "crosstalk": (set(), set(), {"conv2", "conv3"}),
    "dropout": ({"dropout6", "dropout7"}, set(), set()),
    "relu": ({f"relu{i}" for i in range(1, 8)}, {f"tanh{i}" for i in range(1, 8)}, set()),
    "pca": (set(), set(), set()),
    "crops": (set(), set(), set()),
    "whole": (set(), set(), {"conv2", "conv4", "conv5", "lrn1", "lrn2"}),
    "momentum": (set(), set(), set()),
    "decay": (set(), set(), set()),
}


def network(profile, **options):
    options = {"image_size": 64, "width": 0.03, **options}
    return load_example("alexnet").AlexNet(num_classes=10, profile=profile, **options)


def layers(profile):
    """Each layer by name: its kind, its options, and the shapes of its parameters."""
    return {
        name: (
            type(layer).__name__,
            {k: v for k, v in vars(layer).items() if isinstance(v, int | float | str | tuple)},
            {k: v.shape for k, v in layer.state_dict().items()},
        )
        for name, layer in network(profile, width=0.1).children()
    }


def different(a: dict, b: dict) -> set:
    return {name for name in a.keys() | b.keys() if a.get(name) != b.get(name)}


def test_there_is_a_switch_for_each_claim():
    assert SWITCHES.keys() == FIELDS.keys() == LAYERS.keys()


@pytest.mark.parametrize("part", SWITCHES)
def test_a_switch_changes_these_fields_and_no_others(part):
    for profile in PROFILES.values():
        changed = different(asdict(profile), asdict(SWITCHES[part].thrown(profile)))
        assert changed <= FIELDS[part]
        assert bool(changed) == SWITCHES[part].is_in(profile)
    assert different(asdict(PROFILES["source2012"]), asdict(profile_named(f"source2012-{part}")))
    assert FIELDS[part] <= {field.name for field in fields(Profile)}


@pytest.mark.parametrize("part", SWITCHES)
def test_a_switch_changes_these_layers_and_settings_and_no_others(part):
    before, now = layers("source2012"), layers(f"source2012-{part}")
    gone, new, other = LAYERS[part]
    assert (before.keys() - now.keys(), now.keys() - before.keys()) == (gone, new)
    assert different(before, now) == gone | new | other
    assert [n for n in before if n not in gone] == [n for n in now if n not in new]
    settings = [
        asdict(load_example("alexnet").settings({"data": "shapes", "profile": name}, "shapes"))
        for name in ("source2012", f"source2012-{part}")
    ]
    assert different(*settings) == {"profile"} | SETTINGS.get(part, set())


@pytest.mark.parametrize("part", sorted(set(SWITCHES) - {"towers", "crosstalk", "whole"}))
def test_networks_of_the_same_shape_begin_with_the_same_weights(part):
    before, now = (network(name).state_dict() for name in ("modern", f"modern-{part}"))
    assert before.keys() == now.keys()
    assert all(np.array_equal(before[name], now[name]) for name in before)


def test_without_weight_decay_no_group_has_any():
    alexnet = load_example("alexnet")
    decays = [
        {g["weight_decay"] for g in alexnet.parameter_groups(network(name), 0.01)}
        for name in ("modern", "modern-decay")
    ]
    assert decays == [{5e-4, 0.0}, {0.0}]


def test_a_whole_tower_is_as_wide_as_two():
    shapes = [network(name).conv2.weight.shape for name in ("modern", "modern-whole")]
    assert (shapes[0][0], 2 * shapes[0][1]) == shapes[1][:2]


def test_pools_without_overlap_are_of_2_x_2():
    pools = [layer for name, layer in network("modern-overlap").children() if "pool" in name]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(2, 2)] * 3


def test_tanh_is_tanh():
    model = network("modern-relu")
    x = np.random.default_rng(0).normal(size=(2, 3, 64, 64)).astype(np.float32)
    y = model.conv1(Tensor(x))
    np.testing.assert_array_equal(model.tanh1(y).numpy(), y.tanh().numpy())


def test_switches_of_which_the_authors_kept_a_run_do_what_they_did():
    assert profile_named("source2012-towers") == PROFILES["one-tower"]
    assert profile_named("source2012-crosstalk") == PROFILES["no-crosstalk"]


@pytest.mark.parametrize("image_size", [64, 96, 128, 224])
def test_maps_keep_their_sizes_without_overlap_at_multiples_of_32(image_size):
    for profile in PROFILES:
        inputs = [
            network(name, image_size=image_size, width=0.01).fc6.weight.shape
            for name in (profile, f"{profile}-overlap")
        ]
        assert inputs[0] == inputs[1]


@pytest.mark.parametrize("name", ["source2012-depth", "lrn", "resnet-lrn", "source2012-lrn-pca"])
def test_there_is_no_such_profile(name):
    with pytest.raises(ValueError, match="AlexNet: profile expects one of .*, got '" + name):
        profile_named(name)
