"""tinynet needs NumPy; a GPU needs CuPy (extra cuda12 or cuda13); the tests need the extra test.

The distribution is called tinynet-alexnet, since `tinynet` on the package index is another project.
What is imported is `tinynet`.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
PACKAGE = (HERE / "tinynet" / "__init__.py").read_text(encoding="utf-8")

setup(
    name="tinynet-alexnet",
    version=re.search(r'^__version__ = "(.+)"$', PACKAGE, re.MULTILINE)[1],
    description="A deep learning engine to read: NumPy, hand-written CUDA kernels, AlexNet on top",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="the authors of tinynet",
    license="MIT",
    project_urls={"The paper": "https://doi.org/10.1145/3065386"},
    keywords=["deep learning", "autograd", "AlexNet", "CUDA", "NumPy", "CuPy", "education"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Environment :: GPU :: NVIDIA CUDA",
        "Intended Audience :: Education",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    # Said, though it is the default: an editable install is then a path. Else it is a finder that
    # comes too late where the clone, a folder named tinynet, is in the current directory.
    package_dir={"": "."},
    packages=find_packages(include=["tinynet", "tinynet.*"]),
    package_data={
        "tinynet": ["py.typed", "kernels/*.cu", "kernels/README.md", "simulator/kernels/cpp/*"]
        + ["kernels/catalogue/page/web/*", "kernels/catalogue/ladder/*.cu", "models/*.json"]
        + ["gym/kernels/*.cu"]
        + ["pages/web/*", "reports/page/web/*"]
        + ["models/trained/README.md", "models/trained/*/*.json*", "models/trained/*/*/*"]
    },
    entry_points={"console_scripts": ["tinynet=tinynet.__main__:main"]},
    # Each minimum is the oldest with which the suite passes: .ci/run installs exactly these.
    install_requires=[
        "numpy>=2.0",
        "threadpoolctl>=3.5",  # older ones do not see NumPy 2's BLAS, nor hold it to one thread
        "pillow>=11.0",
        "safetensors>=0.4.4",
        "msgspec>=0.18.5",
        "tqdm>=4.64",
        "matplotlib>=3.8.4",  # the first that is built for NumPy 2
    ],
    extras_require={
        "test": ["pytest>=8", "hypothesis>=6.100", "ruff>=0.9", "scipy>=1.13", "webdataset>=0.2.5"]
        + ["mpmath>=1.3", "setuptools>=70.1", "mpi4py>=4.1.1", "mpich>=5.0.1"],
        "completion": ["shtab>=1.6"],
        "onnx": ["onnx>=1.17"],
        "docs": ["pdoc>=15.0.4", "markdown-it-py>=3"],
        "logs": ["tensorboard>=2.16", "wandb>=0.18"],
        # [ctk]: NVRTC, cuBLAS and the headers, which a machine with only a driver lacks.
        "cuda12": ["cupy-cuda12x[ctk]>=14.0.1"],
        "cuda13": ["cupy-cuda13x[ctk]>=14.0.1"],
        # Many processes on one network: MPI, with its mpiexec, and Python's way to it. With MPICH
        # 4.3.1 a rank was sometimes not heard of from its start on, on busy machines.
        "mpi": ["mpi4py>=4.1.1", "mpich>=5.0.1"],
        # No GPU needed: what compiles the kernels in tests. The budgets of registers hold for it.
        "cuda-check": ["cupy-cuda13x==14.2.0", "nvidia-cuda-nvrtc==13.0.88"],
    },
)
