/* The order of a checkpoint's tensors in a GGUF: that of the reference converter. */
#include <stdlib.h>
#include <string.h>

#include "view_impl.h"

/* Blocks of NVFP4 come first, with their scales; then what is made, then what is repacked otherwise, then file by file, by name within a file. A PyTorch file is a dictionary without an order,
 * and how it was split says nothing: by name over all files, so that the same weights give the same GGUF however they
 * were saved. All stacks of a layer stand where the last of them is complete, by the names of their first parts. */
struct ordered {
	const struct fmt_tensor *at;    /* NULL: made */
	bool nvfp4;                     /* in blocks, or beside them; a stack stands where it is complete itself */
	bool blocks;                    /* of MXFP4 */
	bool late;                      /* unpacked, which the reference converter does last */
	const struct fmt_tensor *first; /* part */
	bool by_file;
	uint64_t index;
};

static int compare_places(const struct fmt_tensor *a, const struct fmt_tensor *b, bool by_file)
{
	size_t n = a->name.n < b->name.n ? a->name.n : b->name.n;
	int c;

	if (by_file && a->file != b->file)
		return a->file < b->file ? -1 : 1;
	c = memcmp(a->name.p, b->name.p, n);
	return c ? c : (a->name.n > b->name.n) - (a->name.n < b->name.n);
}

static int compare(const void *pa, const void *pb)
{
	const struct ordered *a = pa, *b = pb;
	int c;

	if (a->nvfp4 != b->nvfp4)
		return a->nvfp4 ? -1 : 1;
	if (!a->at || !b->at)
		return a->at ? 1 : b->at ? -1 : a->index < b->index ? -1 : 1;
	if (a->blocks != b->blocks)
		return a->blocks ? -1 : 1;
	if (a->late != b->late)
		return a->late ? 1 : -1;
	c = compare_places(a->at, b->at, a->by_file);
	if (!c)
		c = compare_places(a->first, b->first, false);
	return c ? c : (a->index > b->index) - (a->index < b->index);
}

static const struct fmt_tensor *later(const struct fmt_tensor *a, const struct fmt_tensor *b, bool by_file)
{
	return !a || (b && compare_places(a, b, by_file) < 0) ? b : a;
}

static const struct fmt_tensor *last_part(const struct view_source *s, bool by_file)
{
	const struct fmt_tensor *last = s->tensor;

	for (uint64_t i = 1; i < s->n_parts; i++)
		last = later(last, view_part(s, i), by_file);
	return last;
}

static struct ordered place(const struct view_source *s, const struct fmt_tensor *stacks, bool by_file, uint64_t index)
{
	struct ordered o = { .at = s->stack ? stacks : s->tensor, .blocks = s->exponents != NULL, .first = s->tensor, .by_file = by_file,
	                     .index = index };

	if (s->packed && s->packed->m->block == FMT_NVFP4) {
		o.nvfp4 = true;
		o.at = last_part(s, by_file);
	} else {
		o.late = s->packed && s->packed->m->late;
	}
	return o;
}

bool view_order(struct fmt_view *v, uint64_t n, struct fmt_err *err)
{
	struct fmt_view_impl *im = v->impl;
	bool by_file = v->weights->container == FMT_SAFETENSORS;
	struct ordered *o = fmt_arena_alloc(&im->mem, n, sizeof *o, err);
	struct fmt_view_tensor *tensors = fmt_arena_alloc(&im->mem, n, sizeof *tensors, err);
	struct view_source *sources = fmt_arena_alloc(&im->mem, n, sizeof *sources, err);
	const struct fmt_tensor **stacks = fmt_arena_alloc(&im->mem, im->conf.n[P_LAYERS] + im->conf.n[P_NEXT_KEPT], sizeof *stacks, err);

	if (err->code)
		return false;
	for (uint64_t i = 0; i < n; i++)
		if (im->sources[i].stack)
			stacks[im->tensors[i].layer] = later(stacks[im->tensors[i].layer], last_part(&im->sources[i], by_file), by_file);
	for (uint64_t i = 0; i < n; i++) {
		if (im->sources[i].beside) {
			o[i] = o[i - 1];
			o[i].index = i;
			continue;
		}
		o[i] = place(&im->sources[i], im->sources[i].stack ? stacks[im->tensors[i].layer] : NULL, by_file, i);
	}
	qsort(o, (size_t)n, sizeof *o, compare);
	for (uint64_t i = 0; i < n; i++) {
		tensors[i] = im->tensors[o[i].index];
		sources[i] = im->sources[o[i].index];
	}
	im->tensors = tensors;
	im->sources = sources;
	return true;
}
