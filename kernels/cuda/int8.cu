#include "int8.h"
#include "rows.h"

struct QuantizeArgs {
  Mat q, w;
};

// q[i][j] = w[i][j]/s to the nearest integer, s being the largest magnitude of a run of 64 columns
// divided by 127; a warp takes a run, a lane two columns
KERNEL(quantize, QuantizeArgs, kRowThreads, 4) {
  const i32 runs = (a.w.cols + kInt8Run - 1) / kInt8Run, i = row_of_thread<1>().row, row = i / runs, run = i % runs;
  if (row >= a.w.rows) return;
  const i32 col = run * kInt8Run + 2 * lane_id();
  float v[2];
  UNROLL for (i32 e = 0; e < 2; e++) v[e] = col + e < a.w.cols ? load(a.w, row, col + e) : 0;
  u32 top = max(f32_bits(v[0]) & 0x7fffffff, f32_bits(v[1]) & 0x7fffffff);  // NaN is the largest
  UNROLL for (i32 mask = 16; mask; mask /= 2) top = max(top, shfl_xor(top, mask));
  float s = div32(bits_f32(top), 127);
  if (s < 0x1p-96f) s = 0;
  if (s == INFINITY) s = bits_f32(0x7fc00000);
  if (lane_id() == 0) int8_scales(a.q, row)[run] = s;
  i8* q = int8_codes(a.q, row) + col;
  UNROLL for (i32 e = 0; e < 2; e++)
    if (col + e < a.q.cols) q[e] = s > 0 ? (i8)round32(div32(v[e], s)) : 0;
}
