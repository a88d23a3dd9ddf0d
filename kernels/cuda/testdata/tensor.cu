// One product of a tensor core, its operands taken from memory element by element.
#include "mat.h"

struct TensorArgs {
  u64 a, b, c;  // bf16[16, 16], bf16[8, 16], f32[16, 8]
  u64 d;        // f32[16, 8]
};

// d = c + a*bᵀ
KERNEL(tensor_product, TensorArgs, 32, 1) {
  const u16 *a16 = (const u16*)a.a, *b16 = (const u16*)a.b;
  const float* c = (const float*)a.c;
  const i32 g = lane_id() / 4, t = 2 * (lane_id() % 4);
  auto pair = [](const u16* m, i32 row, i32 col) { return m[16 * row + col] | (u32)m[16 * row + col + 1] << 16; };
  const u32 fa[4] = {pair(a16, g, t), pair(a16, g + 8, t), pair(a16, g, t + 8), pair(a16, g + 8, t + 8)};
  float d[4] = {c[8 * g + t], c[8 * g + t + 1], c[8 * g + 64 + t], c[8 * g + 64 + t + 1]};
  mma_bf16(d, fa, pair(b16, g, t), pair(b16, g, t + 8));
  float* out = (float*)a.d;
  out[8 * g + t] = d[0];
  out[8 * g + t + 1] = d[1];
  out[8 * g + 64 + t] = d[2];
  out[8 * g + 64 + t + 1] = d[3];
}
