//go:build cuda && cgo && linux

#include "nvrtc.h"

#include <dlfcn.h>
#include <stdlib.h>

#define ENTRIES(E)                                                                                            \
  E(int, nvrtcVersion, int *, int *)                                                                          \
  E(int, nvrtcCreateProgram, void **, const char *, const char *, int, const char *const *, const char *const *) \
  E(int, nvrtcCompileProgram, void *, int, const char *const *)                                               \
  E(int, nvrtcGetProgramLogSize, void *, size_t *)                                                            \
  E(int, nvrtcGetProgramLog, void *, char *)                                                                  \
  E(int, nvrtcGetCUBINSize, void *, size_t *)                                                                 \
  E(int, nvrtcGetCUBIN, void *, char *)                                                                       \
  E(int, nvrtcDestroyProgram, void **)                                                                        \
  E(const char *, nvrtcGetErrorString, int)

struct nvrtc {
#define FIELD(result, name, ...) result (*name)(__VA_ARGS__);
  ENTRIES(FIELD)
#undef FIELD
};

const char *nvrtc_load(nvrtc **out, const char *path, int *major, int *minor) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return dlerror();
  nvrtc *n = calloc(1, sizeof *n);
  if (!n) return "no memory";
#define FIND(result, name, ...)                                 \
  if (!(*(void **)&n->name = dlsym(library, #name))) {          \
    free(n);                                                    \
    return "it has no " #name;                                  \
  }
  ENTRIES(FIND)
#undef FIND
  int code = n->nvrtcVersion(major, minor);
  if (code) {
    const char *why = n->nvrtcGetErrorString(code);
    free(n);
    return why;
  }
  *out = n;
  return NULL;
}

void nvrtc_close(nvrtc *n) { free(n); }

const char *nvrtc_explain(nvrtc *n, int code) { return n->nvrtcGetErrorString(code); }

// copy_out returns what one pair of calls says of the size and copies, or null.
static char *copy_out(void *program, size_t *size, int (*measure)(void *, size_t *), int (*get)(void *, char *),
                      int *code) {
  if ((*code = measure(program, size))) return NULL;
  char *p = malloc(*size + 1);
  if (p && (*code = get(program, p))) {
    free(p);
    return NULL;
  }
  return p;
}

int nvrtc_compile(nvrtc *n, const char *name, const char *source, int headers, const char *const *texts,
                  const char *const *names, int options, const char *const *option, char **image, size_t *size,
                  char **log) {
  void *program;
  size_t length;
  int ignored, code = n->nvrtcCreateProgram(&program, source, name, headers, texts, names);
  if (code) return code;
  code = n->nvrtcCompileProgram(program, options, option);
  *log = copy_out(program, &length, n->nvrtcGetProgramLogSize, n->nvrtcGetProgramLog, &ignored);
  if (!code) *image = copy_out(program, size, n->nvrtcGetCUBINSize, n->nvrtcGetCUBIN, &code);
  n->nvrtcDestroyProgram(&program);
  return code;
}
