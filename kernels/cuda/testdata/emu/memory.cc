// Memory of the device, and what is checked of every access to it.
//
// Kernels are compiled with -fsanitize=thread and linked without its library: the functions that
// instrumented code calls are here. Shared memory is checked for races by vector clocks: an access
// conflicts with one of another warp that no barrier orders before it, or with one of another lane since
// the last sync_warp. Global memory is checked for accesses by two blocks of a launch, one of which
// writes. Whatever is not the device's, the block's or an argument may not be touched at all.
#include "machine.h"

#include <sys/mman.h>

namespace emu {

const u32 kGrain = 2;  // bytes of shared memory that are checked as one, but for a line that was used as a whole
const u32 kShared = 16;  // bytes of such a line

// ---- shared memory

const u8 kSeveral = 255;  // lanes

// A Cell is what happened to a part of shared memory.
struct Cell {
  u32 write_epoch;
  u32 fences;  // of the thread, when it wrote
  u16 writer;  // thread, if the agent is a warp
  u8 agent;    // that wrote
  bool written, atomically;
  u8 reader[kMaxWarps];  // lane of each warp
  u32 read_epoch[kReaders];
};

// A Line is what happened to a line in block stamp, as a whole or, once its grains were used apart, to each.
struct Line {
  u32 stamp;
  bool apart;
  Cell whole;
};

static Line* lines;
static Cell* cells;
static u32 stamp;

void check_block_begins() {
  if (!lines) {
    lines = (Line*)calloc(kMaxShared / kShared, sizeof(Line));
    cells = (Cell*)calloc(kMaxShared / kGrain, sizeof(Cell));
  }
  stamp++;
}

bool in_shared(const void* p, u32 bytes) {
  u64 at = (u64)p - (u64)here.shared;
  return at < here.shared_size && at + bytes <= here.shared_size;
}

// agent_name returns what an agent is called in errors.
static std::string agent_name(u32 agent) {
  if (agent < kMaxWarps) return "warp " + std::to_string(agent);
  if (agent < kReaders) return "wgmma of warpgroup " + std::to_string(agent - kMaxWarps);
  return "a bulk copy";
}

// check_write checks an access after a write.
static void check_write(const Cell& c, u32 at, const char* what, const Accessor& who) {
  const bool lanes = who.by && c.agent == who.by->warp;
  if (lanes ? c.writer != who.by->id && c.write_epoch >= who.since : who.seen->at[c.agent] < c.write_epoch)
    fail("race on shared byte %u: this %s by %s, and a write by %s, without a barrier between", at, what,
         agent_name(who.agent).c_str(), agent_name(c.agent).c_str());
  if (who.agent >= kMaxWarps && c.agent < kMaxWarps && block.fences[c.writer] == c.fences)
    fail("%s by %s of shared byte %u, which thread %u wrote without proxy_fence after it", what,
         agent_name(who.agent).c_str(), at, c.writer);
}

// check_reads checks a write after reads.
static void check_reads(const Cell& c, u32 at, const Accessor& who) {
  const u32 own = who.by ? who.by->warp : kReaders;
  bool late = false;
  for (u32 r = 0; r < kReaders; r++) late |= who.seen->at[r] < c.read_epoch[r];
  if (own < kReaders) late |= c.read_epoch[own] >= who.since;
  if (!late) return;
  for (u32 r = 0; r < kReaders; r++) {
    const u32 epoch = c.read_epoch[r];
    if (r == own ? epoch >= who.since && c.reader[r] != who.by->lane : who.seen->at[r] < epoch)
      fail("race on shared byte %u: this write by %s, and a read by %s, without a barrier between", at,
           agent_name(who.agent).c_str(), agent_name(r).c_str());
  }
}

static void check_cell(Cell& c, u32 at, Access access, const Accessor& who) {
  const bool is_thread = who.agent < kMaxWarps;
  if (!c.written) {
    if (access != kWrite) fail("read of shared byte %u, which nothing has written", at);
  } else if (access != kAtomic || !c.atomically) {
    check_write(c, at, access == kRead ? "read" : "write", who);
  }
  if (access == kRead) {
    if (is_thread) {
      const u8 lane = (u8)who.by->lane;
      const bool again = c.read_epoch[who.agent] >= who.since && c.reader[who.agent] != lane;
      c.reader[who.agent] = again ? kSeveral : lane;
    }
    c.read_epoch[who.agent] = who.epoch;
    return;
  }
  check_reads(c, at, who);
  c = Cell{};
  c.written = true;
  c.atomically = access == kAtomic;
  c.agent = (u8)who.agent;
  c.write_epoch = who.epoch;
  if (is_thread) {
    c.writer = (u16)who.by->id;
    c.fences = block.fences[who.by->id];
  }
}

void check_shared(const void* p, u32 bytes, Access access, const Accessor& who) {
  if (!settings.check) return;
  const u32 grains = kShared / kGrain;
  const u32 begin = (u32)((const u8*)p - here.shared), end = begin + bytes;
  for (u32 at = begin / kShared * kShared; at < end; at += kShared) {
    Line& l = lines[at / kShared];
    Cell* const apart = cells + at / kGrain;
    if (l.stamp != stamp) l = Line{stamp, false, Cell{}};
    const bool whole = at >= begin && at + kShared <= end;
    if (whole && !l.apart) {
      check_cell(l.whole, at, access, who);
      continue;
    }
    if (!l.apart) std::fill(apart, apart + grains, l.whole);
    l.apart = true;
    const u32 first = std::max(begin, at) / kGrain, last = (std::min(end, at + kShared) - 1) / kGrain;
    for (u32 i = first; i <= last; i++) check_cell(cells[i], i * kGrain, access, who);
    if (whole && access == kWrite) {
      l.whole = *apart;
      l.apart = false;
    }
  }
}

void check_shared(const void* p, u32 bytes, Access access) {
  const Thread& t = *here.thread;
  const Warp& w = block.warp[t.warp];
  check_shared(p, bytes, access, Accessor{t.warp, w.clock.at[t.warp], &seen_by(t), &t, w.since});
}

// ---- global memory

const size_t kPage = 4096;

// An Allocation lies between pages that nobody may touch. Each byte has a record of the launch (24
// bits) that used it last and, plus 1, of the blocks (20 bits each) that wrote and read it.
struct Allocation {
  u64 base;
  size_t bytes;
  u64* records;
  size_t pages() const { return (bytes + kPage - 1) / kPage * kPage; }
};

const u64 kManyBlocks = 0xfffff;

static std::vector<Allocation> allocations;
static u64 last_base, last_end;  // of the allocation that was accessed last
static u64* last_records;
static u64 launches;
static u64 args_begin, args_end;
Counts counts;

static void* map(size_t bytes, int access) {
  return mmap(nullptr, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void* device_alloc(size_t bytes) {
  Allocation a{0, bytes, nullptr};
  u8* p = (u8*)map(a.pages() + 2 * kPage, PROT_NONE) + kPage;
  mprotect(p, a.pages(), PROT_READ | PROT_WRITE);
  a.base = (u64)p;
  if (settings.check) a.records = (u64*)map(a.pages() * sizeof(u64), PROT_READ | PROT_WRITE);
  allocations.push_back(a);
  return p;
}

void device_free(void* p) {
  auto a = std::find_if(allocations.begin(), allocations.end(), [&](const Allocation& a) { return a.base == (u64)p; });
  munmap((u8*)p - kPage, a->pages() + 2 * kPage);
  if (a->records) munmap(a->records, a->pages() * sizeof(u64));
  allocations.erase(a);
  last_base = last_end = 0;
}

// holding returns the allocation that holds the bytes at p, or null.
static const Allocation* holding(u64 p, size_t bytes) {
  for (const Allocation& a : allocations)
    if (p >= a.base && p + bytes <= a.base + a.bytes) return &a;
  return nullptr;
}

bool device_holds(u64 p, size_t bytes) { return holding(p, bytes); }

void check_launch_begins(const void* args, size_t bytes) {
  launches++;
  args_begin = (u64)args;
  args_end = args_begin + bytes;
}

// check_record notes who accesses a byte.
static void check_record(u64& record, u64 at, bool write) {
  u64 me = here.block % (kManyBlocks - 1) + 1, launch = launches & 0xffffff;
  if (record >> 40 != launch) record = launch << 40;
  u64 writer = record >> 20 & 0xfffff, reader = record & 0xfffff;
  if (writer && writer != me)
    fail("race on global memory at byte %llu of an allocation: block %llu wrote it in this launch", at, writer - 1);
  if (write && reader && reader != me)
    fail("race on global memory at byte %llu of an allocation: another block has read it in this launch", at);
  if (write) {
    record = launch << 40 | me << 20 | reader;
  } else {
    record = launch << 40 | writer << 20 | (reader && reader != me ? kManyBlocks : me);
  }
}

void check_global(const void* p, u32 bytes, bool write) {
  u64 at = (u64)p;
  if (!write && at >= args_begin && at + bytes <= args_end) return;
  (write ? counts.written : counts.read) += bytes;
  if (at < last_base || at + bytes > last_end) {
    const Allocation* a = holding(at, bytes);
    if (!a) fail("%s of %u bytes at %p, which is no memory of the device", write ? "write" : "read", bytes, p);
    last_base = a->base;
    last_end = a->base + a->bytes;
    last_records = a->records;
  }
  if (!settings.check || !last_records) return;
  const u64 me = here.block % (kManyBlocks - 1) + 1, mine = (launches & 0xffffff) << 40 | (write ? me << 20 : me);
  for (u64 i = at - last_base; i < at - last_base + bytes; i++)
    if (last_records[i] != mine) check_record(last_records[i], i, write);  // else nothing changes
}

// ---- what instrumented code calls

static bool lies_in(const void* p, const void* from, size_t bytes) { return (u64)p - (u64)from < bytes; }

static void access(const void* p, u32 bytes, bool write, bool aligned) {
  if (lies_in(p, block.stacks, kStack * kMaxThreads) || lies_in(p, &here, sizeof here)) return;
  if (!here.thread || lies_in(p, block.thread, sizeof block.thread)) return;  // thread_id
  if (aligned && (u64)p % bytes) fail("access of %u bytes at %p, which is not aligned to them", bytes, p);
  if (!lies_in(p, here.shared, here.shared_size)) {
    check_global(p, bytes, write);
    return;
  }
  if (!in_shared(p, bytes)) fail("access of %u bytes beyond the end of shared memory", bytes);
  check_shared(p, bytes, write ? kWrite : kRead);
}

}  // namespace emu

#define ACCESS(n)                                                                          \
  extern "C" void __tsan_read##n(void* p) { emu::access(p, n, false, true); }              \
  extern "C" void __tsan_write##n(void* p) { emu::access(p, n, true, true); }              \
  extern "C" void __tsan_unaligned_read##n(void* p) { emu::access(p, n, false, false); }   \
  extern "C" void __tsan_unaligned_write##n(void* p) { emu::access(p, n, true, false); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
extern "C" void __tsan_read_range(void* p, long n) { emu::access(p, (u32)n, false, false); }
extern "C" void __tsan_write_range(void* p, long n) { emu::access(p, (u32)n, true, false); }
extern "C" void __tsan_init() {}
