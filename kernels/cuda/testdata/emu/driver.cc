// A libcuda.so.1 over the emulated device: the entry points that the backend uses, and stricter than
// most drivers. Streams are lazy, so that nothing runs before somebody waits for it; an error in a
// kernel stays until cuInit; contexts belong to threads.
#include "entry.h"

#include <deque>
#include <functional>
#include <sys/mman.h>

typedef std::function<void()> Work;
struct Stream {
  std::deque<Work> queue;
  u64 begun = 0, queued = 0;
};
struct Event {
  Stream* stream = nullptr;
  u64 until = 0;
};
struct Function {
  const emu::Kernel* kernel;
  u32 shared = 48 << 10;  // bytes that it may have
};
struct Module {
  std::map<std::string, Function> functions;
};

static std::map<u64, size_t> allocated, pinned;
static int the_context;

// ---- streams

static int push(Stream* s, Work w) {
  s->queue.push_back(w);
  s->queued++;
  return kSuccess;
}

// run does the work of a stream up to the one of that number.
static int run(Stream* s, u64 until) {
  while (!driver.sticky && s->begun < until && !s->queue.empty()) {
    Work w = s->queue.front();
    s->queue.pop_front();
    s->begun++;
    w();
  }
  return driver.sticky;
}

static std::vector<Stream*> streams;
static int run_all() {
  for (Stream* s : streams) run(s, s->queued);
  return driver.sticky;
}

ENTRY(cuStreamCreate, Stream** s, unsigned) {
  ENTER(true);
  *s = new Stream;
  streams.push_back(*s);
  return kSuccess;
}
ENTRY(cuStreamDestroy_v2, Stream* s) {
  ENTER(true);
  int result = run(s, s->queued);
  streams.erase(std::find(streams.begin(), streams.end(), s));
  delete s;
  return result;
}
ENTRY(cuStreamSynchronize, Stream* s) {
  ENTER(true);
  return run(s, s->queued);
}
ENTRY(cuEventCreate, Event** e, unsigned) {
  ENTER(true);
  *e = new Event;
  return kSuccess;
}
ENTRY(cuEventDestroy_v2, Event* e) {
  ENTER(true);
  delete e;
  return kSuccess;
}
ENTRY(cuEventRecord, Event* e, Stream* s) {
  ENTER(true);
  *e = Event{s, s->queued};
  return kSuccess;
}
ENTRY(cuEventSynchronize, Event* e) {
  ENTER(true);
  return e->stream ? run(e->stream, e->until) : kSuccess;
}

// ---- the device

ENTRY(cuInit, unsigned) {
  for (Stream* s : streams) s->queue.clear();  // of a context that an error has ended
  read_settings();
  ENTER(false);
  if (!driver.devices) return kNoDevice;
  return kSuccess;
}
ENTRY(cuDriverGetVersion, int* v) {
  ENTER(false);
  *v = 12040;
  return kSuccess;
}
ENTRY(cuDeviceGetCount, int* n) {
  ENTER(false);
  *n = driver.devices;
  return kSuccess;
}
ENTRY(cuDeviceGet, int* device, int ordinal) {
  ENTER(false);
  if (ordinal >= driver.devices) return kInvalidDevice;
  *device = ordinal;
  return kSuccess;
}
ENTRY(cuDeviceGetName, char* s, int n, int) {
  ENTER(false);
  snprintf(s, (size_t)n, "emulated sm_%d", driver.sm);
  return kSuccess;
}
ENTRY(cuDeviceTotalMem_v2, size_t* n, int) {
  ENTER(false);
  *n = driver.memory;
  return kSuccess;
}
ENTRY(cuDeviceGetAttribute, int* v, int attribute, int) {
  ENTER(false);
  switch (attribute) {
    case 16: *v = 4; break;                     // multiprocessors
    case 75: *v = driver.sm / 10; break;               // compute capability
    case 76: *v = driver.sm % 10; break;
    case 97: *v = (int)emu::kMaxShared; break;  // shared memory that a block may have
    default: return kInvalidValue;
  }
  return kSuccess;
}
ENTRY(cuDevicePrimaryCtxRetain, void** c, int) {
  ENTER(false);
  *c = &the_context;
  the_context++;
  return kSuccess;
}
ENTRY(cuDevicePrimaryCtxRelease_v2, int) {
  ENTER(false);
  the_context--;
  return kSuccess;
}
ENTRY(cuCtxSetCurrent, void* c) {
  ENTER(false);
  context = c;
  return kSuccess;
}

// ---- memory

static bool is_pinned(const void* p, size_t n) {
  for (auto& [base, bytes] : pinned)
    if ((u64)p >= base && (u64)p + n <= base + bytes) return true;
  return false;
}

