"""tinynet needs NumPy; a GPU needs CuPy (extra cuda12 or cuda13); the tests need the extra test."""

from setuptools import find_packages, setup

setup(
    name="tinynet",
    version="0.1.0",
    description="A deep learning engine to read: NumPy, hand-written CUDA kernels, AlexNet on top",
    license="MIT",
    python_requires=">=3.10",
    # Said, though it is the default: an editable install is then a path. Else it is a finder that
    # comes too late where the clone, a folder named tinynet, is in the current directory.
    package_dir={"": "."},
    packages=find_packages(include=["tinynet", "tinynet.*"]),
    package_data={"tinynet": ["kernels/*.cu", "simulator/kernels/cpp/*"]},
    install_requires=[
        "numpy>=2.0",
        "threadpoolctl>=3.1",
        "pillow>=10.1",
        "safetensors>=0.4.3",
        "tqdm>=4.64",
        "matplotlib>=3.7",
    ],
    extras_require={
        "test": ["pytest>=8", "hypothesis>=6.100", "ruff>=0.9", "scipy>=1.10", "webdataset>=0.2"],
        # [ctk]: NVRTC, cuBLAS and the headers, which a machine with only a driver lacks.
        "cuda12": ["cupy-cuda12x[ctk]>=14.0.1"],
        "cuda13": ["cupy-cuda13x[ctk]>=14.0.1"],
        # No GPU needed: what compiles the kernels in tests. The budgets of registers hold for it.
        "cuda-check": ["cupy-cuda13x==14.2.0", "nvidia-cuda-nvrtc==13.0.88"],
    },
)
