// The gradient of attention: the kernels for heads of up to DIM columns.
//
// With p[n] = exp(z[n]-lse) and ds[n] = p[n]*(do·v[n]-delta)*scale, dq is a sum over the keys of a row, in
// order, and dk and dv sum over the queries, in order, onto the stored values. If operands are f32 there is
// room for three tiles only, and one of them holds what two hold else, first one and then the other.
#pragma once
#include "heads.h"

// A Tile is rows of q with the blocks of their query.
struct QueryTile {
  i32 row, rows;       // of q
  i32 block, blocks;   // of the query, in the table
  i32 shown;           // keys, to the first row
  i32 pad;
};

// A KeyTile is up to 64 rows of k and v with the queries that see them.
struct KeyTile {
  i32 row, n, first, last;  // entries [first, last) of the table
};

// An Entry is a query of which a KeyTile is a block: n keys from place pos on.
struct Entry {
  i32 row, rows;  // of q
  i32 shown;      // keys, to the first row
  i32 n, pos, pad;
};

struct AttendGradArgs {
  Mat d;               // dq, dk or dv
  Mat dout, lse, q, k, v;
  u64 tiles, table;    // QueryTile[] and Block[], or KeyTile[] and Entry[]
  u64 delta;           // f32[rows of q, heads]: do·o
  float scale;
  i32 dim, group, kv_heads, window, pad;
};

// A Stats is what a pair's probabilities are computed from.
struct Stats {
  float lse, delta;
};

DEV Stats stats_of(const AttendGradArgs& a, const Pairs& p, i32 pair) {
  if (pair >= p.n) return Stats{0, 0};
  const i32 row = row_of_pair(p, pair), head = head_of_pair(p, pair);
  return Stats{load(a.lse, row, head) * kLog2e, ((const float*)a.delta)[(i64)row * a.group * a.kv_heads + head]};
}

// probability returns exp(z*scale-lse), rounded to a type; slope ds, likewise.
DEV float rounded(i32 type, float v) { return type == kBF16 ? widen(narrow(v)) : v; }
DEV float probability(const AttendGradArgs& a, const Stats& s, float z) {
  return exp2_approx(fma32(z, a.scale * kLog2e, -s.lse));
}
DEV float slope(const AttendGradArgs& a, const Stats& s, float z, float dp) {
  return rounded(a.k.type, probability(a, s, z) * (dp - s.delta) * a.scale);
}

// dq[i] = Σₙ ds[n]*k[n]
template <i32 DIM, bool HALF, bool WIDE> DEV void attend_grad_q(const AttendGradArgs& a, u8* shared) {
  const i32 size = Head<DIM, HALF>::kTile, first = thread_id() / 32 * 16 + lane_id() / 4, t = lane_id() % 4;
  u8 *tq = shared, *tdo = tq + size, *tk = tdo + size, *tv = HALF ? tk + size : tk;
  const QueryTile tile = ((const QueryTile*)a.tiles)[block_id() / a.kv_heads];
  const i32 kv = block_id() % a.kv_heads;
  const Pairs pairs = pairs_of(tile.row, tile.rows, a.group, kv * a.group);
  const Block* table = (const Block*)a.table + tile.block;
  const Sight some = some_of(tile.shown, tile.rows, a.window), all = all_of(tile.shown, tile.rows, a.window);
  i32 b = 0, end = tile.blocks;
  while (b < end && table[b].pos + table[b].n <= some.from) b++;
  while (b < end && table[end - 1].pos >= some.to) end--;
  Sight see[2];
  Stats stats[2];
  UNROLL for (i32 h = 0; h < 2; h++) {
    const i32 pair = first + 8 * h;
    see[h] = pair < pairs.n ? sight(tile.shown + row_in(pairs, pair), a.window) : Sight{0, 0};
    stats[h] = stats_of(a, pairs, pair);
  }
  auto load_block = [&](u8* to, const Mat& m, i32 i) {
    if (i < end) {
      const Block k = table[i];
      load_keys<DIM, HALF, WIDE>(to, m, k.row, some.from - k.pos, min(k.n, some.to - k.pos), kv * a.dim, a.dim);
    }
    cp_commit();
  };
  load_pairs<DIM, HALF, WIDE>(tq, a.q, pairs, a.dim);
  load_pairs<DIM, HALF, WIDE>(tdo, a.dout, pairs, a.dim);
  if (HALF) {
    load_block(tv, a.v, b);
    load_block(tk, a.k, b);
  }
  float sum[DIM / 8][4] = {};
  SERIAL for (; b < end; b++) {
    float z[8][4], dp[8][4];
    const Block block = table[b];
    if (HALF) {
      cp_wait<1>();
    } else {
      sync_block();
      load_block(tv, a.v, b);
    }
    sync_block();
    scores<DIM, HALF>(dp, tdo, tv);
    sync_block();
    if (HALF) {
      load_block(tv, a.v, b + 1);
      cp_wait<1>();
    } else {
      load_block(tk, a.k, b);
    }
    sync_block();
    scores<DIM, HALF>(z, tq, tk);
    UNROLL for (i32 j = 0; j < 8; j++)
      UNROLL for (i32 e = 0; e < 4; e++) z[j][e] = slope(a, stats[e / 2], z[j][e], dp[j][e]);
    if (!whole(block.n, block.pos, all)) hide(z, see, block, 0);
    weigh<DIM, HALF>(sum, z, tk);
    if (HALF) {
      sync_block();
      load_block(tk, a.k, b + 1);
    }
  }
  cp_wait<0>();
  UNROLL for (i32 h = 0; h < 2; h++) {
    const i32 pair = first + 8 * h;
    if (pair >= pairs.n) continue;
    UNROLL for (i32 j = 0; j < DIM / 8; j++)
      UNROLL for (i32 p = 0; p < 2; p++) {
        const i32 col = 8 * j + 2 * t + p;
        if (col >= a.dim) continue;
        store(a.d, row_of_pair(pairs, pair), head_of_pair(pairs, pair) * a.dim + col, sum[j][2 * h + p]);
      }
  }
}

