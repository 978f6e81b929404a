/* Layers taken out of a model: the tensors of the others are numbered anew, and so are the keys that count or list layers. */
#include <inttypes.h>
#include <string.h>

#include "prune.h"
#include "value.h"
#include "view_impl.h"

static bool prune_tensors(struct fmt_view *v, const struct prune *p, struct fmt_err *err)
{
	struct fmt_view_impl *im = v->impl;
	uint64_t n = 0;

	fmt_index_finish(&im->names);
	fmt_index_init(&im->names);
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		struct fmt_view_tensor t = im->tensors[i];

		im->mem.limit_bytes += t.name.n + 16;
		if (!prune_name(p, &im->mem, &t.name, &t.layer, err)) {
			if (err->code)
				return false;
			continue;
		}
		if (fmt_index_add(&im->names, t.name, (uint32_t)n, err) == FMT_INDEX_FAILED)
			return false;
		im->sources[n] = im->sources[i];
		im->tensors[n++] = t;
	}
	v->n_tensors = n;
	return true;
}

/* "ARCH.SUFFIX" -> the suffix; an empty one: it is another key. */
static struct fmt_str suffix_of(const struct fmt_view *v, struct fmt_str key)
{
	size_t n = v->arch_name.n;

	if (key.n <= n || key.p[n] != '.' || memcmp(key.p, v->arch_name.p, n))
		return (struct fmt_str){ "", 0 };
	return (struct fmt_str){ key.p + n + 1, key.n - n - 1 };
}

/* An array without the elements of the layers that go. */
static bool prune_array(struct fmt_value *x, const struct prune *p, struct fmt_arena *mem, struct fmt_err *err)
{
	size_t width = fmt_kv_type_bytes(x->elem);
	uint64_t n = 0;
	char *made;

	mem->limit_bytes += x->n * width;
	made = fmt_arena_alloc(mem, x->n, width, err);
	if (!made)
		return false;
	for (uint64_t i = 0; i < x->n; i++)
		if (!prune_takes(p, i))
			memcpy(made + width * n++, (const char *)x->as.data + width * i, width);
	x->as.data = made;
	x->n = n;
	return true;
}

/* Numbers of layers of which only those that stay count. */
static void prune_count(struct fmt_value *x, uint64_t n_gone)
{
	bool negative = x->type == FMT_KV_I8 || x->type == FMT_KV_I16 || x->type == FMT_KV_I32 || x->type == FMT_KV_I64;

	if (negative && x->as.i > 0)
		x->as.i -= (int64_t)n_gone;
	else if (!negative)
		x->as.u -= n_gone;
}

static bool prune_key(const struct fmt_view *v, struct fmt_kv *kv, const struct prune *p, uint32_t n_layers, struct fmt_err *err)
{
	struct fmt_str s = suffix_of(v, kv->key);
	bool per_layer = kv->value.type == FMT_KV_ARR && kv->value.n == n_layers && fmt_kv_type_bytes(kv->value.elem) &&
	                 !fmt_str_is(s, "rope.dimension_sections");
	uint32_t n = 0;

	if (per_layer && (s.n || fmt_str_starts(kv->key, "xielu.")))
		return prune_array(&kv->value, p, &v->impl->mem, err);
	if (fmt_str_is(s, "block_count")) {
		prune_count(&kv->value, p->n);
	} else if (fmt_str_is(s, "leading_dense_block_count")) {
		if (!fmt_view_u32(v, "leading_dense_block_count", -1, 0, &n, err))
			return false;
		prune_count(&kv->value, prune_below(p, n));
	} else if (fmt_str_is(s, "nextn_predict_layers")) {
		if (!fmt_view_u32(v, "nextn_predict_layers", -1, 0, &n, err))
			return false;
		if (n <= n_layers)
			prune_count(&kv->value, p->n - prune_below(p, n_layers - n));
	}
	return true;
}

/* Keys by which what a layer is follows from its number: every n-th has something that others have not. */
static bool note_turns(struct fmt_view *v, struct fmt_err *err)
{
	static const char *const every[] = { "attention.sliding_window_pattern", "full_attention_interval", "interleave_moe_layer_step",
	                                     "moe_every_n_layers" };
	bool turns = v->arch && v->arch->full_every > 1;

	for (size_t i = 0; i < sizeof every / sizeof *every; i++) {
		const struct fmt_value *x = fmt_view_arch_get(v, every[i]);

		turns = turns || (x && x->type != FMT_KV_ARR && x->as.u > 1);
	}
	return !turns || fmt_view_note(v, err, "every n-th layer of this model is of another kind, by its number: those behind a layer that "
	                               "was taken out may be taken for the wrong one");
}

static bool prune_keys(struct fmt_view *v, const struct prune *p, uint32_t n_layers, struct fmt_err *err)
{
	struct fmt_kv *kv;

	v->impl->mem.limit_bytes += v->n_kv * sizeof *kv;
	kv = fmt_arena_alloc(&v->impl->mem, v->n_kv, sizeof *kv, err);
	if (!kv)
		return false;
	for (uint64_t i = 0; i < v->n_kv; i++) {
		kv[i] = v->kv[i];
		if (!prune_key(v, &kv[i], p, n_layers, err))
			return false;
	}
	v->kv = kv;
	return true;
}

static bool check_layers(const struct fmt_view *v, const struct prune *p, uint32_t *n_layers, struct fmt_err *err)
{
	if (!fmt_view_u32(v, "block_count", -1, 0, n_layers, err))
		return false;
	if (!p->n || p->layers[p->n - 1] < *n_layers) {
		if (p->n < *n_layers)
			return true;
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "no layer would be left of %" PRIu32, *n_layers);
	}
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "there is no layer %" PRIu32 " to take out: the model has %" PRIu32 ", from 0",
	                p->layers[p->n - 1], *n_layers);
}

bool fmt_view_prune(struct fmt_view *v, const uint32_t *layers, size_t n, struct fmt_err *err)
{
	struct prune p;
	uint32_t n_layers;
	bool ok = prune_init(&p, layers, n, err) && check_layers(v, &p, &n_layers, err) && prune_tensors(v, &p, err) &&
	          prune_keys(v, &p, n_layers, err) && note_turns(v, err);

	prune_finish(&p);
	return ok;
}
