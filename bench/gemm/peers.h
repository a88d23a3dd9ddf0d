// Thin calls into libraries that are opened at run time, with prototypes of our own, so that a
// build needs none of their headers.

#include <stdint.h>

// C = op(A)·op(B) through cblas_sgemm, which OpenBLAS and BLIS export alike.
void blas_sgemm(void *sgemm, int trans_a, int trans_b, int m, int n, int k,
	const float *a, int lda, const float *b, int ldb, float *c, int ldc);

// Calls of functions that set or tell something, by prototype.
void call_int(void *f, int n);
void call_int64(void *f, int64_t n);
const char *call_string(void *f);

// blis_kernels is the name that BLIS gives to its kernels for this processor.
const char *blis_kernels(void *init, void *arch_query_id, void *arch_string);

// oneDNN, versions 2 and 3.
typedef struct onednn onednn;
typedef struct matmul matmul;

// onednn_open takes the functions it needs from a library opened with dlopen. On failure it
// returns NULL and a reason.
onednn *onednn_open(void *library, const char **why);
void onednn_version(const onednn *d, int *major, int *minor, int *patch);

// matmul_new prepares C = op(A)·op(B), where trans_a and trans_b say what is stored transposed, A
// and B are bf16 or f32 and C is f32. Where packed, B is copied to the layout that oneDNN prefers.
// The number of threads in force is that of the preparation and of every run. On failure it
// returns NULL and a reason.
matmul *matmul_new(const onednn *d, int64_t m, int64_t k, int64_t n, int trans_a, int trans_b,
	int bf16, int packed, const void *a, const void *b, float *c, const char **why);
const char *matmul_kernel(const matmul *p);
int matmul_run(const matmul *p);
void matmul_free(matmul *p);

// dpbf16 runs n steps of 24 independent VDPBF16PS and returns the operations of a step, or 0 where
// the processor or the compiler has no such instruction.
int dpbf16(long n);
