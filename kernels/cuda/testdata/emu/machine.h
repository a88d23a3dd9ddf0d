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
const size_t kStack = 64 << 10;  // bytes of a fiber's stack

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

// An Accessor uses shared memory in an epoch of its own, and has seen those of others.
struct Accessor {
  u32 agent, epoch;
  const Clock* seen;
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
bool in_shared(const void* p, u32 bytes);

// tensor_core adds a*bᵀ to c as those of a model do: a is [16, 16], b [8, 16], c [16, 8].
void tensor_core(int model, const u16 (*a)[16], const u16 (*b)[16], float (*c)[8]);

}  // namespace emu
