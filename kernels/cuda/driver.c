//go:build cuda && cgo && linux

#include "cublaslt.h"

#include <dlfcn.h>
#include <stdlib.h>

// ENTRIES are the driver's entry points with their arguments.
#define ENTRIES(E)                                                                        \
  E(cuInit, unsigned)                                                                     \
  E(cuDriverGetVersion, int *)                                                            \
  E(cuDeviceGetCount, int *)                                                              \
  E(cuDeviceGet, int *, int)                                                              \
  E(cuDeviceGetName, char *, int, int)                                                    \
  E(cuDeviceTotalMem_v2, size_t *, int)                                                   \
  E(cuDeviceGetAttribute, int *, int, int)                                                \
  E(cuDevicePrimaryCtxRetain, void **, int)                                               \
  E(cuDevicePrimaryCtxRelease_v2, int)                                                    \
  E(cuCtxSetCurrent, void *)                                                              \
  E(cuMemGetInfo_v2, size_t *, size_t *)                                                  \
  E(cuMemAlloc_v2, uint64_t *, size_t)                                                    \
  E(cuMemFree_v2, uint64_t)                                                               \
  E(cuMemsetD8Async, uint64_t, unsigned char, size_t, void *)                             \
  E(cuMemHostAlloc, void **, size_t, unsigned)                                            \
  E(cuMemFreeHost, void *)                                                                \
  E(cuMemcpyHtoDAsync_v2, uint64_t, const void *, size_t, void *)                         \
  E(cuMemcpyDtoHAsync_v2, void *, uint64_t, size_t, void *)                               \
  E(cuStreamCreate, void **, unsigned)                                                    \
  E(cuStreamDestroy_v2, void *)                                                           \
  E(cuStreamSynchronize, void *)                                                          \
  E(cuStreamWaitEvent, void *, void *, unsigned)                                          \
  E(cuEventCreate, void **, unsigned)                                                     \
  E(cuEventDestroy_v2, void *)                                                            \
  E(cuEventRecord, void *, void *)                                                        \
  E(cuEventSynchronize, void *)                                                           \
  E(cuModuleLoadData, void **, const void *)                                              \
  E(cuModuleUnload, void *)                                                               \
  E(cuModuleGetFunction, void **, void *, const char *)                                   \
  E(cuFuncSetAttribute, void *, int, int)                                                 \
  E(cuLaunchKernel, void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,   \
    unsigned, void *, void **, void **)                                                   \
  E(cuGetErrorName, int, const char **)                                                   \
  E(cuGetErrorString, int, const char **)

// NEWER are those that drivers before CUDA 12 may lack.
#define NEWER(E)                                                                          \
  E(cuStreamBeginCapture_v2, void *, int)                                                 \
  E(cuStreamEndCapture, void *, void **)                                                  \
  E(cuGraphInstantiateWithFlags, void **, void *, unsigned long long)                     \
  E(cuGraphLaunch, void *, void *)                                                        \
  E(cuGraphExecDestroy, void *)                                                           \
  E(cuGraphDestroy, void *)                                                               \
  E(cuTensorMapEncodeTiled, void *, int, unsigned, void *, const uint64_t *, const uint64_t *, \
    const unsigned *, const unsigned *, int, int, int, int)

struct cuda {
#define FIELD(name, ...) int (*name)(__VA_ARGS__);
  ENTRIES(FIELD)
  NEWER(FIELD)
#undef FIELD
  void *library;
  int device;
  void *context, *stream;
};

enum {
  attribute_multiprocessors = 16,
  attribute_major = 75,
  attribute_minor = 76,
  attribute_shared = 97,
  function_shared = 8,
  stream_non_blocking = 1,
  event_disable_timing = 2,
};

