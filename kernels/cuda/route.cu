// The router of a mixture of experts: a warp takes a row, and lane l experts l, l+32, …
#include "exp.h"
#include "rows.h"

// A Pick is an expert with its logit.
struct Pick {
  float logit;
  i32 expert;
};

// ranks_before reports whether p has the larger logit, any number being larger than NaN, or the lower
// number of equals.
DEV bool ranks_before(Pick p, Pick q) {
  const bool pnan = p.logit != p.logit, qnan = q.logit != q.logit;
  if (pnan != qnan) return qnan;
  if (!pnan && p.logit != q.logit) return p.logit > q.logit;
  return p.expert < q.expert;
}

const i32 kNobody = 0x7fffffff;

// next_pick returns the expert of a row that ranks first of those after last. Of a warp.
DEV Pick next_pick(const Mat& logits, i32 row, Pick last) {
  Pick best{bits_f32(0x7fffffff), kNobody};  // NaN: after all
  for (i32 j = lane_id(); j < logits.cols; j += 32) {
    const Pick p{load(logits, row, j), j};
    if ((last.expert == kNobody || ranks_before(last, p)) && ranks_before(p, best)) best = p;
  }
  UNROLL for (i32 mask = 16; mask; mask /= 2) {
    const Pick p{shfl_xor(best.logit, mask), (i32)shfl_xor((u32)best.expert, mask)};
    if (ranks_before(p, best)) best = p;
  }
  return best;
}

// A Softmax is what the probabilities of a row are computed from.
struct Softmax {
  float top, sum;
};

DEV float probability(const Softmax& s, float logit) { return div32(exp32(logit - s.top), s.sum); }

DEV Softmax softmax(const Mat& logits, i32 row, float top) {
  float sum[1] = {0};
  for (i32 j = lane_id(); j < logits.cols; j += 32) sum[0] = sum[0] + exp32(load(logits, row, j) - top);
  sum_rows<1>(sum, nullptr);
  return Softmax{top, sum[0]};
}

struct RouteArgs {
  Mat weights, logits;
  u64 ids;  // i32[rows, k]
  i32 normalize, pad;
};

// ids[i*k+r] = the expert of row i with the r-th largest logit; weights[i][r] its probability, divided
// by the sum of the row's weights if normalize
KERNEL(route, RouteArgs, kRowThreads, 4) {
  const i32 row = row_of_thread<1>().row, k = a.weights.cols;
  if (row >= a.logits.rows) return;
  i32* ids = (i32*)a.ids + (i64)row * k;
  const Pick first = next_pick(a.logits, row, Pick{0, kNobody});
  const Softmax p = softmax(a.logits, row, first.logit);
  Pick pick = first;
  float sum = 0;
  for (i32 r = 0; r < k; r++) {
    if (r) pick = next_pick(a.logits, row, pick);
    sum = sum + probability(p, pick.logit);
    if (lane_id() == 0) ids[r] = pick.expert;
  }
  if (!a.normalize) sum = 1;
  sync_warp();
  for (i32 r = lane_id(); r < k; r += 32)
    store(a.weights, row, r, div32(probability(p, load(a.logits, row, ids[r])), sum));
}

struct RouteGradArgs {
  Mat dlogits, dweights, weights, logits;
  u64 ids;  // i32[rows, k]
  i32 normalize, pad;
};

// dlogits[i][j] = q*(d-c) with c = Σ dweights[i][r]*weights[i][r]; q is the probability of expert j, or
// weights[i][r] if normalize, and d is dweights[i][r], if j is of rank r; else d is 0, and q if normalize
KERNEL(route_grad, RouteGradArgs, kRowThreads, 4) {
  const i32 row = row_of_thread<1>().row, k = a.weights.cols;
  if (row >= a.logits.rows) return;
  const i32* ids = (const i32*)a.ids + (i64)row * k;
  const Softmax p = softmax(a.logits, row, next_pick(a.logits, row, Pick{0, kNobody}).logit);
  float c = 0;
  for (i32 r = 0; r < k; r++) c = fma32(load(a.dweights, row, r), load(a.weights, row, r), c);
  for (i32 j = lane_id(); j < a.logits.cols; j += 32) {
    float d = 0, q = a.normalize ? 0 : probability(p, load(a.logits, row, j));
    for (i32 r = 0; r < k; r++) {
      if (ids[r] != j) continue;
      d = load(a.dweights, row, r);
      if (a.normalize) q = load(a.weights, row, r);
    }
    store(a.dlogits, row, j, q * (d - c));
  }
}
