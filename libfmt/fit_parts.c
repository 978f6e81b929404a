/* Weights by where llama.cpp puts them. See <libfmt/fit.h>. */
#include <stdlib.h>
#include <string.h>

#include <libfmt/component.h>
#include <libfmt/fit.h>

#include "ckd.h"

bool fmt_parts_init(struct fmt_parts *p, const struct fmt_estimate *e, struct fmt_err *err)
{
	*p = (struct fmt_parts){ .n_layers = e->n_layers, .is_tied = e->tied };
	if (!e->n_layers)
		return true;
	p->layers = calloc((size_t)e->n_layers, sizeof *p->layers);
	return p->layers || fmt_fail_nomem(err, e->n_layers * sizeof *p->layers);
}

void fmt_parts_finish(struct fmt_parts *p)
{
	free(p->layers);
	*p = (struct fmt_parts){ .n_layers = 0 };
}

/* Tensors beside the layers. The norm of an embedding is where the embedding is. */
static bool add_beside(struct fmt_parts *p, const struct fmt_view_tensor *t, uint64_t bytes)
{
	bool input = t->part == FMT_PART_EMBEDDING || fmt_str_starts(t->name, "token_embd_norm");
	uint64_t *part = fmt_str_starts(t->name, "rope_") ? &p->tables : input ? &p->input : &p->output;

	if (p->is_tied && fmt_str_is(t->name, "token_embd.weight"))
		p->tied = bytes;
	return !ckd_add(part, *part, bytes);
}

static bool add_to_layer(struct fmt_layer_bytes *l, bool experts, uint64_t bytes)
{
	uint64_t *sum = experts ? &l->experts : &l->dense, *largest = experts ? &l->largest_experts : &l->largest_dense;

	*largest = bytes > *largest ? bytes : *largest;
	return !ckd_add(sum, *sum, bytes);
}

bool fmt_parts_add(struct fmt_parts *p, const struct fmt_view_tensor *t, uint64_t bytes, struct fmt_err *err)
{
	bool experts = t->part == FMT_PART_EXPERTS, ok;

	if (t->layer >= 0 && (uint64_t)t->layer < p->n_layers)
		ok = add_to_layer(&p->layers[t->layer], experts, bytes);
	else
		ok = add_beside(p, t, bytes);
	ok = ok && !ckd_add(&p->total, p->total, bytes);
	return ok || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "the size of the weights does not fit into 64 bits");
}
