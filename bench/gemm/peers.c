//go:build peers && cgo && linux

#include "peers.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { ROW_MAJOR = 101, NO_TRANS = 111, TRANS = 112 };

typedef void sgemm_fn(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
	const float *a, int lda, const float *b, int ldb, float beta, float *c, int ldc);

void blas_sgemm(void *sgemm, int trans_a, int trans_b, int m, int n, int k,
	const float *a, int lda, const float *b, int ldb, float *c, int ldc)
{
	((sgemm_fn *)sgemm)(ROW_MAJOR, trans_a ? TRANS : NO_TRANS, trans_b ? TRANS : NO_TRANS, m, n, k,
		1, a, lda, b, ldb, 0, c, ldc);
}

void call_int(void *f, int n) { ((void (*)(int))f)(n); }
void call_int64(void *f, int64_t n) { ((void (*)(int64_t))f)(n); }
const char *call_string(void *f) { return ((const char *(*)(void))f)(); }

const char *blis_kernels(void *init, void *arch_query_id, void *arch_string)
{
	((void (*)(void))init)();
	return ((const char *(*)(int))arch_string)(((int (*)(void))arch_query_id)());
}

#if defined(__x86_64__)

enum { CHAINS = 24, LANES = 16, FLOPS = 4 }; // a lane takes two products and two sums

__attribute__((target("avx512f,avx512bf16"))) static void dpbf16_steps(long n)
{
	__m512 sum[CHAINS];
	__m512bh x = (__m512bh)_mm512_setzero_si512();
	for (int i = 0; i < CHAINS; i++)
		sum[i] = _mm512_setzero_ps();
	for (; n > 0; n--) {
#pragma GCC unroll 24
		for (int i = 0; i < CHAINS; i++) {
			sum[i] = _mm512_dpbf16_ps(sum[i], x, x);
			__asm__ volatile("" : "+v"(sum[i])); // each step counts
		}
	}
}

int dpbf16(long n)
{
	if (!__builtin_cpu_supports("avx512bf16"))
		return 0;
	dpbf16_steps(n);
	return CHAINS * LANES * FLOPS;
}

#else

int dpbf16(long n) { return 0; }

#endif
