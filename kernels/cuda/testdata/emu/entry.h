// What the entry points of the emulated libraries have in common.
#pragma once
#include "machine.h"

#include <functional>
#include <mutex>
#include <set>

enum Result {
  kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kNoDevice = 100, kInvalidDevice = 101,
  kInvalidImage = 200, kInvalidContext = 201, kIllegalState = 401, kNotFound = 500, kLaunchFailed = 719,
  kCaptureUnsupported = 900, kCaptureInvalidated = 901, kCaptureWrongThread = 908,
};

// A Driver is the state of the library.
struct Driver {
  std::recursive_mutex mutex;
  bool initialized;
  int devices, sm;
  int library;           // the tensor cores by which cublasLt multiplies, as in Settings; 0: it does not
  size_t memory, used;   // bytes of the device
  int sticky;            // an error of a kernel
  std::string message;   // and what it was
};
extern Driver driver;
extern thread_local void* context;

// read_settings reads SPELL_EMULATOR.
void read_settings();

// enter returns what a call fails with before it does anything.
int enter(const char* name, bool needs_context);

// objects are the handles that have been given out: streams, events, modules, graphs, and those of cublasLt.
extern std::set<const void*> objects;
template <typename T> T* made(T* object) {
  objects.insert(object);
  return object;
}
template <typename T> int unmade(T* object) {
  if (!objects.erase(object)) return kInvalidValue;
  delete object;
  return kSuccess;
}

// push gives a stream work, such as run_kernel.
typedef std::function<void()> Work;
struct Stream;
int push(Stream* s, Work w);
void run_kernel(const emu::Kernel& k, u32 blocks, u32 threads, u32 shared, const std::string& args);

#define EXPORT extern "C" __attribute__((visibility("default")))
#define ENTRY(name, ...) EXPORT int name(__VA_ARGS__)
#define ENTER(needs_context)                                \
  std::lock_guard<std::recursive_mutex> lock(driver.mutex); \
  if (int failed = enter(__func__, needs_context)) return failed
