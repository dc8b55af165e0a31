"""From photographs as they are kept, ImageNet's archives among them, to shards.

The files, in the order to read them:

    source.py         numbered images with their classes, from a folder or a .tar
    meta_mat.py       ILSVRC's table of classes, read in a process of its own
    devkit.py         and the rest of its development kit: which class a number means
    ilsvrc.py         ILSVRC's archives as a source
    images.py         the work on each image, and which shard it goes to
    shards_write.py   a shard, the same bytes every time
    cifar10_part.py   a part of CIFAR-10, for experiments that must be small
    state.py          how far a set has come, after each shard
    destination.py    the folder while it is being filled: locked, gone on with, finished
    prepare.py        all of it, from source to destination
"""
