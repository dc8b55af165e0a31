"""Where the source of 2012 departs from the paper, but no profile here departs from another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Note:
    """What the paper says, what the source does, and what tinynet does in all its profiles."""

    name: str
    paper: str
    source: str
    here: str


NOTES = (
    Note(
        "size of the image",
        "224 pixels (section 3.5)",
        "224, and conv1 rounds up (layer.py:1004): its last windows hang over by 3 pixels",
        "as the source: 3 zeros, which are the mean, at the right and at the bottom",
    ),
    Note(
        "crops and flips",
        "each image has its own (section 4.1)",
        "33 offsets per axis; one crop and one flip for 32 images in a row (convdata_jpeg.py)",
        "each image has its own, of the same 33 offsets per axis",
    ),
    Note(
        "mean image",
        "of the training set (section 2)",
        "its centre, wherever the crop is (convdata_jpeg.py)",
        "as the source",
    ),
    Note(
        "step",
        "v <- 0.9 v - 0.0005 lr w - lr grad (section 5)",
        "the same (src/weights.cu)",
        "the same",
    ),
    Note(
        "rate of conv1",
        "equal for all layers, divided by 10 three times (section 5)",
        "conv1 falls to 1e-5 at epoch 67 and to 0 at 72; the others go on to epoch 91 "
        "(layer-params-145.cfg)",
        "equal for all layers, unless `train --schedule 145`",
    ),
    Note(
        "rate of the biases",
        "falls with that of the weights (section 5)",
        "still 0.02 at the end, with that of the weights at 1e-5 (layer-params-145.cfg)",
        "falls with that of the weights, unless `train --schedule 145`",
    ),
    Note(
        "end of the noise",
        "not said",
        "colour noise ends at epoch 67, with 24 to go (layer-params-145.cfg)",
        "it stays, unless `train --schedule 145`",
    ),
    Note(
        "decay of the biases",
        "not said",
        "none: wc is of the weights (src/weights.cu)",
        "none",
    ),
    Note(
        "dropout",
        "x 0.5 in testing (section 4.2)",
        "the same (layer `hs`)",
        "the same",
    ),
)
