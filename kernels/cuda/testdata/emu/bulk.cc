// Barriers in shared memory, and bulk copies to it. A copy ends when no thread can go on, in the random
// order at any time, or at once: as the settings say. Until somebody has waited for its barrier, its bytes
// are NaN, and whoever uses them is caught.
#include "hopper.h"
#include "machine.h"

namespace emu {

// An MBarrier is a barrier in shared memory.
struct MBarrier {
  const u64* at;
  u32 count, arrived;  // threads
  i64 bytes;           // that are expected in this phase and have not come
  u32 phase;
  u32 agent;           // of the copies to it
  bool shown;          // to bulk copies
  Clock arriving, ended;
  std::vector<const Thread*> waiters;
};

// A BulkCopy is a copy under way.
struct BulkCopy {
  u8* to;
  const Boxes* boxes;
  i32 row, col;
  MBarrier* barrier;
  u32 epoch;
};

const u32 kMaxBarriers = 64;
static MBarrier barriers[kMaxBarriers];
static u32 barrier_count, epochs[kAgents];
static std::vector<BulkCopy> copies;

static MBarrier& barrier_at(const u64* b) {
  check_shared(b, 8, kRead);
  for (u32 i = 0; i < barrier_count; i++)
    if (barriers[i].at == b) return barriers[i];
  fail("the mbarrier at %p is not initialized", (const void*)b);
}

void mbarrier_init(const u64* b, i32 arrivals) {
  if ((u64)b % 8 || !in_shared(b, 8))
    fail("an mbarrier at %p, which is no place in shared memory for it", (const void*)b);
  if (arrivals <= 0 || barrier_count == kMaxBarriers) fail("mbarrier %u of %d arrivals", barrier_count, arrivals);
  check_shared(b, 8, kWrite);
  MBarrier& m = barriers[barrier_count];
  m = MBarrier{};
  m.at = b;
  m.count = (u32)arrivals;
  m.agent = kReaders + barrier_count++ % kEngines;
}

void mbarrier_init_fence() {
  for (u32 i = 0; i < barrier_count; i++) barriers[i].shown = true;
}

// end_phase ends the phase of a barrier if nothing is missing any more.
static void end_phase(MBarrier& m) {
  if (m.arrived < m.count || m.bytes) return;
  m.arrived = 0;
  m.phase++;
  m.ended = m.arriving;
  for (const Thread* t : m.waiters) block.warp[t->warp].ready |= 1u << t->lane;
  m.waiters.clear();
}

void mbarrier_arrive(const u64* b, i32 bytes) {
  MBarrier& m = barrier_at(b);
  if (++m.arrived > m.count) fail("more than the %u arrivals of an mbarrier", m.count);
  m.bytes += bytes;
  m.arriving.join(release());
  end_phase(m);
}

void mbarrier_wait(const u64* b, u32 parity) {
  MBarrier& m = barrier_at(b);
  while (m.phase % 2 == parity % 2) {
    m.waiters.push_back(here.thread);
    wait("an mbarrier");
  }
  see(m.ended);
}

// line_of returns where a line of a box lies in the matrix, and how many elements of it do, from the left.
static const u16* line_of(const BulkCopy& c, u32 line, u32* left) {
  const Boxes& b = *c.boxes;
  i64 row = (i64)c.row + line;
  bool inside = row >= 0 && row < (i64)b.rows && c.col >= 0 && c.col < (i64)b.cols;
  *left = inside ? (u32)std::min<u64>(b.cols - (u64)c.col, b.box_cols) : 0;
  return inside ? (const u16*)(b.at + (u64)row * b.stride) + c.col : nullptr;
}

static void end(const BulkCopy& c) {
  const Boxes& b = *c.boxes;
  for (u32 line = 0; line < b.box_rows; line++) {
    u32 left;
    const u16* from = line_of(c, line, &left);
    u16 elements[64] = {};
    if (left) memcpy(elements, from, 2 * left);
    u64 at = (u64)(c.to - here.shared) + line * kLine;
    for (u32 piece = 0; piece < 8; piece++)
      memcpy(here.shared + (at ^ (piece ^ (at >> 7 & 7)) << 4), elements + 8 * piece, 16);
  }
  MBarrier& m = *c.barrier;
  m.bytes -= kLine * b.box_rows;
  m.arriving.at[m.agent] = std::max(m.arriving.at[m.agent], c.epoch);
  end_phase(m);
}

void bulk_load(void* to, const TensorMap* map, i32 row, i32 col, const u64* b) {
  const Boxes* boxes = (const Boxes*)map;
  if ((u64)map % 64 || (u64)map - (u64)block.args >= block.kernel->args || boxes->magic != kBoxes)
    fail("the tensor map at %p is none among the arguments", (const void*)map);
  if (((u64)to - (u64)here.shared) % kAtom || !in_shared(to, kLine * boxes->box_rows))
    fail("bulk copy to %p, which is no place in shared memory for %u lines", to, boxes->box_rows);
  MBarrier& m = barrier_at(b);
  if (!m.shown) fail("bulk copy to an mbarrier without mbarrier_init_fence after its initialization");
  BulkCopy c{(u8*)to, boxes, row, col, &m, ++epochs[m.agent]};
  const Thread& by = *here.thread;
  check_shared(to, kLine * boxes->box_rows, kWrite,
               Accessor{m.agent, c.epoch, &seen_by(by), &by, block.warp[by.warp].since});
  for (u32 line = 0; line < boxes->box_rows; line++) {
    u32 left;
    const u16* from = line_of(c, line, &left);
    if (left) check_global(from, 2 * left, false);
  }
  if (settings.late) {
    memset(to, 0xff, kLine * boxes->box_rows);
    copies.push_back(c);
  } else {
    end(c);
  }
}

bool bulk_copy_ends() {
  if (copies.empty()) return false;
  auto c = copies.begin() + (settings.order == Settings::kRandom ? random_number() % copies.size() : 0);
  BulkCopy copy = *c;
  copies.erase(c);
  end(copy);
  return true;
}

void proxy_fence() { block.fences[here.thread->id]++; }

void bulk_begins() {
  barrier_count = 0;
  copies.clear();
  memset(epochs, 0, sizeof epochs);
}

void bulk_ends() {
  if (!copies.empty()) fail("ends with bulk copies under way");
  for (u32 i = 0; i < barrier_count; i++)
    if (barriers[i].bytes) fail("ends with an mbarrier that expects %lld bytes more", barriers[i].bytes);
}

}  // namespace emu
