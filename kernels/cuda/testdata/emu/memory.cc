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

const u32 kGrain = 2;  // bytes that are checked as one

// ---- shared memory

const u8 kSeveral = 255;  // lanes

// A Cell is what happened to a grain of shared memory in block stamp.
struct Cell {
  u32 stamp, write_epoch;
  u16 writer;  // thread, if the agent is a warp
  u8 agent;    // that wrote
  bool written, atomically;
  u32 fences;  // of the thread, when it wrote
  u8 reader[kMaxWarps];  // lane of each warp
  u32 read_epoch[kReaders];
};

static Cell* cells;
static u32 stamp;

void check_block_begins() {
  if (!cells) cells = (Cell*)calloc(kMaxShared / kGrain, sizeof(Cell));
  stamp++;
}

bool in_shared(const void* p, u32 bytes) {
  u64 at = (u64)p - (u64)here.shared;
  return at < here.shared_size && at + bytes <= here.shared_size;
}

static void reset(Cell& c) {
  c = Cell{};
  c.stamp = stamp;
}

// agent_name returns what an agent is called in errors.
static std::string agent_name(u32 agent) {
  if (agent < kMaxWarps) return "warp " + std::to_string(agent);
  if (agent < kReaders) return "wgmma of warpgroup " + std::to_string(agent - kMaxWarps);
  return "a bulk copy";
}

static void check_cell(Cell& c, u32 at, Access access, const Accessor& who) {
  const bool write = access != kRead;
  const Thread& t = *here.thread;
  bool is_thread = who.agent < kMaxWarps;
  if (c.stamp != stamp) reset(c);
  if (!c.written) {
    if (access != kWrite) fail("read of shared byte %u, which nothing has written", at);
  } else if (access != kAtomic || !c.atomically) {
    bool lanes = is_thread && c.agent == who.agent;
    if (lanes ? c.writer != t.id && c.write_epoch == who.epoch : who.seen->at[c.agent] < c.write_epoch)
      fail("race on shared byte %u: this %s by %s, and a write by %s, without a barrier between", at,
           write ? "write" : "read", agent_name(who.agent).c_str(), agent_name(c.agent).c_str());
    if (!is_thread && c.agent < kMaxWarps && block.fences[c.writer] == c.fences)
      fail("%s by %s of shared byte %u, which thread %u wrote without proxy_fence after it", write ? "write" : "read",
           agent_name(who.agent).c_str(), at, c.writer);
  }
  if (!write) {
    if (is_thread) {
      bool again = c.read_epoch[who.agent] == who.epoch && c.reader[who.agent] != t.lane;
      c.reader[who.agent] = again ? kSeveral : (u8)t.lane;
    }
    c.read_epoch[who.agent] = who.epoch;
    return;
  }
  for (u32 r = 0; r < kReaders; r++) {
    u32 epoch = c.read_epoch[r];
    bool lanes = is_thread && r == who.agent;
    if (epoch && (lanes ? epoch == who.epoch && c.reader[r] != t.lane : who.seen->at[r] < epoch))
      fail("race on shared byte %u: this write by %s, and a read by %s, without a barrier between", at,
           agent_name(who.agent).c_str(), agent_name(r).c_str());
  }
  reset(c);
  c.written = true;
  c.atomically = access == kAtomic;
  c.agent = (u8)who.agent;
  c.write_epoch = who.epoch;
  if (is_thread) {
    c.writer = (u16)t.id;
    c.fences = block.fences[t.id];
  }
}

void check_shared(const void* p, u32 bytes, Access access, const Accessor& who) {
  if (!settings.check) return;
  u32 at = (u32)((const u8*)p - here.shared);
  for (u32 i = at / kGrain; i <= (at + bytes - 1) / kGrain; i++) check_cell(cells[i], i * kGrain, access, who);
}

void check_shared(const void* p, u32 bytes, Access access) {
  u32 warp = here.thread->warp;
  const Clock& seen = block.warp[warp].clock;
  check_shared(p, bytes, access, Accessor{warp, seen.at[warp], &seen});
}

// ---- global memory

const size_t kPage = 4096;

// An Allocation lies between pages that nobody may touch. Each grain has a record of the launch (24
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

static void* map(size_t bytes, int access) {
  return mmap(nullptr, bytes, access, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void* device_alloc(size_t bytes) {
  Allocation a{0, bytes, nullptr};
  u8* p = (u8*)map(a.pages() + 2 * kPage, PROT_NONE) + kPage;
  mprotect(p, a.pages(), PROT_READ | PROT_WRITE);
  a.base = (u64)p;
  if (settings.check) a.records = (u64*)map(a.pages() / kGrain * sizeof(u64), PROT_READ | PROT_WRITE);
  allocations.push_back(a);
  return p;
}

void device_free(void* p) {
  auto a = std::find_if(allocations.begin(), allocations.end(), [&](const Allocation& a) { return a.base == (u64)p; });
  munmap((u8*)p - kPage, a->pages() + 2 * kPage);
  if (a->records) munmap(a->records, a->pages() / kGrain * sizeof(u64));
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

// check_record notes who accesses a grain.
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
  if (at < last_base || at + bytes > last_end) {
    const Allocation* a = holding(at, bytes);
    if (!a) fail("%s of %u bytes at %p, which is no memory of the device", write ? "write" : "read", bytes, p);
    last_base = a->base;
    last_end = a->base + a->bytes;
    last_records = a->records;
  }
  if (!settings.check || !last_records) return;
  for (u64 i = (at - last_base) / kGrain; i <= (at - last_base + bytes - 1) / kGrain; i++)
    check_record(last_records[i], i * kGrain, write);
}

// ---- what instrumented code calls

static bool lies_in(const void* p, const void* from, size_t bytes) { return (u64)p - (u64)from < bytes; }

static void access(const void* p, u32 bytes, bool write, bool aligned) {
  if (!here.thread || lies_in(p, block.stacks, kStack * kMaxThreads) || lies_in(p, &here, sizeof here)) return;
  if (lies_in(p, block.thread, sizeof block.thread)) return;  // thread_id
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
