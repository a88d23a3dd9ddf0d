// What the entry points of the emulated libraries have in common.
#pragma once
#include "machine.h"

#include <mutex>

enum Result {
  kSuccess = 0, kInvalidValue = 1, kOutOfMemory = 2, kNotInitialized = 3, kNoDevice = 100, kInvalidDevice = 101,
  kInvalidImage = 200, kInvalidContext = 201, kNotFound = 500, kLaunchFailed = 719,
};

// A Driver is the state of the library.
struct Driver {
  std::recursive_mutex mutex;
  bool initialized;
  int devices, sm;
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

#define EXPORT extern "C" __attribute__((visibility("default")))
#define ENTRY(name, ...) EXPORT int name(__VA_ARGS__)
#define ENTER(needs_context)                                \
  std::lock_guard<std::recursive_mutex> lock(driver.mutex); \
  if (int failed = enter(__func__, needs_context)) return failed
