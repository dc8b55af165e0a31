"""What torchvision calls the layers of its AlexNet, which is the profile `owt`.

It is the network of Krizhevsky's "One weird trick for parallelizing convolutional neural networks"
(2014) in one tower: an nn.Sequential `features` and after it another, `classifier`, whose layers
are numbered. It sees 224 pixels, and its 1,000 classes stand in the order of their WordNet ids.
"""

PROFILE, IMAGE_SIZE, WIDTH = "owt", 224, 1.0
LAYERS = {
    "conv1": "features.0",
    "conv2": "features.3",
    "conv3": "features.6",
    "conv4": "features.8",
    "conv5": "features.10",
    "fc6": "classifier.1",
    "fc7": "classifier.4",
    "fc8": "classifier.6",
}


def torchvision_name(parameter: str) -> str:
    """ "features.0.weight" for "conv1.weight"."""
    layer, _, kind = parameter.rpartition(".")
    return f"{LAYERS[layer]}.{kind}"
