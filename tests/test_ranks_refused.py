"""What several ranks cannot do together: one line from rank 0, status 2, and nobody waits."""

import re
import shutil
import sys

import pytest
from ranks_jobs import ARGS, PROGRAM, Ended, in_ranks, needs_mpi
from tiny_runs import EXAMPLES, write_photos

from tinynet.training.run_folder import RunFolder


def refused(result: Ended) -> str:
    """The one line of an error, which all must end with."""
    assert result.status == 2, result.err
    assert result.err.startswith("error: ") and result.err.count("\n") == 1, result.err
    return result.err


@needs_mpi
@pytest.mark.parametrize(
    ("argv", "cause"),
    [
        (("train", "--batch-size", "1"), "--batch-size 1: 2 ranks want an image each at least"),
        (("train", "--data", "nowhere"), "nowhere"),
        (("train", "--parallel", "owt", "--devices", "cpu,cpu"), "one device a rank"),
        (("summary",), "only train and finetune"),
    ],
)
def test_what_all_ranks_are_asked_is_refused_once(tmp_path, argv, cause):
    where = ("--out", tmp_path / "run") if argv[0] == "train" else ()
    assert cause in refused(in_ranks(2, EXAMPLES / "alexnet.py", *argv, *where))
    assert not (tmp_path / "run").exists()


@needs_mpi
def test_another_batch_on_some_rank(tmp_path):
    program = (EXAMPLES / "alexnet.py", "train", "--out", tmp_path / "run", "--batch-size")
    line = refused(in_ranks(1, *program, 16, ":", "-n", 1, sys.executable, *program, 8))
    assert re.match("error: rank 1 on .* --batch-size 8, and rank 0 on .* --batch-size 16", line)


@needs_mpi
@pytest.mark.parametrize(
    ("way", "cause"),
    [
        ("other_version", "rank 1 on .* has tinynet 0.0.1 .*, and rank 0 on .*: wanted the same"),
        ("other_disk", "rank 1 on .*elsewhere: no such dataset"),
        ("other_runs", "/run: rank 1 on .* has a run there, and rank 0 on .* has none"),
    ],
)
def test_a_rank_whose_machine_is_not_like_the_others(photos, tmp_path, way, cause):
    resumes = ("--resume",) if way == "other_runs" else ()
    args = (*ARGS, "--data", photos, *resumes, "--out", tmp_path / "run")
    assert re.match(f"error: .*{cause}", refused(in_ranks(2, PROGRAM, way, "train", *args)))
    assert not (tmp_path / "run").exists()


@needs_mpi
def test_one_image_is_another_on_some_rank(tmp_path):
    here = write_photos(tmp_path / "photos", train=3, val=1)
    there = shutil.copytree(here, tmp_path / "photos.elsewhere")
    image, another = sorted((there / "val").rglob("*.png"))
    shutil.copyfile(another, image)
    args = (*ARGS, "--data", here, "--out", tmp_path / "run")
    line = refused(in_ranks(2, PROGRAM, "other_disk", "train", *args))
    assert "has the val data 2 images (" in line and "rank 1 on " in line


@needs_mpi
def test_a_checkpoint_to_begin_with_that_some_rank_lacks(photos, trained, tmp_path):
    args = ("--checkpoint", trained, "--data", photos, "--devices", "cpu", "--workers", "1")
    result = in_ranks(2, PROGRAM, "other_checkpoints", "finetune", *args, "--out", tmp_path / "run")
    assert re.match("error: rank 1 on .*no such file: .*.elsewhere", refused(result))


@needs_mpi
@pytest.mark.parametrize("resumes", [(), ("--resume",)], ids=["new", "resumed"])
def test_two_runs_in_one_folder(photos, tmp_path, resumes):
    folder = RunFolder(tmp_path)
    folder.begin()
    args = (*ARGS, "--data", photos, *resumes, "--out", tmp_path)
    line = refused(in_ranks(2, PROGRAM, "", "train", *args))
    assert f"{tmp_path}: another process is training in this folder" in line
    folder.close()


@needs_mpi
def test_more_ranks_than_images(tmp_path):
    data = write_photos(tmp_path / "two", train=1, val=1)
    result = in_ranks(3, PROGRAM, "", "train", *ARGS, "--data", data, "--out", tmp_path / "run")
    assert refused(result) == "error: two: its 2 images are too few for 3 ranks\n"


@needs_mpi
def test_the_launcher_itself_is_told_with_which_status_all_end(photos, tmp_path, monkeypatch):
    # Else MPICH's kills the ranks when it sees one of them gone, and now and then reports that.
    monkeypatch.setenv("HYDRA_DEBUG", "1")
    args = (*ARGS, "--data", photos, "--batch-size", "1", "--out", tmp_path / "run")
    result = in_ranks(2, PROGRAM, "", "train", *args)
    if "mpiexec@" not in result.out:
        pytest.skip("this mpiexec does not tell what it hears: not MPICH's")
    assert result.status == 2 and "cmd=abort exitcode=2" in result.out, result


@needs_mpi
def test_more_ranks_than_units_of_a_layer(photos, tmp_path):
    args = (*ARGS, "--data", photos, "--parallel", "owt", "--out", tmp_path / "run")
    line = refused(in_ranks(3, PROGRAM, "", "train", *args))
    assert line == "error: --parallel owt: 3 ranks want a unit each of fc8, which has 2\n"
    assert not (tmp_path / "run").exists()
