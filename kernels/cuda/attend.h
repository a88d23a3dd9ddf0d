// Attention over key spans: the kernels for heads of up to DIM columns.
//
// The keys of a query lie in blocks, of 64 from the start of each span, and eight blocks after the other
// make a run. A run keeps its own maximum, sum and output; runs are merged in order. It makes no difference
// which rows a tile has, and whether one block walks all runs or blocks of their own do and attend_merge
// follows.
#pragma once
#include "heads.h"

// An Item is a tile of pairs with the runs [first_run, last_run) of its query's blocks.
struct Item {
  i32 row, rows;           // of q
  i32 block, blocks;       // of the query, in the table
  i32 shown;               // keys, to the first row
  i32 first_run, last_run;
  i32 slot;                // where in parts the first run goes; -1: the item has all runs
};

struct AttendArgs {
  Mat o, lse, q, k, v;
  u64 items, blocks;   // Item[], Block[]
  u64 parts, totals;   // sums of runs: by slot and head, and by block
  float scale;
  i32 dim, group, kv_heads, window;
  i32 work, grid;      // items times heads of k and v, and the blocks that take them in turn
  i32 pad;
};

// Sums are what a lane has of softmax(z)·v for its two rows: the maximum of z, Σ exp(z-m) and
// Σ exp(z-m)*v. None is -Inf, 0 and 0.
template <i32 DIM> struct Sums {
  float m[2], l[2], o[DIM / 8][4];
};

template <i32 DIM> DEV void clear(Sums<DIM>& s) {
  UNROLL for (i32 h = 0; h < 2; h++) s.m[h] = -INFINITY, s.l[h] = 0;
  UNROLL for (i32 j = 0; j < DIM / 8; j++)
    UNROLL for (i32 e = 0; e < 4; e++) s.o[j][e] = 0;
}

// shrink returns exp(from-to), scaled, for a maximum that becomes to.
DEV float shrink(float from, float to, float scale) { return to == -INFINITY ? 1 : exp2_approx((from - to) * scale); }

// kept is the numbers of a row of sums in memory.
template <i32 DIM> DEV float* kept(float* sums, i32 h) {
  return sums + (thread_id() / 32 * 16 + lane_id() / 4 + 8 * h) * (DIM + 2);
}

template <i32 DIM> DEV void keep(float* sums, const Sums<DIM>& s) {
  const i32 t = lane_id() % 4;
  UNROLL for (i32 h = 0; h < 2; h++) {
    float* row = kept<DIM>(sums, h);
    if (t == 0) row[0] = s.m[h], row[1] = s.l[h];
    UNROLL for (i32 j = 0; j < DIM / 8; j++)
      UNROLL for (i32 p = 0; p < 2; p++) row[2 + 8 * j + 2 * t + p] = s.o[j][2 * h + p];
  }
}

// merge sets s to the sums of both: those kept, of earlier keys if EARLIER, and s.
template <i32 DIM, bool EARLIER> DEV void merge(Sums<DIM>& s, float* sums, float scale) {
  const i32 t = lane_id() % 4;
  UNROLL for (i32 h = 0; h < 2; h++) {
    const float* row = kept<DIM>(sums, h);
    const float m0 = EARLIER ? row[0] : s.m[h], m1 = EARLIER ? s.m[h] : row[0], m = fmaxf(m0, m1);
    const float x = shrink(m0, m, scale), y = shrink(m1, m, scale);
    s.l[h] = EARLIER ? fma32(row[1], x, s.l[h] * y) : fma32(s.l[h], x, row[1] * y);
    s.m[h] = m;
    UNROLL for (i32 j = 0; j < DIM / 8; j++)
      UNROLL for (i32 p = 0; p < 2; p++) {
        float& o = s.o[j][2 * h + p];
        const float other = row[2 + 8 * j + 2 * t + p];
        o = EARLIER ? fma32(other, x, o * y) : fma32(o, x, other * y);
      }
  }
}

// soften turns the scores of a block into exp(z-m), and takes the sums along to the new maximum.
template <i32 DIM> DEV void soften(Sums<DIM>& s, float (&z)[8][4], float scale) {
  UNROLL for (i32 h = 0; h < 2; h++) {
    float top = -INFINITY;
    UNROLL for (i32 j = 0; j < 8; j++)
      UNROLL for (i32 p = 0; p < 2; p++) top = fmaxf(top, z[j][2 * h + p]);
    top = fmaxf(top, shfl_xor(top, 1));
    top = fmaxf(top, shfl_xor(top, 2));
    const float m = fmaxf(s.m[h], top), x = shrink(s.m[h], m, scale), base = m == -INFINITY ? 0 : m;
    float sum = 0;
    UNROLL for (i32 j = 0; j < 8; j++)
      UNROLL for (i32 p = 0; p < 2; p++) {
        float& v = z[j][2 * h + p];
        v = exp2_approx((v - base) * scale);  // exactly 1 of the maximum, however large
        sum = sum + v;
      }
    sum = sum + shfl_xor(sum, 1);
    sum = sum + shfl_xor(sum, 2);
    s.l[h] = fma32(s.l[h], x, sum);
    s.m[h] = m;
    UNROLL for (i32 j = 0; j < DIM / 8; j++)
      UNROLL for (i32 p = 0; p < 2; p++) s.o[j][2 * h + p] = s.o[j][2 * h + p] * x;
  }
}

