// The settings of the emulated libraries, and the errors that tests ask for.
//
// SPELL_EMULATOR holds words of a name and a value, read by cuInit:
//
//   order=up|down|random seed=1 late=0|1 tensor=90|80|0 wgmma=90|80|0 check=0|1 memory=MB devices=1 sm=90
//   cublaslt=90|80|0
//   fail=cuMemAlloc_v2:2:2   the second call of cuMemAlloc_v2 returns 2; 0 is every call
#include "entry.h"

#include <sstream>

using emu::settings;

Driver driver;
thread_local void* context;

// An Injection is an error that a test asks for.
struct Injection {
  int nth, code;
};
static std::map<std::string, Injection> injections;
static std::map<std::string, int> calls;

static int number(const std::string& s) { return atoi(s.c_str()); }

void read_settings() {
  settings = emu::Settings{};
  injections.clear();
  calls.clear();
  driver.memory = (size_t)1 << 34;
  driver.devices = 1;
  driver.sm = 90;
  driver.library = 90;
  driver.sticky = 0;
  driver.initialized = true;
  const char* text = getenv("SPELL_EMULATOR");
  std::istringstream words(text ? text : "");
  for (std::string word; words >> word;) {
    size_t equals = word.find('=');
    std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    if (name == "order") settings.order = value == "random" ? emu::Settings::kRandom
                                          : value == "down" ? emu::Settings::kDown : emu::Settings::kUp;
    if (name == "seed") settings.seed = (u64)number(value);
    if (name == "late") settings.late = number(value);
    if (name == "tensor") settings.tensor = settings.wgmma = number(value);
    if (name == "wgmma") settings.wgmma = number(value);
    if (name == "check") settings.check = number(value);
    if (name == "memory") driver.memory = (size_t)number(value) << 20;
    if (name == "devices") driver.devices = number(value);
    if (name == "cublaslt") driver.library = number(value);
    if (name == "sm") driver.sm = number(value);
    if (name == "fail") {
      size_t one = value.find(':'), two = value.find(':', one + 1);
      injections[value.substr(0, one)] = {number(value.substr(one + 1)), number(value.substr(two + 1))};
    }
  }
}

int enter(const char* name, bool needs_context) {
  int n = ++calls[name];
  auto injected = injections.find(name);
  if (injected != injections.end() && (!injected->second.nth || injected->second.nth == n))
    return injected->second.code;
  if (!driver.initialized) return kNotInitialized;
  if (needs_context && !context) return kInvalidContext;
  return driver.sticky;
}

// emulator_counts returns one of emu::counts.
EXPORT long long emulator_counts(const char* name) {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  const emu::Counts& c = emu::counts;
  const std::string what = name;
  return (long long)(what == "tensor" ? c.tensor : what == "read" ? c.read : c.written);
}

// emulator_calls returns how many calls of an entry point there have been since cuInit.
EXPORT long long emulator_calls(const char* name) {
  std::lock_guard<std::recursive_mutex> lock(driver.mutex);
  auto n = calls.find(name);
  return n == calls.end() ? 0 : n->second;
}
