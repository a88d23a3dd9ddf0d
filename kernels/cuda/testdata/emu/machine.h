// The emulated multiprocessor, as its own parts see it. One launch runs at a time, block after block.
#pragma once
#include "hopper.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace emu {

const u32 kMaxThreads = 512, kMaxWarps = kMaxThreads / 32;
const u32 kMaxShared = 227 << 10;
// Bytes of a fiber's stack. No power of two, lest all stacks share a few lines of the caches.
const size_t kStack = (64 << 10) + 17 * 64;

// Settings say how the device behaves where the programming model leaves it open.
struct Settings {
  enum Order { kUp, kDown, kRandom } order = kUp;  // of lanes, warps and blocks
  u64 seed = 1;        // of the random order
  bool late = true;    // asynchronous copies happen when waited for, not at once
  int tensor = 90;     // tensor cores as of an sm_90 or sm_80, or 0: a chain of fused multiply-adds
  int wgmma = 90;      // the same for products by warpgroups
  bool check = false;  // races, bounds and reads of what nobody wrote; kernels must be instrumented
};
extern Settings settings;

// A Kernel is an entry point.
struct Kernel {
  const char* name;
  void (*run)(const void* args);
  size_t args;  // bytes
  u32 threads, blocks;
};
const Kernel* find_kernel(const std::string& name);

// launch runs all blocks. It returns what went wrong, or nothing.
std::string launch(const Kernel& k, u32 blocks, u32 threads, u32 shared, const void* args);

// An agent is who uses shared memory: a warp, the tensor cores of a warpgroup, or the bulk copies to some
// of the barriers.
const u32 kMaxGroups = kMaxWarps / 4, kEngines = 8;
const u32 kReaders = kMaxWarps + kMaxGroups, kAgents = kReaders + kEngines;

// A Clock is a vector clock: for each agent the epoch of it that has been seen.
struct Clock {
  u32 at[kAgents];
  void join(const Clock& c) {
    for (u32 i = 0; i < kAgents; i++) at[i] = std::max(at[i], c.at[i]);
  }
  void meet(const Clock& c) {
    for (u32 i = 0; i < kAgents; i++) at[i] = std::min(at[i], c.at[i]);
  }
};

// An Accessor uses shared memory in an epoch of its own, and has seen those of others. If a thread did it, or
// began it, what other lanes of its warp did in epoch since or later is not ordered before.
struct Accessor {
  u32 agent, epoch;
  const Clock* seen;
  const Thread* by;
  u32 since;
};

// A Copy is an asynchronous copy under way.
struct Copy {
  void* dst;
  const void* src;
  i32 bytes;
  u32 group;
};

struct Warp {
  u32 ready, arrived;  // lanes
  Collective op;
  void* operands[32];
  Clock clock;
  u32 since;  // the epoch that began when the lanes met last
  u32 ahead;  // lanes that have seen more than clock
};

// Boxes are what a TensorMap holds: a matrix of 16-bit elements, and the size of the boxes that are copied.
struct Boxes {
  u64 magic, at, cols, rows, stride;  // bytes from row to row
  u32 box_cols, box_rows;
};
const u64 kBoxes = 0x7465786f62;

// A Block is the running block.
struct Block {
  const Kernel* kernel;
  const void* args;
  u32 threads, warps;
  Thread thread[kMaxThreads];
  Warp warp[kMaxWarps];
  Clock ahead[kMaxThreads];               // of the threads that are
  std::vector<Copy> copies[kMaxThreads];  // of each thread
  u32 group[kMaxThreads];                 // copies that are committed next
  u32 fences[kMaxThreads];                // calls of proxy_fence
  u32 at_barrier;                         // threads
  u32 live;
  u8* stacks;
  void* host;  // stack pointer of the launch
  std::string error;
};
extern Block block;

u32 random_number();

// fail ends the launch. It does not return.
[[noreturn]] __attribute__((format(printf, 1, 2))) void fail(const char* format, ...);

// wait lets others run until the current thread is ready again. wake makes all lanes of a warp ready.
void wait(const char* for_what);
void wake(Warp& w);

// Who has seen what: see clocks.cc. see makes the current thread see more, release returns what others see with
// it. seen_by_group is what all threads of a warpgroup have seen, group_sees makes them see an agent's epoch.
const Clock& seen_by(const Thread& t);
void see(const Clock& c);
Clock release();
Clock seen_by_group(u32 group);
void group_sees(u32 group, u32 agent, u32 epoch);
void lanes_meet(u32 warp);
void warps_meet();

// What happens beside the threads of a block: see bulk.cc and warpgroup.cc. bulk_copy_ends lets one bulk copy
// end, if any is under way.
void bulk_begins();
void bulk_ends();
bool bulk_copy_ends();
void hopper_begins();
void hopper_ends();

// Checks of memory: see memory.cc.
void* device_alloc(size_t bytes);
void device_free(void* p);
bool device_holds(u64 p, size_t bytes);
void check_launch_begins(const void* args, size_t bytes);
void check_block_begins();
enum Access { kRead, kWrite, kAtomic };
void check_shared(const void* p, u32 bytes, Access access);
void check_shared(const void* p, u32 bytes, Access access, const Accessor& who);
void check_global(const void* p, u32 bytes, bool write);

// Counts are what kernels did since cuInit: operations of tensor cores, and bytes of global memory that
// threads and copies asked for, of kernels that are checked.
struct Counts {
  u64 tensor, read, written;
};
extern Counts counts;
bool in_shared(const void* p, u32 bytes);

// Rows are a, [16, 16], and Columns b, [8, 16], of a product by tensor cores. Whoever fills the pairs of
// neighbours in k prepares the rest of them, which serves all products that they take part in.
struct Rows {
  alignas(64) u32 pairs[8][16];  // by k, of each row
  i32 significand[16][16], exponent[16][16], special[16];
};
struct Columns {
  alignas(64) u32 pairs[8][8];  // of each row, by k
  i32 significand[8][16], exponent[8][16], special[8];
};
void prepare(Rows& a);
void prepare(Columns& b);

// tensor_core adds a*bᵀ to c, [8, 16], the transposed sums, as those of a model do.
void tensor_core(int model, const Rows& a, const Columns& b, float (*c)[16]);

}  // namespace emu
