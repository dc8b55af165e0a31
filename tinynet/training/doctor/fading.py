"""Does the image reach the last layer? Measured before the first step is spent.

What a layer gives has a part that depends on the image and a part that is the same for all images.
Weights that are small for the number of their inputs shrink both; biases add to the second alone.
With the paper's weights from N(0, 0.01) and biases of 1, a hundredth of each logit depends on the
image in the full net, and less in a narrower one. So the network says the same of every picture,
and the gradient that reaches the first layers is just as faint. Training must first make the signal
grow, which takes longer the less of it there is.
"""

from tinynet.console.sentences import listed, percent
from tinynet.training.doctor.finding import Finding, with_flags
from tinynet.training.doctor.look import Look

# Steps until the loss left ln 10, measured: 20 to 50 from starts with 1.8 % and more; 50 to 90 from
# 1 % (the paper's net on ten classes of photographs; caffe on CIFAR-10); 260 from 0.1 % (the
# paper's on CIFAR-10, 64 pixels); more than 300 from 0.03 % (on `shapes`).
FAINT = 0.015
FAINTER = 0.003
ALIKE = 0.2  # of what the first layer gives; nearly 1 for images minus their mean
BIASED = 0.5  # of the rms of what a layer gives


def faint_start(look: Look, better_start: str) -> Finding | None:
    """The finding if too little of the logits depends on the image.

    `better_start`: see `Doctor`.
    """
    left = look.signal[look.last]
    if not left < FAINT:
        return None
    cause, remedy = why_faint(look, better_start)
    when = "may not start, or only after hundreds of steps" if left < FAINTER else "will start late"
    measured = f"training {when}: at first {share_of_image(look)}"
    return Finding("faint_start", measured, cause, remedy, look.last)


def share_of_image(look: Look) -> str:
    """Something like "only 1% of fc8's output depends on the image (conv1 98%, ...)"."""
    way = [f"{name} {percent(share)}" for name, share in look.signal.items() if name != look.last]
    only = f"only {percent(look.signal[look.last])} of {look.last}'s output depends on the image"
    return f"{only} ({', '.join(way)})"


def why_faint(look: Look, better_start: str) -> tuple[str, str]:
    """Cause and remedy for a signal that fades from layer to layer."""
    biased = [name for name, share in look.bias.items() if share > BIASED]
    if next(iter(look.signal.values())) < ALIKE:
        cause = "the images that come in hardly differ: what they share outweighs the rest"
        return cause, "subtract the mean image from them"
    if biased:
        cause = f"the biases of {listed(biased)} drown it: the weights are too small beside them"
    else:
        cause = "from layer to layer the part that all images share grows"
    return cause, with_flags("start with larger weights or smaller biases", better_start)
