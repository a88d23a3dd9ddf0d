// The CUDA driver, found at run time, and one device of it.
#pragma once
#include <stddef.h>
#include <stdint.h>

// A cuda is a loaded driver with the context and the stream of a device. The functions below set the
// context first: contexts belong to threads, and goroutines move between them.
typedef struct cuda cuda;

// An outcome is what a call of the driver returned, 0 if all went well, and the call.
typedef struct {
  int code;
  const char *call;
} outcome;

// A device is what the driver says of a device.
typedef struct {
  char name[128];
  int driver;                // version, 1000 * major + 10 * minor
  int major, minor;          // compute capability
  int multiprocessors;
  int shared;                // bytes of shared memory that a block may have
  size_t memory;             // bytes
} device;

// A launch runs a kernel in blocks of threads, or a product of cublasLt. Its arguments lie at an offset of a block
// of them.
typedef struct {
  void *function;
  void *product;  // a library_product
  size_t args, size;
  unsigned blocks, threads, shared;
} launch;

// cuda_load loads a library. It returns why it cannot, or null.
const char *cuda_load(cuda **c, const char *path);
// cuda_start opens the device of that number, if there is one: count says how many there are.
outcome cuda_start(cuda *c, int ordinal, int *count, device *d);
// cuda_close gives everything back.
outcome cuda_close(cuda *c);
// cuda_explain returns the driver's name and sentence for a code.
void cuda_explain(cuda *c, int code, const char **name, const char **sentence);

// cuda_enter sets the context, for libraries beside the driver.
outcome cuda_enter(cuda *c);
outcome cuda_free_memory(cuda *c, size_t *bytes);
// cuda_alloc allocates memory of zeros.
outcome cuda_alloc(cuda *c, size_t bytes, uint64_t *address);
outcome cuda_free(cuda *c, uint64_t address);
// cuda_alloc_host allocates host memory that the device can copy from while the host goes on.
outcome cuda_alloc_host(cuda *c, size_t bytes, void **p);
outcome cuda_free_host(cuda *c, void *p);

// cuda_upload returns when src may be overwritten, cuda_download when dst is filled.
outcome cuda_upload(cuda *c, uint64_t dst, const void *src, size_t bytes);
outcome cuda_download(cuda *c, void *dst, uint64_t src, size_t bytes);

// cuda_copy_stream makes a stream that runs beside that of launches.
outcome cuda_copy_stream(cuda *c, void **stream);
outcome cuda_free_stream(cuda *c, void *stream);
// cuda_synchronize waits for a stream, null being that of launches. cuda_mark records an event in one, and
// cuda_follow has one wait for an event.
outcome cuda_synchronize(cuda *c, void *stream);
outcome cuda_mark(cuda *c, void *stream, void *event);
outcome cuda_follow(cuda *c, void *stream, void *event);
// cuda_copy_back copies to the host, in the order of a stream.
outcome cuda_copy_back(cuda *c, void *stream, void *dst, uint64_t src, size_t bytes);

outcome cuda_event(cuda *c, void **event);
outcome cuda_free_event(cuda *c, void *event);
outcome cuda_wait(cuda *c, void *event);

outcome cuda_module(cuda *c, const void *image, void **module);
outcome cuda_free_module(cuda *c, void *module);
// cuda_function finds a kernel that will have up to shared bytes of shared memory.
outcome cuda_function(cuda *c, void *module, const char *name, unsigned shared, void **function);

// A tensor_map describes a matrix to the bulk copies of an sm_90.
typedef struct {
  uint64_t opaque[16];
} tensor_map;

// cuda_tensor_map describes a matrix of bf16, whose rows are stride bytes apart, in boxes of box_rows rows and
// 64 columns that are permuted with a swizzle of 128 bytes. Drivers before CUDA 12 have no tensor maps.
int cuda_has_tensor_maps(const cuda *c);
outcome cuda_tensor_map(cuda *c, uint64_t at, uint64_t rows, uint64_t cols, uint64_t stride, unsigned box_rows,
                        tensor_map *out);

// cuda_run copies payload bytes from host memory that stays as it is until event has happened, and
// starts n launches: one by one, or by the graph of them if there is one. done says how many have started.
outcome cuda_run(cuda *c, const launch *list, int n, const uint8_t *args, void *graph, uint64_t to, const void *from,
                 size_t payload, void *event, int *done);

// cuda_capture makes a graph of n launches, none of which it starts. Drivers before CUDA 11.4 have no graphs.
int cuda_has_graphs(const cuda *c);
outcome cuda_capture(cuda *c, const launch *list, int n, const uint8_t *args, void **graph);
outcome cuda_free_graph(cuda *c, void *graph);
