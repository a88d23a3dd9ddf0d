#include "mat.h"

struct DeltaArgs {
  Mat dout, o;
  u64 delta;  // f32[rows, heads]
  i32 heads, dim;
};

// delta[i][h] = Σ do[i][d]*o[i][d] over the columns of head h
KERNEL(attend_delta, DeltaArgs, kElementwise, 4) {
  const i64 i = (i64)block_id() * kElementwise + thread_id(), row = i / a.heads;
  const i32 head = (i32)(i % a.heads);
  if (row >= a.o.rows) return;
  float sum = 0;
  for (i32 d = 0; d < a.dim; d++)
    sum = fma32(load(a.dout, row, head * a.dim + d), load(a.o, row, head * a.dim + d), sum);
  ((float*)a.delta)[i] = sum;
}
