// libtorch's global switches of arithmetic, which tch does not offer. They lie in libtorch_cpu, so this needs no CUDA.
#include <ATen/Context.h>

namespace {

// Whether products of f32 may be rounded to TF32: convolutions by libtorch's own default, matrix products not.
bool tf32(at::Context& context) { return context.allowTF32CuDNN() || context.allowTF32CuBLAS(); }

}  // namespace

extern "C" {

// 0, or 1 if libtorch refused.
int tombola_allow_tf32(int allowed) noexcept {
  try {
    auto& context = at::globalContext();
    context.setAllowTF32CuDNN(allowed != 0);
    context.setAllowTF32CuBLAS(allowed != 0);
    return tf32(context) == (allowed != 0) ? 0 : 1;
  } catch (...) {
    return 1;
  }
}

// 1 = products of f32 may be rounded to TF32, 0 = not, -1 = libtorch does not tell.
int tombola_tf32_allowed() noexcept {
  try {
    return tf32(at::globalContext()) ? 1 : 0;
  } catch (...) {
    return -1;
  }
}

// The same bits each time, where libtorch can: what it cannot it warns of once. 0, or 1 if libtorch refused.
int tombola_be_deterministic() noexcept {
  try {
    auto& context = at::globalContext();
    context.setBenchmarkCuDNN(false);
    context.setDeterministicCuDNN(true);
    context.setDeterministicAlgorithms(true, /*warn_only=*/true);
    // Or every new tensor would be filled before it is written.
    context.setDeterministicFillUninitializedMemory(false);
    // Sums of bfloat16 are made in f32.
    context.setAllowBF16ReductionCuBLAS(/*allow_reduced_precision=*/false);
    return 0;
  } catch (...) {
    return 1;
  }
}

}
