// Fibers: how the threads of a block take turns, meet at barriers and end.
#include "machine.h"

#include <cstdarg>
#include <cstdio>
#include <sys/mman.h>

namespace emu {

Here here;
Settings settings;
Block block;

static u64 random_state;

// random_number is xorshift64 (Marsaglia 2003).
u32 random_number() {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (u32)(random_state >> 32);
}

// emu_switch saves the registers that a call preserves on the stack, the stack pointer in *from, and
// goes on with the stack to.
extern "C" void emu_switch(void** from, void* to);
#ifdef __x86_64__
asm(R"(
.text
.globl emu_switch
.hidden emu_switch
.type emu_switch, @function
emu_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");
const int kSaved = 6;
#else
#error "the emulated device switches fibers on amd64 only"
#endif

static std::map<std::string, Kernel>& kernels() {
  static std::map<std::string, Kernel> list;
  return list;
}

Registration::Registration(const char* name, void (*run)(const void*), size_t args, int threads, int blocks) {
  kernels()[name] = Kernel{name, run, args, (u32)threads, (u32)blocks};
}

const Kernel* find_kernel(const std::string& name) {
  auto k = kernels().find(name);
  return k == kernels().end() ? nullptr : &k->second;
}

void fail(const char* format, ...) {
  char what[1024], where[256];
  va_list args;
  va_start(args, format);
  vsnprintf(what, sizeof what, format, args);
  va_end(args);
  snprintf(where, sizeof where, "kernel %s, block %u, thread %u: ", block.kernel->name, here.block, here.thread->id);
  block.error = std::string(where) + what;
  void* abandoned;
  emu_switch(&abandoned, block.host);
  __builtin_unreachable();
}

// deadlock fails with what the threads wait for.
static void deadlock() {
  std::string list;
  const char* last = "";
  for (u32 i = 0; i < block.threads; i++) {
    const Thread& t = block.thread[i];
    const char* what = t.ended ? "the end" : t.waits;
    if (strcmp(what, last)) list += " [from " + std::to_string(i) + ": " + what + "]";
    last = what;
  }
  fail("no thread can go on; they wait for:%s", list.c_str());
}

// next_lane chooses one of the lanes, in order after the lane that ran last.
static u32 next_lane(u32 lanes, u32 last) {
  switch (settings.order) {
    case Settings::kDown:
      return 31 - __builtin_clz(lanes);
    case Settings::kRandom:
      for (u32 skip = random_number() % __builtin_popcount(lanes); skip; skip--) lanes &= lanes - 1;
      return __builtin_ctz(lanes);
    default:
      if (u32 after = lanes & ~((2u << last) - 1)) lanes = after;
      return __builtin_ctz(lanes);
  }
}

// go_on goes on with a thread.
static void go_on(Thread* t) {
  Thread* me = here.thread;
  if (t == me) return;
  here.thread = t;
  emu_switch(&me->stack, t->stack);
}

// switch_away goes on with a thread that is ready, of the same warp if there is one.
static void switch_away() {
  Thread* me = here.thread;
  bool random = settings.order == Settings::kRandom;
  u32 w = me->warp, lanes = block.warp[w].ready;
  if (lanes && !random) return go_on(&block.thread[w * 32 + next_lane(lanes, me->lane)]);
  if (random && random_number() % 4 == 0) lanes = 0;  // sometimes another
  if (random && random_number() % 16 == 0) bulk_copy_ends();
  do {
    u32 first = random ? random_number() : w + 1;
    for (u32 i = 0; !lanes && i < block.warps; i++) {
      w = (first + i) % block.warps;
      lanes = block.warp[w].ready;
    }
  } while (!lanes && bulk_copy_ends());
  if (!lanes) deadlock();
  go_on(&block.thread[w * 32 + next_lane(lanes, w == me->warp ? me->lane : 31)]);
}

void wait(const char* for_what) {
  here.thread->waits = for_what;
  block.warp[here.thread->warp].ready &= ~(1u << here.thread->lane);
  switch_away();
  here.thread->waits = nullptr;
}

void wake(Warp& w) { w.ready = ~0u; }

void sync_block() {
  if (++block.at_barrier < block.threads) {
    wait("the barrier");
    return;
  }
  block.at_barrier = 0;
  warps_meet();
  for (u32 w = 0; w < block.warps; w++) wake(block.warp[w]);
}

// thread_begins is where every fiber starts.
static void thread_begins() {
  block.kernel->run(block.args);
  Thread* t = here.thread;
  for (const Copy& c : block.copies[t->id])
    if (c.bytes) fail("ends with asynchronous copies that it has not waited for");
  t->ended = true;
  block.warp[t->warp].ready &= ~(1u << t->lane);
  if (--block.live) switch_away();
  hopper_ends();
  void* ended;
  emu_switch(&ended, block.host);
  __builtin_unreachable();
}

// run_block runs one block until its threads have ended or one has failed.
static void run_block(u32 id) {
  here.block = id;
  block.at_barrier = 0;
  block.live = block.threads;
  memset(here.shared, 0xff, here.shared_size);  // NaN
  check_block_begins();
  hopper_begins();
  for (u32 w = 0; w < block.warps; w++) {
    block.warp[w] = Warp{};
    wake(block.warp[w]);
    block.warp[w].clock.at[w] = block.warp[w].since = 1;
  }
  for (u32 i = 0; i < block.threads; i++) {
    void** stack = (void**)(block.stacks + (i + 1) * kStack - 64);
    *--stack = nullptr;  // where thread_begins would return to
    *--stack = (void*)thread_begins;
    stack -= kSaved;
    block.thread[i] = Thread{stack, i, i % 32, i / 32, nullptr, false};
    block.copies[i].clear();
    block.group[i] = block.fences[i] = 0;
  }
  here.thread = &block.thread[0];
  emu_switch(&block.host, here.thread->stack);
  here.thread = nullptr;
}

// memory_of_blocks maps stacks and shared memory, once.
static void memory_of_blocks() {
  if (block.stacks) return;
  block.stacks = (u8*)mmap(nullptr, kStack * kMaxThreads, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  here.shared = (u8*)aligned_alloc(1024, 256 << 10);
}

std::string launch(const Kernel& k, u32 blocks, u32 threads, u32 shared, const void* args) {
  memory_of_blocks();
  if (threads % 32 || threads > kMaxThreads || threads > k.threads)
    return std::string(k.name) + ": " + std::to_string(threads) + " threads, compiled for " + std::to_string(k.threads);
  alignas(64) u8 copy[4096];
  memcpy(copy, args, k.args);
  block.kernel = &k;
  block.args = copy;
  block.threads = threads;
  block.warps = threads / 32;
  block.error.clear();
  here.shared_size = shared;
  random_state = settings.seed * 0x9e3779b97f4a7c15 + 1;
  std::vector<u32> order(blocks);
  for (u32 i = 0; i < blocks; i++) order[i] = settings.order == Settings::kDown ? blocks - 1 - i : i;
  if (settings.order == Settings::kRandom)
    for (u32 i = blocks; i > 1; i--) std::swap(order[i - 1], order[random_number() % i]);
  check_launch_begins(copy, k.args);
  for (u32 id : order) {
    run_block(id);
    if (!block.error.empty()) return block.error;
  }
  return "";
}

}  // namespace emu