// TRY returns from the function if a call of the driver fails.
#define TRY(c, name, ...)                                       \
  do {                                                          \
    int code = (c)->name(__VA_ARGS__);                          \
    if (code) return (outcome){code, #name};                    \
  } while (0)

static const outcome done_well = {0, NULL};

#define ENTER(c) TRY(c, cuCtxSetCurrent, (c)->context)

const char *cuda_load(cuda **out, const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return dlerror();
  cuda *c = calloc(1, sizeof *c);
  if (!c) return "no memory";
  c->library = library;
#define FIND(name, ...)                                         \
  if (!(*(void **)&c->name = dlsym(library, #name))) {          \
    free(c);                                                    \
    return "it has no " #name;                                  \
  }
  ENTRIES(FIND)
#undef FIND
#define FIND(name, ...) *(void **)&c->name = dlsym(library, #name);
  NEWER(FIND)
#undef FIND
  *out = c;
  return NULL;
}

outcome cuda_start(cuda *c, int ordinal, int *count, device *d) {
  TRY(c, cuInit, 0);
  TRY(c, cuDriverGetVersion, &d->driver);
  TRY(c, cuDeviceGetCount, count);
  if (ordinal >= *count) return done_well;
  TRY(c, cuDeviceGet, &c->device, ordinal);
  TRY(c, cuDeviceGetName, d->name, sizeof d->name, c->device);
  TRY(c, cuDeviceTotalMem_v2, &d->memory, c->device);
  TRY(c, cuDeviceGetAttribute, &d->major, attribute_major, c->device);
  TRY(c, cuDeviceGetAttribute, &d->minor, attribute_minor, c->device);
  TRY(c, cuDeviceGetAttribute, &d->multiprocessors, attribute_multiprocessors, c->device);
  TRY(c, cuDeviceGetAttribute, &d->shared, attribute_shared, c->device);
  TRY(c, cuDevicePrimaryCtxRetain, &c->context, c->device);
  ENTER(c);
  TRY(c, cuStreamCreate, &c->stream, stream_non_blocking);
  return done_well;
}

outcome cuda_close(cuda *c) {
  outcome o = done_well;
  int code;
  if (c->stream && (code = c->cuCtxSetCurrent(c->context))) o = (outcome){code, "cuCtxSetCurrent"};
  if (c->stream && (code = c->cuStreamDestroy_v2(c->stream))) o = (outcome){code, "cuStreamDestroy_v2"};
  if (c->context && (code = c->cuDevicePrimaryCtxRelease_v2(c->device)))
    o = (outcome){code, "cuDevicePrimaryCtxRelease_v2"};
  free(c);  // the library stays: drivers do not expect to be unloaded
  return o;
}

void cuda_explain(cuda *c, int code, const char **name, const char **sentence) {
  if (c->cuGetErrorName(code, name)) *name = NULL;
  if (c->cuGetErrorString(code, sentence)) *sentence = NULL;
}

outcome cuda_enter(cuda *c) {
  ENTER(c);
  return done_well;
}

outcome cuda_free_memory(cuda *c, size_t *bytes) {
  size_t all;
  ENTER(c);
  TRY(c, cuMemGetInfo_v2, bytes, &all);
  return done_well;
}

outcome cuda_alloc(cuda *c, size_t bytes, uint64_t *address) {
  ENTER(c);
  TRY(c, cuMemAlloc_v2, address, bytes);
  int code = c->cuMemsetD8Async(*address, 0, bytes, c->stream);
  if (!code) return done_well;
  c->cuMemFree_v2(*address);
  return (outcome){code, "cuMemsetD8Async"};
}

outcome cuda_free(cuda *c, uint64_t address) {
  ENTER(c);
  TRY(c, cuMemFree_v2, address);
  return done_well;
}

outcome cuda_alloc_host(cuda *c, size_t bytes, void **p) {
  ENTER(c);
  TRY(c, cuMemHostAlloc, p, bytes, 0);
  return done_well;
}

outcome cuda_free_host(cuda *c, void *p) {
  ENTER(c);
  TRY(c, cuMemFreeHost, p);
  return done_well;
}

outcome cuda_upload(cuda *c, uint64_t dst, const void *src, size_t bytes) {
  ENTER(c);
  TRY(c, cuMemcpyHtoDAsync_v2, dst, src, bytes, c->stream);  // src is not pinned: it is copied by now
  return done_well;
}

outcome cuda_download(cuda *c, void *dst, uint64_t src, size_t bytes) {
  ENTER(c);
  TRY(c, cuMemcpyDtoHAsync_v2, dst, src, bytes, c->stream);
  TRY(c, cuStreamSynchronize, c->stream);
  return done_well;
}

outcome cuda_synchronize(cuda *c, void *stream) {
  ENTER(c);
  TRY(c, cuStreamSynchronize, stream ? stream : c->stream);
  return done_well;
}

outcome cuda_copy_stream(cuda *c, void **stream) {
  ENTER(c);
  TRY(c, cuStreamCreate, stream, stream_non_blocking);
  return done_well;
}

outcome cuda_free_stream(cuda *c, void *stream) {
  ENTER(c);
  TRY(c, cuStreamDestroy_v2, stream);
  return done_well;
}

outcome cuda_mark(cuda *c, void *stream, void *event) {
  ENTER(c);
  TRY(c, cuEventRecord, event, stream ? stream : c->stream);
  return done_well;
}

outcome cuda_follow(cuda *c, void *stream, void *event) {
  ENTER(c);
  TRY(c, cuStreamWaitEvent, stream ? stream : c->stream, event, 0);
  return done_well;
}

outcome cuda_copy_back(cuda *c, void *stream, void *dst, uint64_t src, size_t bytes) {
  ENTER(c);
  TRY(c, cuMemcpyDtoHAsync_v2, dst, src, bytes, stream);
  return done_well;
}

outcome cuda_event(cuda *c, void **event) {
  ENTER(c);
  TRY(c, cuEventCreate, event, event_disable_timing);
  return done_well;
}

outcome cuda_free_event(cuda *c, void *event) {
  ENTER(c);
  TRY(c, cuEventDestroy_v2, event);
  return done_well;
}

outcome cuda_wait(cuda *c, void *event) {
  ENTER(c);
  TRY(c, cuEventSynchronize, event);
  return done_well;
}

outcome cuda_module(cuda *c, const void *image, void **module) {
  ENTER(c);
  TRY(c, cuModuleLoadData, module, image);
  return done_well;
}

outcome cuda_free_module(cuda *c, void *module) {
  ENTER(c);
  TRY(c, cuModuleUnload, module);
  return done_well;
}

outcome cuda_function(cuda *c, void *module, const char *name, unsigned shared, void **function) {
  ENTER(c);
  TRY(c, cuModuleGetFunction, function, module, name);
  if (shared > 48 << 10) TRY(c, cuFuncSetAttribute, *function, function_shared, (int)shared);
  return done_well;
}

int cuda_has_tensor_maps(const cuda *c) { return c->cuTensorMapEncodeTiled != NULL; }

outcome cuda_tensor_map(cuda *c, uint64_t at, uint64_t rows, uint64_t cols, uint64_t stride, unsigned box_rows,
                        tensor_map *out) {
  enum { type_bf16 = 9, interleave_none = 0, swizzle_128 = 3, promote_128 = 2, fill_zero = 0 };
  _Alignas(64) tensor_map map;
  const uint64_t size[] = {cols, rows};
  const unsigned box[] = {64, box_rows}, step[] = {1, 1};
  ENTER(c);
  TRY(c, cuTensorMapEncodeTiled, &map, type_bf16, 2, (void *)at, size, &stride, box, step, interleave_none, swizzle_128,
      promote_128, fill_zero);
  *out = map;
  return done_well;
}

// start starts n launches, or adds them to what is captured. done says how many.
static outcome start(cuda *c, const launch *list, int n, const uint8_t *args, int *done) {
  for (*done = 0; *done < n; ++*done) {
    const launch *l = &list[*done];
    if (l->product) {
      outcome o = cublaslt_multiply(l->product, (const library_call *)(args + l->args), c->stream);
      if (o.code) return o;
      continue;
    }
    size_t size = l->size;
    // The driver compares the size with that of the kernel's parameters.
    void *extra[] = {(void *)1, (void *)(args + l->args), (void *)2, &size, NULL};
    TRY(c, cuLaunchKernel, l->function, l->blocks, 1, 1, l->threads, 1, 1, l->shared, c->stream, NULL, extra);
  }
  return done_well;
}

outcome cuda_run(cuda *c, const launch *list, int n, const uint8_t *args, void *graph, uint64_t to, const void *from,
                 size_t payload, void *event, int *done) {
  *done = -1;
  ENTER(c);
  if (payload) TRY(c, cuMemcpyHtoDAsync_v2, to, from, payload, c->stream);
  if (graph) {
    TRY(c, cuGraphLaunch, graph, c->stream);
    *done = n;
  } else {
    outcome o = start(c, list, n, args, done);
    if (o.code) return o;
  }
  TRY(c, cuEventRecord, event, c->stream);
  return done_well;
}

int cuda_has_graphs(const cuda *c) {
  return c->cuStreamBeginCapture_v2 && c->cuStreamEndCapture && c->cuGraphInstantiateWithFlags && c->cuGraphLaunch &&
         c->cuGraphExecDestroy && c->cuGraphDestroy;
}

outcome cuda_capture(cuda *c, const launch *list, int n, const uint8_t *args, void **graph) {
  enum { capture_of_thread = 1 };
  void *captured = NULL, *ready = NULL;
  int done, code;
  ENTER(c);
  TRY(c, cuStreamBeginCapture_v2, c->stream, capture_of_thread);
  outcome o = start(c, list, n, args, &done);
  code = c->cuStreamEndCapture(c->stream, &captured);  // after a failure, too: the stream must not go on capturing
  if (!o.code && code) o = (outcome){code, "cuStreamEndCapture"};
  if (!o.code && (code = c->cuGraphInstantiateWithFlags(&ready, captured, 0)))
    o = (outcome){code, "cuGraphInstantiateWithFlags"};
  if (captured && (code = c->cuGraphDestroy(captured)) && !o.code) o = (outcome){code, "cuGraphDestroy"};
  if (o.code && ready) c->cuGraphExecDestroy(ready);
  if (!o.code) *graph = ready;
  return o;
}

outcome cuda_free_graph(cuda *c, void *graph) {
  ENTER(c);
  TRY(c, cuGraphExecDestroy, graph);
  return done_well;
}
