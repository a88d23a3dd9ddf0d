// What attention and its gradient are made of: tiles of 64 rows of a head in shared memory, and products of
// two of them. A block of four warps works on 64 rows, each warp on 16.
//
// A head has up to DIM columns, those beyond its own being 0. If HALF, operands are bf16 and multiplied by
// tensor cores; else they are f32. Either way lane l of a warp holds of its 16 rows numbers 0 and 1 of row
// l/4 and numbers 2 and 3 of row l/4+8, in columns 8j + 2(l%4) and the next.
#pragma once
#include "mat.h"

const i32 kTileRows = 64;
const i32 kHeadThreads = 128;
const i32 kRunBlocks = 8;  // of keys, whose sums are merged into those before
const i32 kKeyBlock = 64;

template <i32 DIM, bool HALF> struct Head {
  enum : i32 { kPitch = DIM * (HALF ? 2 : 4) + 16, kTile = kTileRows * kPitch };  // bytes
};

// place_of returns where an element of a tile lies. Column DIM is 16 bytes that are free.
template <i32 DIM, bool HALF> DEV u8* place_of(u8* tile, i32 row, i32 col) {
  return tile + row * Head<DIM, HALF>::kPitch + col * (HALF ? 2 : 4);
}

// load8_shared copies eight columns of a row of m to shared memory; from the left-th on they are 0.
template <bool HALF, bool WIDE> DEV void load8_shared(u8* to, const Mat& m, i32 row, i32 col, i32 left) {
  if (HALF && WIDE) {
    cp_async16(to, row_of<const u16>(m, left > 0 ? row : 0) + (left > 0 ? col : 0), 2 * min(max(left, 0), 8));
    return;
  }
  float v[8] = {};
  if (left > 0) load8(v, m, row, col, left);
  if (HALF) {
    *(uint4*)to = uint4{pack_bf16(v[0], v[1]), pack_bf16(v[2], v[3]), pack_bf16(v[4], v[5]), pack_bf16(v[6], v[7])};
  } else {
    *(float4*)to = float4{v[0], v[1], v[2], v[3]};
    *(float4*)(to + 16) = float4{v[4], v[5], v[6], v[7]};
  }
}

// each_octet calls f with eight columns of all rows of a tile, by the row and the first of the columns. It is a
// loop where registers are scarce: of wide heads, and if f waits for what it loads.
template <i32 DIM, bool LOOP, typename Func> DEV void each_octet(Func f) {
  const i32 eights = DIM / 8, rounds = kTileRows * eights / kHeadThreads;
  auto round = [&](i32 n) {
    const i32 i = thread_id() + n * kHeadThreads;
    f(i / eights, i % eights * 8);
  };
  if (LOOP) {
    SERIAL for (i32 n = 0; n < rounds; n++) round(n);
  } else {
    UNROLL for (i32 n = 0; n < rounds; n++) round(n);
  }
}

// load_keys begins to fill a tile with rows [first, last) of the 64 of m from row on; others are 0.
template <i32 DIM, bool HALF, bool WIDE>
DEV void load_keys(u8* tile, const Mat& m, i32 row, i32 first, i32 last, i32 col, i32 dim) {
  each_octet<DIM, !(HALF && WIDE && DIM <= 128)>([&](i32 r, i32 c) {
    load8_shared<HALF, WIDE>(place_of<DIM, HALF>(tile, r, c), m, row + r, col + c,
                             r >= first && r < last ? dim - c : 0);
  });
}

// Pairs are up to 64 pairs of a row of q and a head of the group that shares a head of k and v: pair p is
// row p/group and head p%group.
struct Pairs {
  i32 row, n, group, head;  // the first row, the pairs, the heads of a group, and the first of them
  i32 inverse;              // of group, in units of 2⁻¹⁶, rounded up
};
DEV Pairs pairs_of(i32 row, i32 rows, i32 group, i32 head) {
  return Pairs{row, rows * group, group, head, (0xffff + group) / group};
}
DEV i32 row_in(const Pairs& p, i32 i) { return i * p.inverse >> 16; }  // i/group, exact for both up to 64
DEV i32 row_of_pair(const Pairs& p, i32 i) { return p.row + row_in(p, i); }
DEV i32 head_of_pair(const Pairs& p, i32 i) { return p.head + i - row_in(p, i) * p.group; }

// load_pairs begins to fill a tile with the rows of pairs.
template <i32 DIM, bool HALF, bool WIDE> DEV void load_pairs(u8* tile, const Mat& m, const Pairs& p, i32 dim) {
  each_octet<DIM, !(HALF && WIDE && DIM <= 128)>([&](i32 r, i32 c) {
    load8_shared<HALF, WIDE>(place_of<DIM, HALF>(tile, r, c), m, row_of_pair(p, r), head_of_pair(p, r) * dim + c,
                             r < p.n ? dim - c : 0);
  });
}

