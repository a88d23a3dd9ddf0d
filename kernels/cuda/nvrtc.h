// NVRTC, the compiler of kernels, found at run time.
#pragma once
#include <stddef.h>

typedef struct nvrtc nvrtc;

// nvrtc_load loads a library. It returns why it cannot, or null.
const char *nvrtc_load(nvrtc **n, const char *path, int *major, int *minor);
void nvrtc_close(nvrtc *n);

// nvrtc_compile compiles source, which may include the headers, and returns 0 and the image, or the
// code of the call that failed. What the compiler says is in log. The caller frees image and log.
int nvrtc_compile(nvrtc *n, const char *name, const char *source, int headers, const char *const *texts,
                  const char *const *names, int options, const char *const *option, char **image, size_t *size,
                  char **log);
const char *nvrtc_explain(nvrtc *n, int code);