// write writes o and lse of the pairs.
template <i32 DIM> DEV void write(const AttendArgs& a, const Pairs& p, const Sums<DIM>& s) {
  const i32 t = lane_id() % 4;
  UNROLL for (i32 h = 0; h < 2; h++) {
    const i32 pair = thread_id() / 32 * 16 + lane_id() / 4 + 8 * h;
    if (pair >= p.n) continue;
    const i32 row = row_of_pair(p, pair), head = head_of_pair(p, pair);
    if (a.lse.at && t == 0) store(a.lse, row, head, fma32(s.m[h], a.scale, log32(s.l[h])));
    UNROLL for (i32 j = 0; j < DIM / 8; j++)
      UNROLL for (i32 e = 0; e < 2; e++) {
        const i32 col = 8 * j + 2 * t + e;
        if (col < a.dim) store(a.o, row, head * a.dim + col, div32(s.o[j][2 * h + e], s.l[h]));
      }
  }
}

// o[i] = Σₙ softmax(scale * q·k[n]) * v[n] over the keys that row i sees, and lse, for all items
template <i32 DIM, bool HALF, bool WIDE> DEV void attend(const AttendArgs& a, u8* shared) {
  u8 *tq = shared, *tk = tq + Head<DIM, HALF>::kTile, *tv = tk + Head<DIM, HALF>::kTile;
  const float scale = a.scale * kLog2e;
  float* total = (float*)a.totals + (i64)block_id() * kTileRows * (DIM + 2);
  for (i32 w = block_id(); w < a.work; w += a.grid) {
    const Item item = ((const Item*)a.items)[w / a.kv_heads];
    const i32 kv = w % a.kv_heads;
    const Pairs pairs = pairs_of(item.row, item.rows, a.group, kv * a.group);
    const Block* table = (const Block*)a.blocks + item.block;
    // The keys that some row of the tile sees, and their blocks; and those that all rows see.
    const Sight some = some_of(item.shown, item.rows, a.window), all = all_of(item.shown, item.rows, a.window);
    i32 b = item.first_run * kRunBlocks, end = min(item.last_run * kRunBlocks, item.blocks);
    while (b < end && table[b].pos + table[b].n <= some.from) b++;
    while (b < end && table[end - 1].pos >= some.to) end--;
    Sight see[2];
    UNROLL for (i32 h = 0; h < 2; h++) {
      const i32 pair = thread_id() / 32 * 16 + lane_id() / 4 + 8 * h;
      see[h] = pair < pairs.n ? sight(item.shown + row_in(pairs, pair), a.window) : Sight{0, 0};
    }
    auto load_block = [&](u8* tile, const Mat& m, i32 i) {
      if (i < end) {
        const Block k = table[i];
        load_keys<DIM, HALF, WIDE>(tile, m, k.row, some.from - k.pos, min(k.n, some.to - k.pos), kv * a.dim, a.dim);
      }
      cp_commit();
    };
    load_pairs<DIM, HALF, WIDE>(tq, a.q, pairs, a.dim);
    load_block(tk, a.k, b);
    load_block(tv, a.v, b);
    Sums<DIM> s;
    clear(s);
    bool several = false;
    while (b < end) {
      const i32 run = b / kRunBlocks, stop = min((run + 1) * kRunBlocks, end);
      SERIAL for (; b < stop; b++) {
        float z[8][4];
        const Block block = table[b];
        cp_wait<1>();
        sync_block();
        scores<DIM, HALF>(z, tq, tk);
        sync_block();
        load_block(tk, a.k, b + 1);
        if (!whole(block.n, block.pos, all)) hide(z, see, block, -INFINITY);
        soften(s, z, scale);
        if (!HALF && a.v.type == kBF16) {
          UNROLL for (i32 j = 0; j < 8; j++)
            UNROLL for (i32 e = 0; e < 4; e++) z[j][e] = widen(narrow(z[j][e]));
        }
        cp_wait<1>();
        sync_block();
        weigh<DIM, HALF>(s.o, z, tv);
        sync_block();
        load_block(tv, a.v, b + 1);
      }
      if (item.slot >= 0) {
        const i64 slot = item.slot + run - item.first_run;
        keep((float*)a.parts + (slot * a.kv_heads + kv) * kTileRows * (DIM + 2), s);
        clear(s);
        continue;
      }
      if (several) merge<DIM, true>(s, total, scale);
      if (b == end) break;
      sync_warp();
      keep(total, s);
      sync_warp();
      clear(s);
      several = true;
    }
    if (item.slot < 0) write(a, pairs, s);
    cp_wait<0>();
    sync_block();
  }
}

// The same of runs in parts, in order.
template <i32 DIM> DEV void attend_merge(const AttendArgs& a) {
  const Item item = ((const Item*)a.items)[block_id() / a.kv_heads];
  const i32 kv = block_id() % a.kv_heads;
  Sums<DIM> s;
  clear(s);
  for (i32 r = item.first_run; r < item.last_run; r++) {
    const i64 slot = item.slot + r - item.first_run;
    merge<DIM, false>(s, (float*)a.parts + (slot * a.kv_heads + kv) * kTileRows * (DIM + 2), a.scale * kLog2e);
  }
  write(a, pairs_of(item.row, item.rows, a.group, kv * a.group), s);
}

// ATTEND defines the kernels for heads of up to dim columns.
#define ATTEND(dim)                                                   \
  ATTEND_KIND(wide_##dim, 2, dim, true, true)                         \
  ATTEND_KIND(ragged_##dim, 2, dim, true, false)                      \
  ATTEND_KIND(f32_##dim, 1, dim, false, false)                        \
  KERNEL(attend_merge_##dim, AttendArgs, kHeadThreads, 2) { attend_merge<dim>(a); }
#define ATTEND_KIND(kind, blocks, ...)                                \
  KERNEL(attend_##kind, AttendArgs, kHeadThreads, blocks) {           \
    SMEM(shared);                                                     \
    attend<__VA_ARGS__>(a, shared);                                   \
  }
