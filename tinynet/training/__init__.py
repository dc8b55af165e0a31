"""A training run, from the first step to the last: what happens in it, what it keeps and says.

The files, in the order to read them:

    errors.py              what stops a run, said to the user
    settings.py            what a run is asked for
    inputs.py              a batch of bytes becomes the network's input
    scores.py              top-1 and top-5 error
    sharing.py             a batch that several ranks share
    non_finite.py          the layer in which a nan began
    evaluate.py            errors on images that the network was not trained on
    controls.py            what can be changed while it trains
    schedule.py            when the learning rate falls, and why
    formats.py             what may stand in its files
    run_folder.py          what a run leaves behind: config.json, log.jsonl, checkpoints/
    bystander.py           the same on ranks that only compute
    checkpoint.py          all it takes to go on to the same bits
    checkpoint_writer.py   written while training goes on
    finetuning.py          the weights of another network to start from
    gradients.py           from a batch to gradients, in one process or in several
    other_logs.py          the log in the forms of other programs
    doctor/                what goes wrong, in sentences
    notebook.py            the log, and the same on the screen
    trainer.py             the loop, which uses all of these
    memory_table.py        what a run holds on each device
    plan.py                the same ahead of the run, without computing it
"""
