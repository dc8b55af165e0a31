"""The recipe in numbers: steps, FLOPs, and the rates that the authors set by hand."""

from tinynet import init, simulator
from tinynet.alexnet_profiles import PROFILES
from tinynet.models.alexnet import AlexNet
from tinynet.reports.summary import rows
from tinynet.training.schedule import CHANGES_145, EPOCHS_145, LR_145

IMAGES, BATCH, EPOCHS, DAYS = 1_200_000, 128, 90, 6  # the paper, sections 2 and 5
BILLION = 1e9
SECONDS = 5.891  # a step of the full net on two cores, benchmarks/RESULTS.md


def rate(epoch, group):
    """The rate of a group of weights, "conv1" or "weights", at an epoch of the authors' run 145."""
    lr = LR_145
    for change in CHANGES_145:
        if epoch >= change["epoch"]:
            lr = change["lr"].get(group, lr)
    return lr


def main() -> None:
    with simulator.dry_run(), init.skipped():
        model = AlexNet(devices="sim:0")
    forward = 2 * sum(row.connections for row in rows(model, 224))
    steps = IMAGES // BATCH * EPOCHS
    in_all = 3 * forward * BATCH * steps  # backward takes twice what forward does
    print(f"steps in an epoch    {IMAGES // BATCH:,}")
    print(f"steps in {EPOCHS} epochs   {steps:,}")
    print(f"FLOPs for an image   {forward / BILLION:.2f} billion forward, three times that in all")
    print(f"FLOPs a second       {in_all / DAYS / 86400 / BILLION:.0f} billion, for {DAYS} days")
    here = BATCH / SECONDS  # images a second
    print(f"two cores of a CPU   {IMAGES * EPOCHS / here / 86400:.0f} days, at {SECONDS} s a step")
    print("rates of the authors' run 145, epochs from 0 on")
    for epoch in (0, *(int(change["epoch"]) for change in CHANGES_145)):
        print(
            f"  from {epoch:2}   conv1 {rate(epoch, 'conv1'):<8g}others {rate(epoch, 'weights'):g}"
        )
    biases = LR_145 * PROFILES["source2012"].bias_rate
    print(f"  biases {biases:g} all the time; it ends after {EPOCHS_145} epochs")


if __name__ == "__main__":
    main()
