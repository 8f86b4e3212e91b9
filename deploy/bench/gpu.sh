#!/bin/sh
# The GPU benchmark, carried to a machine by `cargo xtask bench gpu --carry DIR`. Options are the benchmark's own.
#
#   sh gpu.sh                                       everything, about ten minutes on one GPU
#   sh gpu.sh --only resnet --dtype bf16            a part of it
#
# It needs a Python with torch 2.11 (CUDA), whose libraries it runs on: TOMBOLA_TEST_TORCH names it, else it is `python3`.
# TOMBOLA_CUDA_LIBS names the folder of libtorch_cuda.so where that is another one.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${TOMBOLA_TEST_TORCH:-python3}
libraries=${TOMBOLA_CUDA_LIBS:-$("$python" -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))')}
export TOMBOLA_TEST_TORCH="$python" TOMBOLA_CUDA_LIBS="$libraries" CUBLAS_WORKSPACE_CONFIG=:4096:8
export TOMBOLA_BENCH_TORCH_STEP="$here/torch_step.py" LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$here/gpu" "$@"
