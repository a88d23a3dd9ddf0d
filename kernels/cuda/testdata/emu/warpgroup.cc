// Products by warpgroups. Their operands are read, and their sums arrive in registers, when they are waited
// for, or at once: as the settings say. Until then the registers are NaN.
#include "hopper.h"
#include "machine.h"

#include <list>

namespace emu {

// Sums are the accumulators of a warpgroup that products under way add to.
struct Sums {
  float* d[kWarpgroup];  // of each thread
  u32 n;                 // columns
  u32 products;          // under way
  float c[4][32][8][16];  // transposed
};

// A Pending is a product under way.
struct Pending {
  Product product;
  Sums* sums;
  u32 group;  // that it is committed with
};

struct Group {
  u32 arrived;
  GroupCollective op;
  const void* operands[kWarpgroup];
  bool fenced;
  u32 committed, waited;  // groups of products
  std::list<Sums> sums;
  std::vector<Pending> pending;
};

static Group groups[kMaxGroups];
static const char* const kNames[] = {"setmaxnreg", "wgmma_fence", "wgmma", "wgmma_commit", "wgmma_wait"};

// each_piece calls f for every 16 bytes of an operand with their place in shared memory, the row and the
// step of k of their first element, and whether the others follow along rows.
template <typename Func> static void each_piece(u64 descriptor, bool along, u32 rows, Func f) {
  u32 start = (u32)(descriptor & 0x3fff) << 4, leading = (u32)(descriptor >> 16 & 0x3fff) << 4,
      stride = (u32)(descriptor >> 32 & 0x3fff) << 4;
  if (descriptor >> 62 != 1 || descriptor >> 49 & 7)
    fail("a descriptor %llx of another swizzle than 128 bytes", descriptor);
  auto piece = [&](u32 at, u32 row, u32 k) {
    at ^= (at >> 7 & 7) << 4;
    if (at + 16 > here.shared_size) fail("wgmma reads beyond the end of shared memory");
    f(here.shared + at, row, k);
  };
  if (along) {
    for (u32 k = 0; k < 16; k++)
      for (u32 row = 0; row < rows; row += 8)
        piece(start + row / 64 * leading + k / 8 * stride + k % 8 * kLine + row % 64 * 2, row, k);
  } else {
    for (u32 row = 0; row < rows; row++)
      for (u32 k = 0; k < 16; k += 8) piece(start + row / 8 * stride + row % 8 * kLine + 2 * k, row, k);
  }
}

// read_operand calls put with every element of an operand.
template <typename Func> static void read_operand(u64 descriptor, bool along, u32 rows, Func put) {
  each_piece(descriptor, along, rows, [&](const u8* at, u32 row, u32 k) {
    u16 v[8];
    memcpy(v, at, 16);
    for (u32 e = 0; e < 8; e++) put(along ? row + e : row, along ? k : k + e, v[e]);
  });
}

// each_sum calls f with every accumulator in the registers and the place of its sum.
template <typename Func> static void each_sum(Sums& s, Func f) {
  for (u32 q = 0; q < kWarpgroup; q++)
    for (u32 i = 0; i < s.n / 2; i++)
      f(s.d[q][i], s.c[q / 32][i / 4][2 * (q % 4) + i % 2][q % 32 / 4 + 8 * (i / 2 % 2)]);
}

static void multiply(const Pending& p) {
  static Rows a[4];
  static Columns b[32];
  read_operand(p.product.a, p.product.a_along, 64,
               [](u32 row, u32 k, u16 v) { memcpy((u8*)&a[row / 16].pairs[k / 2][row % 16] + k % 2 * 2, &v, 2); });
  read_operand(p.product.b, p.product.b_along, p.product.n,
               [](u32 row, u32 k, u16 v) { memcpy((u8*)b[row / 8].pairs[row % 8] + 2 * k, &v, 2); });
  Sums& s = *p.sums;
  if (!p.product.add) memset(s.c, 0, sizeof s.c);
  counts.tensor += 2 * 64 * 16 * s.n;
  for (u32 i = 0; i < 4; i++) prepare(a[i]);
  for (u32 j = 0; j < s.n / 8; j++) {
    prepare(b[j]);
    for (u32 i = 0; i < 4; i++) tensor_core(settings.wgmma, a[i], b[j], s.c[i][j]);
  }
}

// finish does the products of groups up to the one of that number.
static void finish(Group& g, u32 until) {
  size_t n = 0;
  for (; n < g.pending.size() && g.pending[n].group <= until; n++) {
    Sums* s = g.pending[n].sums;
    multiply(g.pending[n]);
    if (--s->products) continue;
    each_sum(*s, [](float& d, float& c) { d = c; });
    g.sums.remove_if([=](const Sums& other) { return &other == s; });
  }
  g.pending.erase(g.pending.begin(), g.pending.begin() + (long)n);
}

static Sums* sums_of(Group& g, const Product& p) {
  for (Sums& s : g.sums)
    if (s.d[0] == p.d) return &s;
  Sums& s = g.sums.emplace_back();
  for (i32 q = 0; q < kWarpgroup; q++) s.d[q] = ((const Product*)g.operands[q])->d;
  s.n = p.n;
  s.products = 0;
  each_sum(s, [](float& d, float& c) { c = d; });
  each_sum(s, [](float& d, float&) { d = bits_f32(0xffffffff); });
  return &s;
}

static void product(Group& g, u32 number) {
  const Product& p = *(const Product*)g.operands[0];
  for (const void* o : g.operands) {
    const Product& other = *(const Product*)o;
    if (other.a != p.a || other.b != p.b || other.add != p.add)
      fail("the threads of a warpgroup have other descriptors");
  }
  if (!g.fenced) fail("wgmma without wgmma_fence before its group");
  Sums* s = sums_of(g, p);
  s->products++;
  g.pending.push_back(Pending{p, s, g.committed + 1});
  if (settings.check) {
    Clock seen = seen_by_group(number);
    Accessor tensor{kMaxWarps + number, g.committed + 1, &seen, nullptr, 0};
    auto check = [&](const u8* at, u32, u32) { check_shared(at, 16, kRead, tensor); };
    each_piece(p.a, p.a_along, 64, check);
    each_piece(p.b, p.b_along, p.n, check);
  }
  if (!settings.late) finish(g, g.committed + 1);
}

static void perform(Group& g, u32 number) {
  const i32* n = (const i32*)g.operands[0];
  switch (g.op) {
    case kRegisters:
      if (*n % 8 || *n < 24 || *n > 256) fail("setmaxnreg of %d registers", *n);
      break;
    case kGroupFence: g.fenced = true; break;
    case kProduct: product(g, number); break;
    case kCommit:
      g.committed++;
      g.fenced = false;
      break;
    case kGroupWait: {
      u32 done = g.committed - std::min((u32)*n, g.committed);
      finish(g, done);
      g.waited = std::max(g.waited, done);
      group_sees(number, kMaxWarps + number, done);
      break;
    }
  }
}

void group_collective(GroupCollective op, const void* operands) {
  u32 number = here.thread->id / kWarpgroup;
  Group& g = groups[number];
  if (!g.arrived) g.op = op;
  if (g.op != op) fail("the threads of a warpgroup part: %s here, %s elsewhere", kNames[op], kNames[g.op]);
  g.operands[here.thread->id % kWarpgroup] = operands;
  if (++g.arrived < (u32)kWarpgroup) {
    wait(kNames[op]);
    return;
  }
  g.arrived = 0;
  perform(g, number);
  for (u32 w = 0; w < 4; w++) wake(block.warp[4 * number + w]);
}

void hopper_begins() {
  bulk_begins();
  for (Group& g : groups) g = Group{};
}

void hopper_ends() {
  bulk_ends();
  for (const Group& g : groups)
    if (!g.pending.empty() || g.waited < g.committed) fail("ends with products that no wgmma_wait has waited for");
}

}  // namespace emu
