//go:build cuda && cgo && linux

#include "cublaslt.h"

#include <dlfcn.h>
#include <stdlib.h>

// A guess is cublasLtMatmulHeuristicResult_t.
typedef struct {
  library_algorithm algorithm;
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
} guess;

#define ENTRIES(E)                                                                                              \
  E(cublasLtCreate, void **)                                                                                    \
  E(cublasLtDestroy, void *)                                                                                    \
  E(cublasLtMatmulDescCreate, void **, int, int)                                                                \
  E(cublasLtMatmulDescSetAttribute, void *, int, const void *, size_t)                                          \
  E(cublasLtMatmulDescDestroy, void *)                                                                          \
  E(cublasLtMatrixLayoutCreate, void **, int, uint64_t, uint64_t, int64_t)                                      \
  E(cublasLtMatrixLayoutDestroy, void *)                                                                        \
  E(cublasLtMatmulPreferenceCreate, void **)                                                                    \
  E(cublasLtMatmulPreferenceSetAttribute, void *, int, const void *, size_t)                                    \
  E(cublasLtMatmulPreferenceDestroy, void *)                                                                    \
  E(cublasLtMatmulAlgoGetHeuristic, void *, void *, void *, void *, void *, void *, void *, int, guess *, int *) \
  E(cublasLtMatmulAlgoConfigGetAttribute, const library_algorithm *, int, void *, size_t, size_t *)             \
  E(cublasLtMatmul, void *, void *, const void *, const void *, void *, const void *, void *, const void *,     \
    const void *, void *, void *, void *, const library_algorithm *, void *, size_t, void *)

struct cublaslt {
#define FIELD(name, ...) int (*name)(__VA_ARGS__);
  ENTRIES(FIELD)
#undef FIELD
  void *handle;
};

struct library_product {
  cublaslt *l;
  library_algorithm algorithm;
  void *operation, *y, *x, *w;
};

enum {
  type_f32 = 0,
  type_bf16 = 14,
  compute_f32 = 68,
  operation_transpose_a = 3,
  preference_reductions = 3,
  preference_alignment_a = 5,  // and of b, c and d after it
  algorithm_splits = 2,
  not_supported = 15,
  least_alignment = 16,
};

// TRY returns from the function if a call of the library fails.
#define TRY(l, name, ...)                                       \
  do {                                                          \
    int code = (l)->name(__VA_ARGS__);                          \
    if (code) return (outcome){code, #name};                    \
  } while (0)

#define ENTER(c)                                                \
  do {                                                          \
    outcome entered = cuda_enter(c);                            \
    if (entered.code) return entered;                           \
  } while (0)

static const outcome done_well = {0, NULL};

const char *cublaslt_load(cublaslt **out, const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return dlerror();
  cublaslt *l = calloc(1, sizeof *l);
  if (!l) return "no memory";
#define FIND(name, ...)                                         \
  if (!(*(void **)&l->name = dlsym(library, #name))) {          \
    free(l);                                                    \
    return "it has no " #name;                                  \
  }
  ENTRIES(FIND)
#undef FIND
  *out = l;
  return NULL;
}

outcome cublaslt_open(cublaslt *l, cuda *c) {
  ENTER(c);
  TRY(l, cublasLtCreate, &l->handle);
  return done_well;
}

outcome cublaslt_close(cublaslt *l, cuda *c) {
  outcome o = done_well;
  if (l->handle && !(o = cuda_enter(c)).code) {
    int code = l->cublasLtDestroy(l->handle);
    if (code) o = (outcome){code, "cublasLtDestroy"};
  }
  free(l);
  return o;
}

// describe describes a product to the library, whose matrices lie by columns: it computes yᵀ.
static outcome describe(cublaslt *l, const library_shape *s, library_product *p) {
  const int transpose = s->transposed;
  TRY(l, cublasLtMatmulDescCreate, &p->operation, compute_f32, type_f32);
  TRY(l, cublasLtMatmulDescSetAttribute, p->operation, operation_transpose_a, &transpose, sizeof transpose);
  TRY(l, cublasLtMatrixLayoutCreate, &p->w, type_bf16, transpose ? s->k : s->n, transpose ? s->n : s->k, s->w);
  TRY(l, cublasLtMatrixLayoutCreate, &p->x, type_bf16, s->k, s->m, s->x);
  TRY(l, cublasLtMatrixLayoutCreate, &p->y, s->bf16 ? type_bf16 : type_f32, s->n, s->m, s->y);
  return done_well;
}

// choose asks for an algorithm. found says whether there is one.
static outcome choose(cublaslt *l, library_product *p, void *preference, int *found) {
  const uint32_t none = 0, alignment = least_alignment;
  guess g;
  uint32_t splits;
  size_t written;
  TRY(l, cublasLtMatmulPreferenceSetAttribute, preference, preference_reductions, &none, sizeof none);
  for (int i = 0; i < 4; i++)
    TRY(l, cublasLtMatmulPreferenceSetAttribute, preference, preference_alignment_a + i, &alignment, sizeof alignment);
  int code = l->cublasLtMatmulAlgoGetHeuristic(l->handle, p->operation, p->w, p->x, p->y, p->y, preference, 1, &g,
                                               found);
  if (code == not_supported) *found = 0;
  else if (code) return (outcome){code, "cublasLtMatmulAlgoGetHeuristic"};
  if (!*found) return done_well;
  TRY(l, cublasLtMatmulAlgoConfigGetAttribute, &g.algorithm, algorithm_splits, &splits, sizeof splits, &written);
  *found = !g.status && !g.workspace && splits <= 1;
  p->algorithm = g.algorithm;
  return done_well;
}

outcome cublaslt_product(cublaslt *l, cuda *c, const library_shape *s, const library_algorithm *algorithm,
                         library_product **out) {
  *out = NULL;
  ENTER(c);
  library_product *p = calloc(1, sizeof *p);
  if (!p) return done_well;
  p->l = l;
  int found = 1;
  outcome o = describe(l, s, p);
  if (!o.code && algorithm) p->algorithm = *algorithm;
  if (!o.code && !algorithm) {
    void *preference = NULL;
    int code = l->cublasLtMatmulPreferenceCreate(&preference);
    o = code ? (outcome){code, "cublasLtMatmulPreferenceCreate"} : choose(l, p, preference, &found);
    if (preference) l->cublasLtMatmulPreferenceDestroy(preference);
  }
  if (o.code || !found) cublaslt_free_product(p);
  else *out = p;
  return o;
}

library_algorithm cublaslt_algorithm(const library_product *p) { return p->algorithm; }

void cublaslt_free_product(library_product *p) {
  if (p->operation) p->l->cublasLtMatmulDescDestroy(p->operation);
  void *layouts[] = {p->y, p->x, p->w};
  for (int i = 0; i < 3; i++)
    if (layouts[i]) p->l->cublasLtMatrixLayoutDestroy(layouts[i]);
  free(p);
}

outcome cublaslt_multiply(const library_product *p, const library_call *call, void *stream) {
  const float one = 1;
  void *y = (void *)call->y;
  TRY(p->l, cublasLtMatmul, p->l->handle, p->operation, &one, (void *)call->w, p->w, (void *)call->x, p->x, &call->beta,
      y, p->y, y, p->y, &p->algorithm, NULL, 0, stream);
  return done_well;
}
