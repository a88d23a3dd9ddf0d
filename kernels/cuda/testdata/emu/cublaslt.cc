// A libcublasLt.so: the entry points that the backend uses, for the products that it asks for. They are computed
// by the kernels that any product can be computed by.
#include "entry.h"

#include "product.h"

enum { kNotSupported = 15, kF32Data = 0, kBF16Data = 14, kComputeF32 = 68 };

struct Operation {
  i32 transpose = 0;
};
struct Layout {
  int type;
  u64 rows, cols;
  i64 stride;
};
struct Algorithm {
  u64 opaque[8];
};
struct Guess {
  Algorithm algorithm;
  size_t workspace;
  int status;
  float waves;
  int reserved[4];
};
struct Preference {
  u32 reductions = ~0u, alignment[4] = {256, 256, 256, 256};
};

ENTRY(cublasLtCreate, void** handle) {
  ENTER(true);
  *handle = made(new int);
  return kSuccess;
}
ENTRY(cublasLtDestroy, int* handle) {
  ENTER(true);
  return unmade(handle);
}
ENTRY(cublasLtMatmulDescCreate, Operation** o, int compute, int scale) {
  ENTER(true);
  if (compute != kComputeF32 || scale != kF32Data) return kNotSupported;
  *o = made(new Operation);
  return kSuccess;
}
ENTRY(cublasLtMatmulDescSetAttribute, Operation* o, int attribute, const void* value, size_t bytes) {
  ENTER(true);
  if (attribute != 3 || bytes != sizeof o->transpose) return kInvalidValue;
  memcpy(&o->transpose, value, bytes);
  return kSuccess;
}
ENTRY(cublasLtMatmulDescDestroy, Operation* o) { return unmade(o); }
ENTRY(cublasLtMatrixLayoutCreate, Layout** l, int type, u64 rows, u64 cols, i64 stride) {
  ENTER(true);
  if ((type != kF32Data && type != kBF16Data) || !rows || !cols || stride < (i64)rows) return kInvalidValue;
  *l = made(new Layout{type, rows, cols, stride});
  return kSuccess;
}
ENTRY(cublasLtMatrixLayoutDestroy, Layout* l) { return unmade(l); }
ENTRY(cublasLtMatmulPreferenceCreate, Preference** p) {
  ENTER(true);
  *p = made(new Preference);
  return kSuccess;
}
ENTRY(cublasLtMatmulPreferenceSetAttribute, Preference* p, int attribute, const void* value, size_t bytes) {
  ENTER(true);
  if (bytes != 4 || (attribute != 3 && (attribute < 5 || attribute > 8))) return kInvalidValue;
  memcpy(attribute == 3 ? &p->reductions : &p->alignment[attribute - 5], value, bytes);
  return kSuccess;
}
ENTRY(cublasLtMatmulPreferenceDestroy, Preference* p) { return unmade(p); }

// The algorithm is a number; one that splits sums is offered where nothing forbids it.
ENTRY(cublasLtMatmulAlgoGetHeuristic, void*, Operation* o, Layout* a, Layout* b, Layout* c, Layout* d, Preference* p,
      int most, Guess* g, int* n) {
  ENTER(true);
  if (most < 1 || c != d) return kInvalidValue;
  *n = 0;
  if (driver.library == 0) return kNotSupported;
  *g = Guess{};
  g->algorithm.opaque[0] = p->reductions ? 2 : 1;
  *n = 1;
  return kSuccess;
}
ENTRY(cublasLtMatmulAlgoConfigGetAttribute, const Algorithm* a, int attribute, void* value, size_t bytes, size_t* n) {
  ENTER(true);
  if (attribute != 2 || bytes != 4) return kInvalidValue;
  u32 splits = (u32)a->opaque[0];
  memcpy(value, &splits, *n = bytes);
  return kSuccess;
}

static Mat matrix(const Layout& l, const void* at) {
  return Mat{(u64)at, l.stride, (i32)l.cols, (i32)l.rows, l.type == kBF16Data ? kBF16 : kF32, 0, 0, 0};
}

ENTRY(cublasLtMatmul, void*, Operation* o, const float* alpha, const void* a, Layout* la, const void* b, Layout* lb,
      const float* beta, const void* c, Layout* lc, void* d, Layout* ld, const Algorithm* algorithm, void*,
      size_t workspace, Stream* s) {
  ENTER(true);
  const u64 k = lb->rows, n = ld->rows, m = ld->cols;
  if (*alpha != 1 || (*beta != 0 && *beta != 1) || c != d || lc != ld || workspace || algorithm->opaque[0] != 1 ||
      lb->cols != m || la->rows != (o->transpose ? k : n) || la->cols != (o->transpose ? n : k))
    return kInvalidValue;
  if ((u64)a % 16 || (u64)b % 16 || (u64)d % 16) return kInvalidValue;
  if (k > (u64)kProductRun) return kNotSupported;  // lest an order of its own is taken for that of the kernels
  ProductArgs p{};
  p.y = matrix(*ld, d), p.a = matrix(*lb, b), p.b = matrix(*la, a);
  p.m = (i32)m, p.n = (i32)n, p.k = (i32)k;
  p.down = (p.m + 63) / 64, p.across = (p.n + 63) / 64, p.blocks = p.down * p.across;
  p.acc = *beta == 1;
  const emu::Kernel* kernel = emu::find_kernel(o->transpose ? "matmul_ragged" : "matmul_grad_x_ragged");
  return push(s, [=, model = driver.library] {
    const int tensor = emu::settings.tensor;
    emu::settings.tensor = model;
    run_kernel(*kernel, (u32)p.blocks, 128, 3 * 128 * 32 * 2, std::string((const char*)&p, sizeof p));
    emu::settings.tensor = tensor;
  });
}
