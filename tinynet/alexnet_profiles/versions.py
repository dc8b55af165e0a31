"""The versions of AlexNet, as data: the paper's text, what was released, what others made of it.

models/alexnet.py is the one network that reads them.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Profile:
    """One version of AlexNet: its layers, where its weights start, and how it is trained."""

    filters: tuple[int, ...] = (96, 256, 384, 384, 256)
    groups: int = 2  # of conv2, conv4 and conv5: the towers
    crosstalk: bool = True  # conv3 sees both towers; without, it has groups too
    layer1: tuple[str, ...] = ("conv", "relu", "lrn", "pool")
    layer2: tuple[str, ...] = ("conv", "relu", "lrn", "pool")
    activation: str = "relu"  # or "tanh", wherever a layer has "relu"
    pool: int = 3  # windows of pool x pool; their stride is 2
    conv1_padding: int | None = None  # None: bottom and right, as much as the last window needs
    lrn_alpha: float = 1e-4
    lrn_k: float = 2.0
    lrn_groups: int = 2  # 2: a tower's maps are normalized by its own only
    dropout: str = "paper"  # "paper": x 0.5 in testing; "inverted": x 2 in training; "none"
    dropout_before: bool = False  # before fc6 and fc7, not after them
    init: str = "normal"  # "normal": N(0, std); "he"; "torch"
    conv_std: tuple[float, ...] = (0.01, 0.01, 0.01, 0.01, 0.01)
    fc_std: tuple[float, ...] = (0.01, 0.01, 0.01)
    bias: float = 1.0  # of conv2, conv4, conv5, fc6 and fc7; 0 elsewhere
    bias_rate: float = 1.0  # times the rate of the weights
    bias_decay: bool = False
    image_size: int = 224
    pixel_mean: tuple[float, ...] | None = None  # of 0..255, one per channel; None: mean image
    pixel_std: tuple[float, ...] = (1.0, 1.0, 1.0)  # of 0..255; divides what is left
    batch_size: int = 128
    lr: float = 0.01
    momentum: float = 0.9
    weight_decay: float = 5e-4
    drops: tuple[float, ...] | None = None  # where in a run the rate falls; None: at plateaus
    crop: bool = True  # at random places in training, or always the centre
    flip: bool = True  # half of the images in training
    colour_noise: float = 0.1  # standard deviation of the shift along each principal component
    colour_rescale: bool = False  # the image with its noise is divided by 1 + colour_noise


PAPER = Profile()
SOURCE = replace(
    PAPER,
    layer1=("conv", "lrn", "pool", "relu"),
    layer2=("conv", "relu", "lrn", "lrn_within", "pool"),
    lrn_alpha=2e-5,
    conv_std=(0.01, 0.01, 0.03, 0.03, 0.03),
    bias_rate=2.0,
    colour_rescale=True,
)
CAFFE = replace(
    PAPER,
    lrn_alpha=2e-5,
    lrn_k=1.0,
    lrn_groups=1,
    fc_std=(0.005, 0.005, 0.01),
    bias=0.1,
    bias_rate=2.0,
    dropout="inverted",
    image_size=227,
    batch_size=256,
    colour_noise=0.0,
)
PROFILES = {
    "paper": PAPER,
    "source2012": SOURCE,
    # The authors' configurations 150 (conv2 was widened to make up for it) and 145-half.
    "no-crosstalk": replace(SOURCE, crosstalk=False, filters=(96, 320, 384, 384, 256)),
    "one-tower": replace(SOURCE, groups=1, lrn_groups=1, filters=(48, 128, 192, 192, 256)),
    "caffe": CAFFE,
    "caffenet": replace(
        CAFFE,
        layer1=("conv", "relu", "pool", "lrn"),
        layer2=("conv", "relu", "pool", "lrn"),
        bias=1.0,
    ),
    "owt": replace(
        PAPER,
        filters=(64, 192, 384, 256, 256),
        groups=1,
        layer1=("conv", "relu", "pool"),
        layer2=("conv", "relu", "pool"),
        conv1_padding=2,
        dropout="inverted",
        dropout_before=True,
        init="torch",
        bias_decay=True,
        pixel_mean=(123.675, 116.28, 103.53),
        pixel_std=(58.395, 57.12, 57.375),
        batch_size=256,
        weight_decay=1e-4,
        colour_noise=0.0,
    ),
    "modern": replace(
        PAPER,
        init="he",
        bias=0.0,
        dropout="inverted",
        pixel_std=(64.0, 64.0, 64.0),
        drops=(0.75,),
        colour_noise=0.0,
    ),
}
# No version of anybody's, but what the paper's claims need beside these.
VARIANTS = {"modern-colour": replace(PROFILES["modern"], colour_noise=PAPER.colour_noise)}