ENTRY(cuMemGetInfo_v2, size_t* free, size_t* all) {
  ENTER(true);
  *free = driver.memory - driver.used;
  *all = driver.memory;
  return kSuccess;
}
ENTRY(cuMemAlloc_v2, u64* p, size_t n) {
  ENTER(true);
  if (!n) return kInvalidValue;
  if (driver.used + n > driver.memory) return kOutOfMemory;
  *p = (u64)emu::device_alloc(n);
  memset((void*)*p, 0xff, n);  // NaN: what is fresh holds anything
  allocated[*p] = n;
  driver.used += n;
  return kSuccess;
}
ENTRY(cuMemFree_v2, u64 p) {
  ENTER(true);
  auto a = allocated.find(p);
  if (a == allocated.end()) return kInvalidValue;
  if (int failed = run_all()) return failed;
  driver.used -= a->second;
  allocated.erase(a);
  emu::device_free((void*)p);
  return kSuccess;
}
ENTRY(cuMemHostAlloc, void** p, size_t n, unsigned) {
  ENTER(true);
  *p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  pinned[(u64)*p] = n;
  return kSuccess;
}
ENTRY(cuMemFreeHost, void* p) {
  ENTER(true);
  auto a = pinned.find((u64)p);
  if (a == pinned.end()) return kInvalidValue;
  if (int failed = run_all()) return failed;
  munmap(p, a->second);
  pinned.erase(a);
  return kSuccess;
}
ENTRY(cuMemsetD8Async, u64 dst, u8 value, size_t n, Stream* s) {
  ENTER(true);
  if (!emu::device_holds(dst, n)) return kInvalidValue;
  return push(s, [=] { memset((void*)dst, value, n); });
}
// Host memory that is not pinned is copied during the call.
ENTRY(cuMemcpyHtoDAsync_v2, u64 dst, const void* src, size_t n, Stream* s) {
  ENTER(true);
  if (!emu::device_holds(dst, n)) return kInvalidValue;
  if (is_pinned(src, n)) return push(s, [=] { memcpy((void*)dst, src, n); });
  std::string copy((const char*)src, n);
  return push(s, [=] { memcpy((void*)dst, copy.data(), n); });
}
// Pinned memory holds other bytes until the copy has been waited for.
ENTRY(cuMemcpyDtoHAsync_v2, void* dst, u64 src, size_t n, Stream* s) {
  ENTER(true);
  if (!emu::device_holds(src, n)) return kInvalidValue;
  push(s, [=] { memcpy(dst, (void*)src, n); });
  if (!is_pinned(dst, n)) return run(s, s->queued);
  memset(dst, 0xa5, n);
  return kSuccess;
}

// ---- code

ENTRY(cuModuleLoadData, Module** m, const void* image) {
  ENTER(true);
  if (memcmp(image, "emulated", 8)) return kInvalidImage;
  *m = new Module;
  return kSuccess;
}
ENTRY(cuModuleUnload, Module* m) {
  ENTER(true);
  if (int failed = run_all()) return failed;
  delete m;
  return kSuccess;
}
ENTRY(cuModuleGetFunction, Function** f, Module* m, const char* name) {
  ENTER(true);
  const emu::Kernel* k = emu::find_kernel(name);
  if (!k) return kNotFound;
  *f = &m->functions[name];
  (*f)->kernel = k;
  return kSuccess;
}
ENTRY(cuFuncSetAttribute, Function* f, int attribute, int value) {
  ENTER(true);
  if (attribute != 8 || value > (int)emu::kMaxShared) return kInvalidValue;
  f->shared = (u32)value;
  return kSuccess;
}

static void run_kernel(const emu::Kernel& k, u32 blocks, u32 threads, u32 shared, const std::string& args) {
  driver.message = emu::launch(k, blocks, threads, shared, args.data());
  if (!driver.message.empty()) driver.sticky = kLaunchFailed;
}

// Arguments come as a buffer with its size, which must be what the kernel has.
ENTRY(cuLaunchKernel, Function* f, unsigned x, unsigned y, unsigned z, unsigned threads, unsigned ty, unsigned tz,
      unsigned shared, Stream* s, void** params, void** extra) {
  ENTER(true);
  if (!x || x > 0x7fffffff || y != 1 || z != 1 || !threads || ty != 1 || tz != 1) return kInvalidValue;
  if (shared > f->shared) return kInvalidValue;
  if (params || extra[0] != (void*)1 || extra[2] != (void*)2 || extra[4]) return kInvalidValue;
  size_t bytes = *(size_t*)extra[3];
  if (bytes != f->kernel->args) return kInvalidValue;
  std::string args((const char*)extra[1], bytes);
  const emu::Kernel& k = *f->kernel;
  return push(s, [=, &k] { run_kernel(k, x, threads, shared, args); });
}

// ---- errors

ENTRY(cuGetErrorName, int code, const char** s) {
  static const std::map<int, const char*> names{
      {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},     {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"}, {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},     {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
      {kNotFound, "CUDA_ERROR_NOT_FOUND"},             {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"}};
  auto n = names.find(code);
  if (n == names.end()) return kInvalidValue;
  *s = n->second;
  return kSuccess;
}
ENTRY(cuGetErrorString, int code, const char** s) {
  *s = code == kLaunchFailed && driver.sticky ? driver.message.c_str() : "an emulated error";
  return kSuccess;
}
