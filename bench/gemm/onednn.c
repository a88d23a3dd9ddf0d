//go:build peers && cgo && linux

// oneDNN through its C interface, which changed between versions 2 and 3: descriptors that the
// caller held became objects of the library. A view holds either, and a pointer to it serves every
// call after its making in both versions.

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

#include "peers.h"

// Constants of the interface, equal in both versions.
enum {
	CPU = 1,
	IN_ORDER = 1,
	BF16 = 2,
	F32 = 3,
	TAG_ANY = 1,
	KERNEL_NAME = 8,   // a query of a primitive descriptor
	WEIGHTS_VIEW = 131, // likewise
	ARG_SRC = 1,
	ARG_DST = 17,
	ARG_WEIGHTS = 33,
};

typedef void *handle;

typedef struct {
	int arg;
	handle memory;
} argument;

typedef struct {
	int major, minor, patch;
} version;

typedef struct {
	void *md; // what the library calls a memory descriptor
	_Alignas(16) char room[4096]; // where version 2 wants it, more than it takes
} view;

struct onednn {
	handle engine, stream;
	int v3;

	const version *(*version)(void);
	int (*engine_create)(handle *engine, int kind, size_t index);
	int (*stream_create)(handle *stream, handle engine, unsigned flags);
	int (*stream_wait)(handle stream);
	// The first argument is the view's memory in version 2, the place for a pointer in version 3.
	int (*view_strided)(void *md, int dims, const int64_t *size, int type, const int64_t *strides);
	int (*view_tagged)(void *md, int dims, const int64_t *size, int type, int tag);
	int (*view_destroy)(void *md); // version 3
	int (*matmul_init)(void *op, const void *src, const void *weights, const void *bias, const void *dst); // version 2
	int (*op_describe)(handle *pd, const void *op, handle attr, handle engine, handle hint); // version 2
	int (*matmul_describe)(handle *pd, handle engine, const void *src, const void *weights, const void *bias,
		const void *dst, handle attr); // version 3
	int (*reorder_describe)(handle *pd, const void *src, handle src_engine, const void *dst, handle dst_engine, handle attr);
	const void *(*query_view)(handle pd, int what, int index);
	int (*query)(handle pd, int what, int index, void *result);
	int (*pd_destroy)(handle pd);
	int (*primitive_create)(handle *primitive, handle pd);
	int (*primitive_execute)(handle primitive, handle stream, int n, const argument *args);
	int (*primitive_destroy)(handle primitive);
	size_t (*view_size)(const void *md);
	int (*memory_create)(handle *memory, const void *md, handle engine, void *data);
	int (*memory_destroy)(handle memory);
};

onednn *onednn_open(void *library, const char **why)
{
	onednn *d = calloc(1, sizeof *d);
	if (!d) {
		*why = "out of memory";
		return NULL;
	}
	*why = NULL;
#define FIND(field, name) \
	if (!(*(void **)&d->field = dlsym(library, name))) \
		*why = "it has no " name
	FIND(version, "dnnl_version");
	if (*why)
		goto fail;
	d->v3 = d->version()->major >= 3;
	FIND(engine_create, "dnnl_engine_create");
	FIND(stream_create, "dnnl_stream_create");
	FIND(stream_wait, "dnnl_stream_wait");
	FIND(reorder_describe, "dnnl_reorder_primitive_desc_create");
	FIND(query_view, "dnnl_primitive_desc_query_md");
	FIND(query, "dnnl_primitive_desc_query");
	FIND(pd_destroy, "dnnl_primitive_desc_destroy");
	FIND(primitive_create, "dnnl_primitive_create");
	FIND(primitive_execute, "dnnl_primitive_execute");
	FIND(primitive_destroy, "dnnl_primitive_destroy");
	FIND(view_size, "dnnl_memory_desc_get_size");
	FIND(memory_create, "dnnl_memory_create");
	FIND(memory_destroy, "dnnl_memory_destroy");
	if (d->v3) {
		FIND(view_strided, "dnnl_memory_desc_create_with_strides");
		FIND(view_tagged, "dnnl_memory_desc_create_with_tag");
		FIND(view_destroy, "dnnl_memory_desc_destroy");
		FIND(matmul_describe, "dnnl_matmul_primitive_desc_create");
	} else {
		FIND(view_strided, "dnnl_memory_desc_init_by_strides");
		FIND(view_tagged, "dnnl_memory_desc_init_by_tag");
		FIND(matmul_init, "dnnl_matmul_desc_init");
		FIND(op_describe, "dnnl_primitive_desc_create");
	}
#undef FIND
	if (*why)
		goto fail;
	if (d->engine_create(&d->engine, CPU, 0) || d->stream_create(&d->stream, d->engine, IN_ORDER)) {
		*why = "it has no engine for this processor";
		goto fail;
	}
	return d;
fail:
	free(d);
	return NULL;
}

void onednn_version(const onednn *d, int *major, int *minor, int *patch)
{
	const version *v = d->version();
	*major = v->major, *minor = v->minor, *patch = v->patch;
}