// A Walk is where dk and dv are among the rows of q that see a tile of keys: at so many rows of an entry.
struct Walk {
  Entry entry;
  i32 next, last;     // entries of the table
  i32 row, rows, to;  // the walk takes rows from row on, as far as to
  bool ended;
};

// step goes on to the next rows.
DEV void step(Walk& w, const AttendGradArgs& a) {
  w.row += w.rows;
  while (w.row >= w.to && !w.ended) {
    w.ended = w.next == w.last;
    if (w.ended) return;
    const Entry e = w.entry = ((const Entry*)a.table)[w.next++];
    // The first row that sees the last key of these, and the first that sees none any more.
    w.row = max(0, e.pos + 1 - e.shown) / w.rows * w.rows;
    w.to = a.window ? min(e.rows, e.pos + e.n - e.shown + a.window) : e.rows;
  }
}

// dk[n] += Σ ds[n]*q[i] if KEYS, else dv[n] += Σ p[n]*do[i]; queries in order
template <i32 DIM, bool HALF, bool WIDE, bool KEYS> DEV void attend_grad_kv(const AttendGradArgs& a, u8* shared) {
  const i32 size = Head<DIM, HALF>::kTile, first = thread_id() / 32 * 16 + lane_id() / 4, t = lane_id() % 4;
  const bool one = KEYS && !HALF;  // place for q and do
  u8 *tk = shared, *tq = tk + size, *tdo = one ? tq : tq + size, *tv = tdo + size;
  const KeyTile tile = ((const KeyTile*)a.tiles)[block_id() / a.kv_heads];
  const i32 kv = block_id() % a.kv_heads, rows = kTileRows / a.group;
  load_keys<DIM, HALF, WIDE>(tk, a.k, tile.row, 0, tile.n, kv * a.dim, a.dim);
  if (KEYS) load_keys<DIM, HALF, WIDE>(tv, a.v, tile.row, 0, tile.n, kv * a.dim, a.dim);
  float sum[DIM / 8][4];
  UNROLL for (i32 j = 0; j < DIM / 8; j++)
    UNROLL for (i32 e = 0; e < 4; e++) {
      const i32 key = first + e / 2 * 8, col = 8 * j + 2 * t + e % 2;
      sum[j][e] = key < tile.n && col < a.dim ? load(a.d, tile.row + key, kv * a.dim + col) : 0;
    }
  Walk walk{{}, tile.first, tile.last, 0, rows, 0, false};
  auto pairs_at = [&] {
    return pairs_of(walk.entry.row + walk.row, min(rows, walk.entry.rows - walk.row), a.group, kv * a.group);
  };
  // The scores of dk need do first, and those of dv q, with which the stats of its pairs go.
  auto load_rows = [&](bool q) {
    if (!walk.ended) {
      const Pairs p = pairs_at();
      load_pairs<DIM, HALF, WIDE>(q ? tq : tdo, q ? a.q : a.dout, p, a.dim);
      if (q && thread_id() < kTileRows)
        *(Stats*)place_of<DIM, HALF>(tq, thread_id(), DIM) = stats_of(a, p, thread_id());
    }
    cp_commit();
  };
  step(walk, a);
  if (HALF) {
    load_rows(!KEYS);
    load_rows(KEYS);
  }
  while (!walk.ended) {
    const Entry entry = walk.entry;
    const i32 row = walk.row;
    const Pairs pairs = pairs_at();
    float z[8][4], dp[8][4];
    auto weights = [&] {  // from scores
      UNROLL for (i32 j = 0; j < 8; j++)
        UNROLL for (i32 e = 0; e < 4; e++) {
          const Stats s = *(const Stats*)place_of<DIM, HALF>(tq, 8 * j + 2 * t + e % 2, DIM);
          z[j][e] = KEYS ? slope(a, s, z[j][e], dp[j][e]) : rounded(a.dout.type, probability(a, s, z[j][e]));
        }
      const Sight all = all_of(entry.shown + row, rows, a.window);
      if (pairs.n == rows * a.group && whole(entry.n, entry.pos, all)) return;
      UNROLL for (i32 j = 0; j < 8; j++)
        UNROLL for (i32 e = 0; e < 4; e++) {
          const i32 key = first + e / 2 * 8, place = entry.pos + key, pair = 8 * j + 2 * t + e % 2;
          const Sight see = sight(entry.shown + row + row_in(pairs, pair), a.window);
          if (key >= entry.n || pair >= pairs.n || place < see.from || place >= see.to) z[j][e] = 0;
        }
    };
    if (HALF) {
      step(walk, a);
      cp_wait<1>();
    } else {
      sync_block();
      load_rows(!KEYS);
    }
    sync_block();
    scores<DIM, HALF>(KEYS ? dp : z, KEYS ? tv : tk, KEYS ? tdo : tq);
    if (!KEYS) weights();
    sync_block();
    load_rows(HALF ? !KEYS : KEYS);
    if (HALF) cp_wait<1>();
    sync_block();
    if (KEYS) {
      scores<DIM, HALF>(z, tk, tq);
      weights();
    }
    weigh<DIM, HALF>(sum, z, KEYS ? tq : tdo);
    if (HALF) {
      sync_block();
      load_rows(KEYS);
    } else {
      step(walk, a);
    }
  }
  cp_wait<0>();
  UNROLL for (i32 j = 0; j < DIM / 8; j++)
    UNROLL for (i32 e = 0; e < 4; e++) {
      const i32 key = first + e / 2 * 8, col = 8 * j + 2 * t + e % 2;
      if (key < tile.n && col < a.dim) store(a.d, tile.row + key, kv * a.dim + col, sum[j][e]);
    }
}

// ATTEND_GRAD defines the kernels for heads of up to dim columns.
#define ATTEND_GRAD(dim)                             \
  ATTEND_GRAD_KIND(wide_##dim, dim, true, true)      \
  ATTEND_GRAD_KIND(ragged_##dim, dim, true, false)   \
  ATTEND_GRAD_KIND(f32_##dim, dim, false, false)
#define ATTEND_GRAD_KIND(kind, ...)                                         \
  KERNEL(attend_grad_q_##kind, AttendGradArgs, kHeadThreads, 1) {           \
    SMEM(shared);                                                           \
    attend_grad_q<__VA_ARGS__>(a, shared);                                  \
  }                                                                         \
  KERNEL(attend_grad_k_##kind, AttendGradArgs, kHeadThreads, 1) {           \
    SMEM(shared);                                                           \
    attend_grad_kv<__VA_ARGS__, true>(a, shared);                           \
  }                                                                         \
  KERNEL(attend_grad_v_##kind, AttendGradArgs, kHeadThreads, 1) {           \
    SMEM(shared);                                                           \
    attend_grad_kv<__VA_ARGS__, false>(a, shared);                          \
  }
