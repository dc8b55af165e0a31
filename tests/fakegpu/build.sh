#!/usr/bin/env bash
# build.sh FOLDER: builds the stand-in driver and cuBLAS there, for the CuPy of the `python3` that
# is active, and puts cuBLAS beside NVRTC in its site-packages, where CuPy looks for it. So that
# Python must be of a virtual environment of its own. Needs g++ and the wheels of requirements.txt.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: build.sh FOLDER}
mkdir -p "$out"

site=$(python3 -c "import sysconfig; print(sysconfig.get_path('purelib'))")
python3 -c "import sys; sys.exit(sys.prefix == sys.base_prefix)" || {
    echo "build.sh: activate a virtual environment first: it puts a cuBLAS there" >&2
    exit 1
}
header=$(find "$site/nvidia" -name driver_types.h 2>/dev/null | head -1)
cupy_cublas=$(find "$site/cupy_backends/cuda/libs" -name "cublas.*.so" 2>/dev/null | head -1)
if [ -z "$header" ] || [ -z "$cupy_cublas" ]; then
    echo "build.sh: CuPy or CUDA's headers are missing from $site" >&2
    exit 1
fi

compile=(g++ -std=c++17 -O2 -Wall -Wextra -Werror -isystem "$(dirname "$header")" -shared -fPIC)
"${compile[@]}" -Wl,-soname,libcuda.so.1 -o "$out/libcuda.so.1" \
    "$here"/driver/{devices,memory,streams,kernels}.cpp

# CuPy's library links to a hundred functions of cuBLAS. Those that cublas.cpp lacks say so.
names() { grep -oE "\bcublas[A-Za-z0-9_]+" | grep -v "^cublasLt" | sort -u; }
nm -D --undefined-only "$cupy_cublas" | sed 's/@.*//' | names >"$out/wanted"
{ names <"$here/driver/cublas.cpp"; echo "cublas"{S,D}"gemm"{_v2,Batched,StridedBatched}; } |
    tr " " "\n" | sort -u >"$out/written"
{
    echo '#include <cstdio>'
    comm -23 "$out/wanted" "$out/written" | while read -r name; do
        echo "extern \"C\" int $name() { std::fputs(\"fakegpu: no $name\\n\", stderr); return 15; }"
    done
} >"$out/lacking.cpp"
echo "libcublas.so.13 { global: *; };" >"$out/versions"
"${compile[@]}" -Wl,-soname,libcublas.so.13 -Wl,--version-script="$out/versions" \
    -o "$out/libcublas.so.13" "$here/driver/cublas.cpp" "$out/lacking.cpp" \
    -L"$out" -l:libcuda.so.1
echo 'extern "C" int cublasLtNothing() { return 15; }' >"$out/lt.cpp"
"${compile[@]}" -Wl,-soname,libcublasLt.so.13 -o "$out/libcublasLt.so.13" "$out/lt.cpp"
cp --remove-destination "$out"/libcublas{,Lt}.so.13 "$(dirname "$header")/../lib/"
