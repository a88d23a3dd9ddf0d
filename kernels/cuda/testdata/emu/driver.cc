// A libcuda.so.1 over the emulated device: the entry points that the backend uses, and stricter than
// most drivers. Streams are lazy, so that nothing runs before somebody waits for it; an error in a
// kernel stays until cuInit; contexts belong to threads.
#include "entry.h"

#include <deque>
#include <memory>
#include <sys/mman.h>

typedef std::vector<Work> Works;
struct Stream {
  std::deque<Work> queue;
  u64 begun = 0, queued = 0;
  Works* captured = nullptr;       // what it is given, if that is to become a graph
  void** capturer = nullptr;       // the context of the thread that asked for it
  bool spoilt = false;             // by a call that may not come between
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
std::set<const void*> objects;
static std::multimap<u64, size_t> unread;  // pinned memory that copies have still to read
static int the_context;

// ---- streams

int push(Stream* s, Work w) {
  if (s->captured) {
    s->captured->push_back(w);
    return kSuccess;
  }
  s->queue.push_back(w);
  s->queued++;
  return kSuccess;
}

static std::vector<Stream*> streams;

// spoil ends the capture of the thread, if there is one: it may neither wait, nor allocate.
static int spoil() {
  int result = kSuccess;
  for (Stream* s : streams)
    if (s->captured && s->capturer == &context) {
      s->spoilt = true;
      result = kCaptureUnsupported;
    }
  return result;
}

// run does the work of a stream up to the one of that number.
static int run(Stream* s, u64 until) {
  if (int failed = spoil()) return failed;
  while (!driver.sticky && s->begun < until && !s->queue.empty()) {
    Work w = s->queue.front();
    s->queue.pop_front();
    s->begun++;
    w();
  }
  return driver.sticky;
}

static int run_all() {
  if (int failed = spoil()) return failed;
  for (Stream* s : streams) run(s, s->queued);
  return driver.sticky;
}

ENTRY(cuStreamCreate, Stream** s, unsigned) {
  ENTER(true);
  *s = made(new Stream);
  streams.push_back(*s);
  return kSuccess;
}
ENTRY(cuStreamDestroy_v2, Stream* s) {
  ENTER(true);
  int result = run(s, s->queued);
  streams.erase(std::find(streams.begin(), streams.end(), s));
  objects.erase(s);
  delete s;
  return result;
}
ENTRY(cuStreamSynchronize, Stream* s) {
  ENTER(true);
  return run(s, s->queued);
}
ENTRY(cuEventCreate, Event** e, unsigned) {
  ENTER(true);
  *e = made(new Event);
  return kSuccess;
}
ENTRY(cuEventDestroy_v2, Event* e) {
  ENTER(true);
  if (!objects.erase(e)) return kInvalidValue;
  delete e;
  return kSuccess;
}
ENTRY(cuEventRecord, Event* e, Stream* s) {
  ENTER(true);
  if (int failed = spoil()) return failed;
  *e = Event{s, s->queued};
  return kSuccess;
}
ENTRY(cuEventSynchronize, Event* e) {
  ENTER(true);
  return e->stream ? run(e->stream, e->until) : kSuccess;
}

// ---- graphs: what a stream was given while it was captured, to be done as often as one likes

typedef std::shared_ptr<Works> Ready;

ENTRY(cuStreamBeginCapture_v2, Stream* s, int mode) {
  ENTER(true);
  if (mode < 0 || mode > 2) return kInvalidValue;
  if (s->captured) return kIllegalState;
  s->captured = made(new Works);
  s->capturer = &context;
  s->spoilt = false;
  return kSuccess;
}
// A capture that cannot be ended is over nevertheless.
ENTRY(cuStreamEndCapture, Stream* s, Works** g) {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  Works* captured = s->captured;
  if (!captured) return kIllegalState;
  if (s->capturer != &context) return kCaptureWrongThread;
  s->captured = nullptr;
  int failed = enter(__func__, true);
  if (!failed && s->spoilt) failed = kCaptureInvalidated;
  if (failed) {
    objects.erase(captured);
    delete captured;
    captured = nullptr;
  }
  *g = captured;
  return failed;
}
ENTRY(cuGraphInstantiateWithFlags, Ready** r, Works* g, unsigned long long flags) {
  ENTER(true);
  if (flags || !objects.count(g)) return kInvalidValue;
  *r = made(new Ready(new Works(*g)));
  return kSuccess;
}
ENTRY(cuGraphLaunch, Ready* r, Stream* s) {
  ENTER(true);
  if (!objects.count(r)) return kInvalidValue;
  Ready works = *r;  // also when r has been destroyed
  return push(s, [=] {
    for (const Work& w : *works)
      if (!driver.sticky) w();
  });
}
ENTRY(cuGraphExecDestroy, Ready* r) {
  ENTER(true);
  if (!objects.erase(r)) return kInvalidValue;
  delete r;
  return kSuccess;
}
ENTRY(cuGraphDestroy, Works* g) {
  ENTER(true);
  if (!objects.erase(g)) return kInvalidValue;
  delete g;
  return kSuccess;
}
ENTRY(cuStreamWaitEvent, Stream* s, Event* e, unsigned) {
  ENTER(true);
  const Event at = *e;
  return push(s, [=] { if (at.stream) run(at.stream, at.until); });
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
  if (int failed = spoil()) return failed;
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
  if (int failed = spoil()) return failed;
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
  if (is_pinned(src, n)) {
    auto reading = unread.insert({(u64)src, n});
    return push(s, [=] {
      memcpy((void*)dst, src, n);
      unread.erase(reading);
    });
  }
  std::string copy((const char*)src, n);
  return push(s, [=] { memcpy((void*)dst, copy.data(), n); });
}
static bool is_unread(const void* p, size_t n) {
  for (auto& [base, bytes] : unread)
    if ((u64)p < base + bytes && base < (u64)p + n) return true;
  return false;
}

// Pinned memory holds other bytes until the copy has been waited for, or those that it had if an earlier copy has
// still to read them.
ENTRY(cuMemcpyDtoHAsync_v2, void* dst, u64 src, size_t n, Stream* s) {
  ENTER(true);
  if (!emu::device_holds(src, n)) return kInvalidValue;
  push(s, [=] { memcpy(dst, (void*)src, n); });
  if (!is_pinned(dst, n)) return run(s, s->queued);
  if (!is_unread(dst, n)) memset(dst, 0xa5, n);
  return kSuccess;
}

// ---- code

ENTRY(cuModuleLoadData, Module** m, const void* image) {
  ENTER(true);
  if (memcmp(image, "emulated", 8)) return kInvalidImage;
  if (int failed = spoil()) return failed;
  *m = made(new Module);
  return kSuccess;
}
ENTRY(cuModuleUnload, Module* m) {
  ENTER(true);
  if (int failed = run_all()) return failed;
  objects.erase(m);
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

static std::map<std::string, long long> launched;

void run_kernel(const emu::Kernel& k, u32 blocks, u32 threads, u32 shared, const std::string& args) {
  launched[k.name]++;
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

// ---- what tests ask

// emulator_launches returns how often a kernel has been launched in this process.
EXPORT long long emulator_launches(const char* kernel) {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  auto n = launched.find(kernel);
  return n == launched.end() ? 0 : n->second;
}

// emulator_left returns how much there is that has been made and not given back.
EXPORT long long emulator_left() {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  return (long long)(objects.size() + allocated.size() + pinned.size());
}

// ---- errors

ENTRY(cuGetErrorName, int code, const char** s) {
  static const std::map<int, const char*> names{
      {kInvalidValue, "CUDA_ERROR_INVALID_VALUE"},     {kOutOfMemory, "CUDA_ERROR_OUT_OF_MEMORY"},
      {kNotInitialized, "CUDA_ERROR_NOT_INITIALIZED"}, {kNoDevice, "CUDA_ERROR_NO_DEVICE"},
      {kInvalidImage, "CUDA_ERROR_INVALID_IMAGE"},     {kInvalidContext, "CUDA_ERROR_INVALID_CONTEXT"},
      {kNotFound, "CUDA_ERROR_NOT_FOUND"},             {kLaunchFailed, "CUDA_ERROR_LAUNCH_FAILED"},
      {kIllegalState, "CUDA_ERROR_ILLEGAL_STATE"},
      {kCaptureUnsupported, "CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED"},
      {kCaptureInvalidated, "CUDA_ERROR_STREAM_CAPTURE_INVALIDATED"},
      {kCaptureWrongThread, "CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD"}};
  auto n = names.find(code);
  if (n == names.end()) return kInvalidValue;
  *s = n->second;
  return kSuccess;
}
ENTRY(cuGetErrorString, int code, const char** s) {
  *s = code == kLaunchFailed && driver.sticky ? driver.message.c_str() : "an emulated error";
  return kSuccess;
}