// scores sets z = a·bᵀ for the warp's 16 rows of a and all of b.
template <i32 DIM, bool HALF> DEV void scores(float (&z)[8][4], const u8* a, const u8* b) {
  const i32 lane = lane_id(), low = lane & 7, mid = lane >> 3 & 1, high = lane >> 4, g = lane / 4, t = lane % 4;
  const i32 pitch = Head<DIM, HALF>::kPitch, first = thread_id() / 32 * 16;
  UNROLL for (i32 j = 0; j < 8; j++)
    UNROLL for (i32 e = 0; e < 4; e++) z[j][e] = 0;
  if constexpr (HALF) {
    UNROLL for (i32 k = 0; k < DIM / 16; k++) {
      u32 fa[4], fb[4];
      ldmatrix4(fa, a + (first + low + 8 * mid) * pitch + (2 * k + high) * 16);
      UNROLL for (i32 j = 0; j < 4; j++) {
        ldmatrix4(fb, b + (16 * j + low + 8 * high) * pitch + (2 * k + mid) * 16);
        mma_bf16(z[2 * j], fa, fb[0], fb[1]);
        mma_bf16(z[2 * j + 1], fa, fb[2], fb[3]);
      }
    }
  } else {
    for (i32 d = 0; d < DIM; d += 4) {
      const float4 x[2] = {*(const float4*)(a + (first + g) * pitch + 4 * d),
                           *(const float4*)(a + (first + g + 8) * pitch + 4 * d)};
      UNROLL for (i32 j = 0; j < 8; j++)
        UNROLL for (i32 p = 0; p < 2; p++) {
          const float4 y = *(const float4*)(b + (8 * j + 2 * t + p) * pitch + 4 * d);
          UNROLL for (i32 h = 0; h < 2; h++) {
            float& s = z[j][2 * h + p];
            s = fma32(x[h].x, y.x, s);
            s = fma32(x[h].y, y.y, s);
            s = fma32(x[h].z, y.z, s);
            s = fma32(x[h].w, y.w, s);
          }
        }
    }
  }
}

// weigh adds p·b to sum, p having the warp's 16 rows and a column for each row of b.
template <i32 DIM, bool HALF> DEV void weigh(float (&sum)[DIM / 8][4], const float (&p)[8][4], const u8* b) {
  const i32 lane = lane_id(), low = lane & 7, mid = lane >> 3 & 1, high = lane >> 4, t = lane % 4;
  const i32 pitch = Head<DIM, HALF>::kPitch;
  if constexpr (HALF) {
    UNROLL for (i32 k = 0; k < 4; k++) {
      const u32 fa[4] = {pack_bf16(p[2 * k][0], p[2 * k][1]), pack_bf16(p[2 * k][2], p[2 * k][3]),
                         pack_bf16(p[2 * k + 1][0], p[2 * k + 1][1]), pack_bf16(p[2 * k + 1][2], p[2 * k + 1][3])};
      UNROLL for (i32 j = 0; j < DIM / 16; j++) {
        u32 fb[4];
        ldmatrix4t(fb, b + (16 * k + low + 8 * mid) * pitch + (2 * j + high) * 16);
        mma_bf16(sum[2 * j], fa, fb[0], fb[1]);
        mma_bf16(sum[2 * j + 1], fa, fb[2], fb[3]);
      }
    }
  } else {
    UNROLL for (i32 k = 0; k < kTileRows; k++) {
      const i32 from = (lane & ~3) + k % 8 / 2;
      const float p0 = shfl(p[k / 8][k % 2], from), p1 = shfl(p[k / 8][2 + k % 2], from);
      UNROLL for (i32 j = 0; j < DIM / 8; j++) {
        const float2 y = *(const float2*)(b + k * pitch + (8 * j + 2 * t) * 4);
        sum[j][0] = fma32(p0, y.x, sum[j][0]);
        sum[j][1] = fma32(p0, y.y, sum[j][1]);
        sum[j][2] = fma32(p1, y.x, sum[j][2]);
        sum[j][3] = fma32(p1, y.y, sum[j][3]);
      }
    }
  }
}

// A Block is up to 64 rows of k and v, and the place of the first among the keys of a query.
struct Block {
  i32 row, n, pos, pad;
};

// A Sight is the places of the keys that a row sees: [from, to).
struct Sight {
  i32 from, to;
};

// sight returns what the row sees that shown keys are shown to.
DEV Sight sight(i32 shown, i32 window) { return Sight{window ? max(0, shown - window) : 0, shown}; }

// some_of and all_of are the places that some and that all of so many rows see, the first of them shown keys.
DEV Sight some_of(i32 shown, i32 rows, i32 window) { return Sight{sight(shown, window).from, shown + rows - 1}; }
DEV Sight all_of(i32 shown, i32 rows, i32 window) { return Sight{sight(shown + rows - 1, window).from, shown}; }

// whole tells whether n keys from place pos on are a block of all its keys, and all in sight.
DEV bool whole(i32 n, i32 pos, const Sight& s) { return n == kKeyBlock && pos >= s.from && pos + kKeyBlock <= s.to; }

// hide sets the scores of the keys of a block that rows do not see to hidden.
DEV void hide(float (&z)[8][4], const Sight (&see)[2], const Block& b, float hidden) {
  UNROLL for (i32 j = 0; j < 8; j++)
    UNROLL for (i32 e = 0; e < 4; e++) {
      const i32 key = 8 * j + 2 * (lane_id() % 4) + e % 2, place = b.pos + key;
      if (key >= b.n || place < see[e / 2].from || place >= see[e / 2].to) z[j][e] = hidden;
    }
}

const float kLog2e = 1.4426950408889634f;
