// Sampling: a row is searched by a warp or by the eight of a block, as its length says.
#include "head.h"

struct SampleRow {
  double u;
  float factor, top_p;  // factor of the logits
  i32 top_k, greedy;
};

struct SampleArgs {
  Mat logits;
  u64 rows;    // SampleRow[rows]
  u64 masses;  // Mass[rows, tiles]
  u64 ids;     // i32[rows]
  u64 logp;    // f32[rows]
};

const i32 kWarpTiles = 8;  // of a row that a warp searches

// rank maps logits to numbers in the same order. NaN is the least.
DEV u32 rank(float z) {
  if (z != z) return 0;
  const u32 b = f32_bits(z + 0.0f);  // -0 is 0
  return b >> 31 ? ~b : b | 0x80000000u;
}

// A Chosen is the ids that are left: those of a higher rank, and of that rank those below limit.
struct Chosen {
  u32 rank;
  i32 limit;
};

DEV bool is_chosen(const Chosen& c, u32 rank, i32 id) { return rank > c.rank || (rank == c.rank && id < c.limit); }

// Weights are whole numbers, so that threads may add them in any order: the number of ids, or their
// probabilities in units of 2⁻⁴⁰.
const float kUnits = 0x1p40f;

// A Search is the row that threads work on, and their shared memory.
template <i32 WARPS> struct Search {
  const Mat& logits;
  i32 row;
  float factor, lse;
  u8* sums;        // kRowShared bytes
  u64* histogram;  // [256]
  u64* masses;     // of each tile of the vocabulary
};

template <i32 WARPS> DEV void sync_row() {
  if (WARPS == 1) {
    sync_warp();
  } else {
    sync_block();
  }
}

template <i32 WARPS> DEV float score(const Search<WARPS>& s, i32 id) { return load(s.logits, s.row, id) * s.factor; }
template <i32 WARPS> DEV u64 mass(const Search<WARPS>& s, float z) {
  const float p = exp32(z - s.lse);
  return p > 0 && p <= 2 ? (u64)(p * kUnits) : 0;  // NaN weighs nothing
}

// weigh sets histogram[d] to the weight of the ids for which digit returns d, which may be -1 for none.
template <bool COUNT, i32 WARPS, typename Digit> DEV void weigh(const Search<WARPS>& s, Digit digit) {
  const i32 t = thread_id() % (32 * WARPS), step = 32 * WARPS;
  sync_row<WARPS>();
  for (i32 i = t; i < 256; i += step) s.histogram[i] = 0;
  sync_row<WARPS>();
  for (i32 id = t; id < s.logits.cols; id += step) {
    const float z = score(s, id);
    const i32 d = digit(rank(z), id);
    if (d >= 0) atomic_add(&s.histogram[d], COUNT ? 1 : mass(s, z));
  }
  sync_row<WARPS>();
}

// reach returns the first digit, from the end down or from 0 up, with which sum reaches least; sum becomes
// that of the digits before. It returns -1 if none does.
template <i32 WARPS> DEV i32 reach(const Search<WARPS>& s, bool down, u64 least, u64& sum) {
  for (i32 i = 0; i < 256; i++) {
    const i32 d = down ? 255 - i : i;
    const u64 more = s.histogram[d];
    if (sum + more >= least) return d;
    sum += more;
  }
  return -1;
}

// cut leaves of c the fewest ids, in order of their rank and then of their number, whose weight reaches
// least, which is not 0, or c if it does not: eight bits of the rank after the other, then of the number.
template <bool COUNT, i32 WARPS> DEV Chosen cut(const Search<WARPS>& s, const Chosen& c, u64 least) {
  u32 last = 0, id = 0;  // of those that are left
  u64 sum = 0;
  for (i32 shift = 24; shift >= 0; shift -= 8) {
    const u32 known = shift == 24 ? 0 : ~0u << (shift + 8);
    weigh<COUNT>(s, [&](u32 r, i32 i) {
      return is_chosen(c, r, i) && ((r ^ last) & known) == 0 ? (i32)(r >> shift & 255) : -1;
    });
    const i32 d = reach(s, true, least, sum);
    if (d < 0) return c;
    last |= (u32)d << shift;
  }
  for (i32 shift = 16; shift >= 0; shift -= 8) {
    const u32 known = ~0u << (shift + 8);
    weigh<COUNT>(s, [&](u32 r, i32 i) {
      return is_chosen(c, r, i) && r == last && (((u32)i ^ id) & known) == 0 ? (i32)((u32)i >> shift & 255) : -1;
    });
    id |= (u32)reach(s, false, least, sum) << shift;
  }
  return Chosen{last, (i32)id + 1};
}

