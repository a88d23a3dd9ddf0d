// A libnvrtc.so: its programs are those that are compiled in.
#include "entry.h"

struct Program {
  std::string log;
};

ENTRY(nvrtcVersion, int* major, int* minor) {
  ENTER(false);
  *major = 1;  // so that nothing is cached as of a real one
  *minor = 0;
  return kSuccess;
}
ENTRY(nvrtcCreateProgram, Program** p, const char*, const char*, int, const char* const*, const char* const*) {
  ENTER(false);
  *p = new Program;
  return kSuccess;
}
ENTRY(nvrtcCompileProgram, Program* p, int, const char* const*) {
  p->log = "an emulated mistake";
  ENTER(false);
  p->log = "";
  return kSuccess;
}
ENTRY(nvrtcGetProgramLogSize, Program* p, size_t* n) {
  *n = p->log.size() + 1;
  return kSuccess;
}
ENTRY(nvrtcGetProgramLog, Program* p, char* s) {
  strcpy(s, p->log.c_str());
  return kSuccess;
}
ENTRY(nvrtcGetCUBINSize, Program*, size_t* n) {
  ENTER(false);
  *n = 9;
  return kSuccess;
}
ENTRY(nvrtcGetCUBIN, Program*, char* s) {
  ENTER(false);
  strcpy(s, "emulated");
  return kSuccess;
}
ENTRY(nvrtcDestroyProgram, Program** p) {
  delete *p;
  return kSuccess;
}
EXPORT const char* nvrtcGetErrorString(int) { return "NVRTC_ERROR_COMPILATION"; }
