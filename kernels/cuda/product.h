// Products of matrices: y[i][j] = Σₖ a(i, k)*b(j, k), in three forms, whose operands are patches of a and b.
//
//   - kForward: a is x [rows, k], b is w [cols, k];
//   - kGradX: a is dy [rows, k], b is w [k, cols];
//   - kGradW: a is dy [k, rows], b is x [k, cols], and the sums begin at the stored y.
//
// Every element has one order of additions. Forward and for dX, k is cut into runs of kProductRun; each is
// one chain from 0, and the runs are added in order. For dW it is one chain, so that a batch may be cut at
// multiples of the kProductGroup rows that a tensor core takes at once.
#pragma once
#include "mat.h"

enum Form { kForward, kGradX, kGradW };

const i32 kProductRun = 2048;
const i32 kProductGroup = 16;

// A Part is what a row of tiles works on, where there are groups of rows with weights of their own: rows
// [first, end) of a (and for dW of b), and the row of w or of dw at which the group's begin.
struct Part {
  i32 first, end, base, pad;
};

struct ProductArgs {
  Mat y, a, b, bias;
  u64 parts;          // Part[]: of each row of tiles; for dW, of each group. Or 0: there is one group
  u64 totals;         // f32[blocks, tile]: sums of the runs so far, if there are several
  i32 m, n, k;        // rows and columns of y and length of the sums, in a group
  i32 down, across;   // tiles
  i32 blocks;         // that take the tiles in turn
  i32 acc;            // add to y
  i32 transposed;     // y and bias are for the transposed product
};

// A Tile is a part of y with the patches that it is computed from.
struct Tile {
  i32 a_row, a_rows, a_col, a_cols;  // first and end of the patch of a; k moves one of the pairs
  i32 b_row, b_rows, b_col, b_cols;
  i32 row, rows, col, cols;          // of y
  i32 k;                             // length of the sums
};

// tile_of returns tile t of BM × BN elements. Tiles of eight rows of tiles lie together, so that they find
// b in the cache.
template <Form F, i32 BM, i32 BN> DEV Tile tile_of(const ProductArgs& a, i32 t) {
  const i32 band = t / (8 * a.across), high = min(8, a.down - 8 * band), in = t - band * 8 * a.across;
  i32 i = 8 * band + in % high;
  const i32 col = in / high * BN;
  Part p{i * BM, a.m, 0, 0};
  if (F == kGradW) {
    p = Part{0, a.k, 0, 0};
    if (a.parts) {
      const i32 each = (a.m + BM - 1) / BM;
      p = ((const Part*)a.parts)[i / each];
      i = i % each;
    }
    return Tile{p.first, p.end, i * BM, a.m, p.first, p.end, col, a.n,
                p.base + i * BM, p.base + a.m, col, a.n, p.end - p.first};
  }
  if (a.parts) p = ((const Part*)a.parts)[i];
  if (F == kGradX)
    return Tile{p.first, p.end, 0, a.k, p.base, p.base + a.k, col, a.n, p.first, p.end, col, a.n, a.k};
  return Tile{p.first, p.end, 0, a.k, p.base + col, p.base + a.n, 0, a.k, p.first, p.end, col, a.n, a.k};
}

// finish adds bias and y and writes an element.
DEV void finish(const ProductArgs& a, const Tile& t, i32 row, i32 col, float v) {
  if (row >= t.rows || col >= t.cols) return;
  if (a.transposed) {
    const i32 other = row;
    row = col;
    col = other;
  }
  if (a.bias.at) v = v + load(a.bias, 0, col);
  if (a.acc) v = v + load(a.y, row, col);
  store(a.y, row, col, v);
}

// start returns what the sum of an element begins at.
template <Form F> DEV float start(const ProductArgs& a, const Tile& t, i32 row, i32 col) {
  return F == kGradW && row < t.rows && col < t.cols ? load(a.y, row, col) : 0;
}
