"""The points in which profiles can differ, and those in which two of them do."""

from tinynet.alexnet_profiles import effects, words
from tinynet.alexnet_profiles.point import Point
from tinynet.alexnet_profiles.switches import profile_named


def differing(before: str, now: str) -> list[Point]:
    """The points in which the profiles of these names differ."""
    a, b = profile_named(before), profile_named(now)
    return [point for point in POINTS if point.words(a) != point.words(b)]


def differences(before: str, now: str) -> list[str]:
    """The same in short, "rate of the biases: same as the weights, now ..."."""
    a, b = profile_named(before), profile_named(now)
    return [f"{p.name}: {p.words(a)}, now {p.words(b)}" for p in differing(before, now)]


# ---------------------------------------------------------------- the points

CFG, PARAMS = "layers-145.cfg", "layer-params-145.cfg"
CAFFE, CAFFENET = "bvlc_alexnet/train_val.prototxt", "bvlc_reference_caffenet/train_val.prototxt"
OWT, OURS = "torchvision, models/alexnet.py", "tinynet's own choice"

POINTS = (
    Point(
        "filters",
        ("filters",),
        lambda p: " ".join(map(str, p.filters)),
        "how many maps conv1 to conv5 make, both towers together",
        {
            "paper": "section 3.5",
            "no-crosstalk": "configuration 150: conv2 of 160 maps per tower makes up for the loss",
            "one-tower": "configuration 145-half: one column, conv5 kept wide",
            "owt": OWT,
        },
    ),
    Point(
        "towers",
        ("groups",),
        lambda p: "one" if p.groups == 1 else f"{p.groups}",
        "with two, conv2, conv4 and conv5 see the maps of their own tower only",
        {"paper": "section 3.2", "one-tower": "configuration 145-half", "owt": OWT},
        "one tower of half the maps: 1.7 points more top-1 error, 1.2 more top-5 (145-half)",
        effects.towers_tried,
    ),
    Point(
        "conv3 sees",
        ("crosstalk",),
        words.conv3_sees,
        "where the towers hear of each other before the fully connected layers",
        {"paper": "section 3.2", "no-crosstalk": "configuration 150"},
        "without: 1.16 points more top-1 error, 1.12 more top-5 (150, unpublished)",
        effects.crosstalk_tried,
    ),
    Point(
        "layer 1",
        ("layer1",),
        lambda p: words.order(p.layer1),
        effects.layer1,
        {"paper": "sections 3.3-3.5", "source2012": CFG, "caffenet": CAFFENET, "owt": OWT},
        "no LRN at all: 1.4 points more top-1 error, 1.2 more top-5 (148)",
        effects.lrn_tried,
    ),
    Point(
        "layer 2",
        ("layer2",),
        lambda p: words.order(p.layer2),
        effects.layer2,
        {
            "paper": "sections 3.3-3.5",
            "source2012": f"{CFG}: cnorm2",
            "caffenet": CAFFENET,
            "owt": OWT,
        },
    ),
    Point(
        "units",
        ("activation",),
        words.units,
        "tanh saturates: where it does, hardly any gradient passes; a ReLU passes all or none",
        {"paper": "section 3.1"},
        "with ReLU a net of four layers reaches 25 % training error on CIFAR-10 6 times sooner "
        "than with tanh (section 3.1)",
        lambda p: p.activation,
    ),
    Point(
        "pools",
        ("pool",),
        lambda p: f"{p.pool} x {p.pool}, stride 2",
        "windows wider than their stride overlap: each sees the edges of its neighbours",
        {"paper": "section 3.4"},
        "without overlap: 0.4 points more top-1 error, 0.3 more top-5 (147)",
        lambda p: p.pool,
    ),
    Point(
        "edge of conv1",
        ("conv1_padding",),
        words.conv1_edge,
        "so that 55 x 55 windows fit",
        {
            "paper": "224 in section 3.5; the zeros: layer.py:1004, which rounds up",
            "caffe": f"{CAFFE}: 227 pixels, a later invention",
            "owt": OWT,
        },
    ),
    Point(
        "LRN",
        ("lrn_alpha", "lrn_k", "lrn_groups"),
        words.normalization,
        "what a map is divided by: (k + alpha * sum of squares of 5 maps)^0.75, alpha not divided",
        {
            "paper": "section 3.3",
            "source2012": f"{CFG}, where the code has `scale /= size`: 1e-4/5; minDiv=2 is k",
            "one-tower": "configuration 145-half",
            "caffe": f"{CAFFE}: alpha 1e-4 is divided by 5; k 1 is Caffe's default; groups are one",
            "owt": OWT,
        },
    ),
    Point(
        "dropout",
        ("dropout",),
        words.dropout,
        "the same in the mean; weights carried from one to the other must be halved or doubled",
        {
            "paper": "section 4.2",
            "caffe": "Caffe's dropout layer",
            "owt": "PyTorch's Dropout",
            "modern": OURS,
        },
    ),
    Point(
        "dropout stands",
        ("dropout_before",),
        lambda p: f"{'before' if p.dropout_before else 'after'} fc6 and fc7",
        "before fc6 it drops maps of conv5",
        {"paper": "section 4.2", "owt": f"{OWT}; pytorch/vision#549"},
    ),
    Point(
        "weights begin as",
        ("init", "conv_std", "fc_std"),
        words.weights,
        "how much of the signal, the image, reaches the last layer, and of the gradient conv1",
        {
            "paper": "section 5",
            "source2012": f"{CFG}: initW=0.03",
            "caffe": CAFFE,
            "owt": "PyTorch's Conv2d and Linear",
            "modern": OURS,
        },
        "with 0.01 and biases of 1, 1.0 % of a logit depends on the image; with 0.03 in conv3-5, "
        "9.4 %, and conv1's gradient is 16 times as large (computed, 16 images)",
        effects.weights_tried,
    ),
    Point(
        "biases begin as",
        ("bias",),
        words.biases,
        effects.biases,
        {
            "paper": "section 5",
            "source2012": f"{CFG}: initB",
            "caffe": "bvlc_alexnet/readme.md: 1 gave flat loss",
            "caffenet": f"{CAFFENET} (recalled)",
            "owt": "PyTorch's Conv2d and Linear",
            "modern": OURS,
        },
    ),
    Point(
        "rate of the biases",
        ("bias_rate",),
        words.bias_rate,
        "how fast the biases follow",
        {
            "paper": "section 5: equal for all layers",
            "source2012": f"{PARAMS}: epsB=0.02 beside epsW=0.01",
            "caffe": f"{CAFFE}: lr_mult 2",
        },
    ),
    Point(
        "decay of the biases",
        ("bias_decay",),
        lambda p: "same as the weights" if p.bias_decay else "none",
        "decay pulls the biases to 0 too",
        {
            "paper": "not said in the text",
            "source2012": "src/weights.cu: wc is of the weights only",
            "caffe": f"{CAFFE}: decay_mult 0",
            "owt": "PyTorch's SGD, which decays all",
        },
    ),
    Point(
        "image",
        ("image_size",),
        lambda p: f"{p.image_size} pixels",
        "side of a crop in pixels",
        {"paper": "section 3.5", "caffe": f"{CAFFE}: crop_size"},
    ),
    Point(
        "pixels",
        ("pixel_mean", "pixel_std"),
        words.pixels,
        "what the network sees; rates and weights suit one scale and not another",
        {"paper": "section 2", "owt": "torchvision's references", "modern": OURS},
    ),
    Point(
        "crops",
        ("crop", "flip"),
        words.crops,
        "what part of an image, and which way round, training sees each time",
        {"paper": "section 4.1", "caffe": f"{CAFFE}: mirror, crop_size"},
    ),
    Point(
        "colour noise",
        ("colour_noise", "colour_rescale"),
        words.colour_noise,
        "each training image shifts along the principal components of its colours, by the root of "
        "their eigenvalues times this",
        {
            "paper": "section 4.1: the eigenvalues themselves, which on 0..255 would be absurd",
            "source2012": "convdata_jpeg.py: color_stdevs, `--color-noise 0.1`, image /= 1.1",
            "caffe": "none there: pull requests #1865 and #3101 were not merged",
            "owt": "torchvision's references: none",
            "modern": OURS,
        },
        "over 1 point less top-1 error (section 4.1; no released log shows it)",
        effects.noise_tried,
    ),
    Point(
        "batch",
        ("batch_size",),
        lambda p: f"{p.batch_size} images",
        "images per step; the gradient is their mean",
        {
            "paper": "section 5",
            "caffe": CAFFE,
            "owt": "torchvision's references (recalled)",
        },
    ),
    Point(
        "rate",
        ("lr",),
        lambda p: f"{p.lr:g}",
        "the initial learning rate of the weights",
        {"paper": "section 5"},
    ),
    Point(
        "momentum",
        ("momentum",),
        lambda p: f"{p.momentum:g}",
        "how much of each step is repeated in the next",
        {"paper": "section 5"},
    ),
    Point(
        "weight decay",
        ("weight_decay",),
        lambda p: f"{p.weight_decay:g}",
        "how fast a weight without a gradient shrinks",
        {"paper": "section 5", "owt": "torchvision's references (recalled)"},
    ),
    Point(
        "the rate falls",
        ("drops",),
        words.rate_falls,
        "to a tenth each time",
        {
            "paper": "section 5",
            "owt": "as paper: section 5; torchvision's references: every 30 epochs (recalled)",
            "modern": OURS,
        },
    ),
)
