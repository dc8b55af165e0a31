"""`python -m tinynet.kernels run`, called from tests in a folder of their own."""

from tinynet.kernels.__main__ import main

CLEAN = "clean: every load and store was watched\n"


def in_a_folder_of_its_own(tmp_path, monkeypatch, program="") -> None:
    """Where my.cu is `program`, and nothing from outside says how kernels run."""
    for name in ("TINYNET_SIM", "TINYNET_SIM_ORDER", "TINYNET_SIM_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.cu").write_text(program)


def command(capfd):
    """run(*words, file="my.cu"): the status, and what was printed to both streams."""

    def run(*words, file="my.cu"):
        status = main(["run", file, *words])
        return status, *capfd.readouterr()

    return run


def refused(run, *words, file="my.cu"):
    """The one line of a refusal."""
    status, out, err = run(*words, file=file)
    assert (status, out, err.count("\n")) == (2, "", 1)
    return err