// total returns the mass of the ids chosen.
template <i32 WARPS> DEV u64 total(const Search<WARPS>& s, const Chosen& c) {
  u64 sum[1] = {0};
  for (i32 id = thread_id() % (32 * WARPS); id < s.logits.cols; id += 32 * WARPS) {
    const float z = score(s, id);
    if (is_chosen(c, rank(z), id)) sum[0] += mass(s, z);
  }
  sum_rows<WARPS>(sum, s.sums);
  return sum[0];
}

// share returns the least weight that is no less than p of sum, and not 0.
DEV u64 share(double p, u64 sum) {
  const double exact = p * (double)sum;
  u64 least = (u64)exact;
  if ((double)least < exact) least++;
  return least ? least : 1;
}

// draw returns the id of those chosen at which their cumulated mass, in order of the ids, exceeds the share
// u of it. The first thread of the row has it.
template <i32 WARPS> DEV i32 draw(const Search<WARPS>& s, const Chosen& c, double u) {
  const i32 cols = s.logits.cols, tiles = (cols + kVocabTile - 1) / kVocabTile;
  for (i32 t = thread_id() / 32 % WARPS; t < tiles; t += WARPS) {
    u64 sum[1] = {0};
    for (i32 id = t * kVocabTile + lane_id(); id < min((t + 1) * kVocabTile, cols); id += 32) {
      const float z = score(s, id);
      if (is_chosen(c, rank(z), id)) sum[0] += mass(s, z);
    }
    sum_rows<1>(sum, nullptr);
    if (lane_id() == 0) s.masses[t] = sum[0];
  }
  sync_row<WARPS>();
  if (thread_id() % (32 * WARPS) != 0) return 0;
  u64 all = 0, sum = 0;
  for (i32 t = 0; t < tiles; t++) all += s.masses[t];
  if (!all) return 0;  // of NaN, or of nothing else than -Inf
  const u64 before = min((u64)(u * (double)all), all - 1);
  i32 tile = 0;
  while (sum + s.masses[tile] <= before) sum += s.masses[tile++];
  i32 id = tile * kVocabTile;
  for (;; id++) {
    const float z = score(s, id);
    if (is_chosen(c, rank(z), id)) sum += mass(s, z);
    if (sum > before) return id;
  }
}

// ids[i] drawn from softmax(logits*factor), cut to top_k and top_p; logp[i] its log-probability before
template <i32 WARPS> DEV void sample(const SampleArgs& a, u8* shared) {
  const i32 row = row_of_thread<WARPS>().row, cols = a.logits.cols, tiles = (cols + kVocabTile - 1) / kVocabTile;
  if (WARPS == 1 && row >= a.logits.rows) return;
  const SampleRow how = ((const SampleRow*)a.rows)[row];
  const float lse = log_sum(row_mass((const Mass*)a.masses + (i64)row * tiles, tiles));
  u64* mine = (u64*)(shared + kRowShared) + (WARPS == 1 ? thread_id() / 32 * (256 + kWarpTiles) : 0);
  const Search<WARPS> s{a.logits, row, how.factor, lse, shared, mine, mine + 256};
  Chosen c{0, cols};
  if (how.greedy) {
    c = cut<true>(s, c, 1);
  } else {
    if (how.top_k > 0 && how.top_k < cols) c = cut<true>(s, c, (u64)how.top_k);
    if (how.top_p < 1) c = cut<false>(s, c, share(how.top_p, total(s, c)));
  }
  const i32 id = how.greedy ? c.limit - 1 : draw(s, c, how.u);
  if (thread_id() % (32 * WARPS) != 0) return;
  ((i32*)a.ids)[row] = id;
  ((float*)a.logp)[row] = score(s, id) - lse;
}
KERNEL(sample_warp, SampleArgs, kRowThreads, 2) { SMEM(shared); sample<1>(a, shared); }
KERNEL(sample_block, SampleArgs, kRowThreads, 2) { SMEM(shared); sample<8>(a, shared); }
