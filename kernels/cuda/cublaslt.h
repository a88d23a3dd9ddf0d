// cublasLt, NVIDIA's library for products, found at run time.
#pragma once
#include "driver.h"

typedef struct cublaslt cublaslt;

// cublaslt_load loads a library. It returns why it cannot, or null.
const char *cublaslt_load(cublaslt **l, const char *path);
outcome cublaslt_open(cublaslt *l, cuda *c);
outcome cublaslt_close(cublaslt *l, cuda *c);

// A library_shape is of a product y = x·wᵀ, with w [n, k], or x·w, with w [k, n]: y [m, n], x [m, k], all rows
// strides apart, x and w of bf16.
typedef struct {
  int transposed;    // w is [n, k]
  int bf16;          // y is; else it is f32
  uint64_t m, n, k;
  int64_t y, x, w;   // strides, in elements
} library_shape;

// A library_product is how the library computes products of a shape: by an algorithm.
typedef struct library_product library_product;
typedef struct {
  uint64_t opaque[8];
} library_algorithm;

// cublaslt_product asks the library how it computes products of a shape, without a workspace and with sums in one
// piece, or takes the algorithm if there is one. p is null if there is no way.
outcome cublaslt_product(cublaslt *l, cuda *c, const library_shape *s, const library_algorithm *algorithm,
                         library_product **p);
library_algorithm cublaslt_algorithm(const library_product *p);
void cublaslt_free_product(library_product *p);

// A library_call is what a launch of a product has as arguments: addresses, and what y is multiplied by before the
// product is added.
typedef struct {
  uint64_t y, x, w;
  float beta;
  int unused;
} library_call;

outcome cublaslt_multiply(const library_product *p, const library_call *call, void *stream);