// look makes a view of a matrix of rows × cols, stored transposed or not; tagged any instead, it
// leaves the layout to the library.
static int look(const onednn *d, view *v, int type, int64_t rows, int64_t cols, int transposed, int any)
{
	int64_t size[2] = {rows, cols};
	int64_t strides[2] = {transposed ? 1 : cols, transposed ? rows : 1};
	void *where = d->v3 ? (void *)&v->md : v->room;
	int status = any ? d->view_tagged(where, 2, size, type, TAG_ANY) : d->view_strided(where, 2, size, type, strides);
	if (status)
		v->md = NULL;
	else if (!d->v3)
		v->md = v->room;
	return status;
}

static void look_away(const onednn *d, view *v)
{
	if (d->v3 && v->md)
		d->view_destroy(v->md);
}

struct matmul {
	const onednn *d;
	handle pd, primitive;
	argument args[3]; // A, B, C
	void *packed;     // the copy of B
};

// describe plans the product for its views.
static int describe(const onednn *d, handle *pd, const view *a, const view *b, const view *c)
{
	if (d->v3)
		return d->matmul_describe(pd, d->engine, a->md, b->md, NULL, c->md, NULL);
	_Alignas(16) char op[16384]; // more than the operation's descriptor of version 2 takes
	int status = d->matmul_init(op, a->md, b->md, NULL, c->md);
	return status ? status : d->op_describe(pd, op, NULL, d->engine, NULL);
}

// pack copies b, as plain says it lies, to p->packed in the layout of the plan.
static int pack(matmul *p, const view *plain, const void *b)
{
	const onednn *d = p->d;
	const void *layout = d->query_view(p->pd, WEIGHTS_VIEW, 0);
	if (!layout)
		return 1;
	size_t size = (d->view_size(layout) + 63) / 64 * 64;
	handle pd = NULL, reorder = NULL, from = NULL;
	int status = !(p->packed = aligned_alloc(64, size)) ||
		d->memory_create(&p->args[1].memory, layout, d->engine, p->packed) ||
		d->memory_create(&from, plain->md, d->engine, (void *)b) ||
		d->reorder_describe(&pd, plain->md, d->engine, layout, d->engine, NULL) ||
		d->primitive_create(&reorder, pd) ||
		d->primitive_execute(reorder, d->stream, 2, (argument[]){{ARG_SRC, from}, {ARG_DST, p->args[1].memory}}) ||
		d->stream_wait(d->stream);
	if (reorder)
		d->primitive_destroy(reorder);
	if (pd)
		d->pd_destroy(pd);
	if (from)
		d->memory_destroy(from);
	return status;
}

matmul *matmul_new(const onednn *d, int64_t m, int64_t k, int64_t n, int trans_a, int trans_b,
	int bf16, int packed, const void *a, const void *b, float *c, const char **why)
{
	*why = "out of memory";
	matmul *p = calloc(1, sizeof *p);
	view *v = calloc(4, sizeof *v);
	if (!p || !v)
		goto fail;
	int type = bf16 ? BF16 : F32;
	view *va = v, *vb = v + 1, *vc = v + 2, *any = v + 3;
	p->d = d;
	p->args[0].arg = ARG_SRC, p->args[1].arg = ARG_WEIGHTS, p->args[2].arg = ARG_DST;
	*why = "it rejects the matrices";
	if (look(d, va, type, m, k, trans_a, 0) || look(d, vb, type, k, n, trans_b, 0) ||
		look(d, vc, F32, m, n, 0, 0) || packed && look(d, any, type, k, n, 0, 1))
		goto fail;
	*why = "it has no kernel for the product";
	if (describe(d, &p->pd, va, packed ? any : vb, vc) || d->primitive_create(&p->primitive, p->pd))
		goto fail;
	*why = "it cannot hold the matrices";
	if (d->memory_create(&p->args[0].memory, va->md, d->engine, (void *)a) ||
		d->memory_create(&p->args[2].memory, vc->md, d->engine, c))
		goto fail;
	if (packed ? pack(p, vb, b) : d->memory_create(&p->args[1].memory, vb->md, d->engine, (void *)b))
		goto fail;
	*why = NULL;
fail:
	for (int i = 0; v && i < 4; i++)
		look_away(d, &v[i]);
	free(v);
	if (*why) {
		matmul_free(p);
		return NULL;
	}
	return p;
}

const char *matmul_kernel(const matmul *p)
{
	const char *name = NULL;
	return p->d->query(p->pd, KERNEL_NAME, 0, &name) || !name ? "" : name;
}

int matmul_run(const matmul *p)
{
	int status = p->d->primitive_execute(p->primitive, p->d->stream, 3, p->args);
	return status ? status : p->d->stream_wait(p->d->stream);
}

void matmul_free(matmul *p)
{
	if (!p)
		return;
	for (int i = 0; i < 3; i++)
		if (p->args[i].memory)
			p->d->memory_destroy(p->args[i].memory);
	if (p->primitive)
		p->d->primitive_destroy(p->primitive);
	if (p->pd)
		p->d->pd_destroy(p->pd);
	free(p->packed);
	free(p);
}
