/* The layers of a GGUF: its tensors say what each is, its keys how large. See <libfmt/estimate.h>. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ckd.h"
#include "estimate_impl.h"
#include "view_impl.h"

/* What a layer has, by its tensors. */
enum { HAS_ATTENTION = 1, HAS_STATE = 2, HAS_DELTA = 4, HAS_CONV = 8, HAS_EXPERTS = 16, HAS_OTHER_MIXER = 32 };

static const struct {
	const char *end; /* of the tensor's name, behind "blk.N." */
	bool whole;      /* all that is there; else the beginning */
	unsigned has;
} signs[] = {
	{ "attn_output.weight", true, HAS_ATTENTION },
	{ "ssm_conv1d.weight", true, HAS_STATE },
	{ "ssm_ba.weight", true, HAS_DELTA },
	{ "ssm_beta.weight", true, HAS_DELTA },
	{ "shortconv.conv.weight", true, HAS_CONV },
	{ "ffn_gate_inp.weight", true, HAS_EXPERTS },
	{ "ssm_", false, HAS_OTHER_MIXER },
	{ "time_mix_", false, HAS_OTHER_MIXER },
};

static unsigned sign_of(struct fmt_str name)
{
	const char *dot = name.n > 4 ? memchr(name.p + 4, '.', name.n - 4) : NULL;
	struct fmt_str end = { dot ? dot + 1 : NULL, dot ? name.n - (size_t)(dot + 1 - name.p) : 0 };

	for (size_t i = 0; end.n && i < sizeof signs / sizeof *signs; i++) {
		size_t n = strlen(signs[i].end);

		if (end.n >= n && (!signs[i].whole || end.n == n) && !memcmp(end.p, signs[i].end, n))
			return signs[i].has;
	}
	return 0;
}

/* A key's number, which must not be above `most`: the ceilings of config.json hold for files too. */
static bool read_number(const struct fmt_view *v, const char *suffix, int64_t layer, uint64_t absent, uint64_t most, uint64_t *out,
                        struct fmt_err *err)
{
	uint32_t n = 0;

	if (!fmt_view_u32(v, suffix, (int32_t)layer, (uint32_t)absent, &n, err))
		return false;
	*out = n;
	return n <= most || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "key '%.*s.%s': %" PRIu32 " is above %" PRIu64,
	                             (int)v->arch_name.n, v->arch_name.p, suffix, n, most);
}

/* Every n-th layer has no window, in architectures of which llama.cpp knows that without a key. */
static uint32_t usual_full_every(const struct fmt_arch *arch)
{
	if (arch->full_every || !arch->own_windows)
		return arch->full_every;
	for (const struct arch_default *d = arch->defaults; d && d->id; d++)
		if (d->id == P_FULL_EVERY)
			return (uint32_t)d->is;
	for (const struct arch_param_row *const *table = arch->params; *table; table++)
		for (const struct arch_param_row *row = *table; row->id; row++)
			if (row->id == P_FULL_EVERY && row->absent.how == ELSE_FIXED)
				return (uint32_t)row->absent.fixed;
	return 0;
}

static bool window(struct fmt_layer *l, const struct fmt_view *v, int64_t i, struct fmt_err *err)
{
	bool pattern = fmt_view_arch_get(v, "attention.sliding_window_pattern") != NULL;
	uint32_t every = usual_full_every(v->arch), n = 0;

	if (!fmt_view_window(v, (int32_t)i, &n, err))
		return false;
	l->window = !pattern && every && ((uint64_t)i + 1) % every == 0 ? 0 : n;
	return true;
}

/* What attention keeps. Files of latent attention from before April 2025 have no lengths of their own for it. */
static bool attention(struct fmt_layer *l, const struct fmt_view *v, int64_t i, uint64_t model, struct fmt_err *err)
{
	uint64_t rank = 0, rope = 0, usual = 0;

	if (!read_number(v, "attention.head_count", i, 0, ARCH_MAX_HEADS, &l->n_heads, err) || !window(l, v, i, err) ||
	    !read_number(v, "attention.kv_lora_rank", -1, 0, ARCH_MAX_WIDTH, &rank, err) ||
	    !read_number(v, "rope.dimension_count", -1, 0, ARCH_MAX_WIDTH, &rope, err))
		return false;
	if (l->shared)
		return true;
	if (rank) { /* one wide head, whose values are part of its keys */
		l->kind = FMT_LAYER_LATENT;
		l->latent = rank + rope;
		return true;
	}
	usual = l->n_heads ? model / l->n_heads : 0;
	if (!read_number(v, "attention.head_count_kv", i, l->n_heads, ARCH_MAX_HEADS, &l->n_kv_heads, err) ||
	    !read_number(v, "attention.key_length", i, usual, ARCH_MAX_WIDTH, &l->k_dim, err) ||
	    !read_number(v, "attention.value_length", i, usual, ARCH_MAX_WIDTH, &l->v_dim, err))
		return false;
	return !l->window || (read_number(v, "attention.key_length_swa", i, l->k_dim, ARCH_MAX_WIDTH, &l->k_dim, err) &&
	                      read_number(v, "attention.value_length_swa", i, l->v_dim, ARCH_MAX_WIDTH, &l->v_dim, err));
}

/* What a state space or linear attention keeps: inner x state, and columns of a convolution over inner + 2 x groups x state. */
static bool state(struct fmt_layer *l, const struct fmt_view *v, struct fmt_err *err)
{
	uint64_t inner = 0, width = 0, groups = 0, kernel = 0;

	if (!read_number(v, "ssm.inner_size", -1, 0, ARCH_MAX_WIDTH, &inner, err) ||
	    !read_number(v, "ssm.state_size", -1, 0, ARCH_MAX_WIDTH, &width, err) ||
	    !read_number(v, "ssm.group_count", -1, 0, ARCH_MAX_HEADS, &groups, err) ||
	    !read_number(v, "ssm.conv_kernel", -1, 0, ARCH_MAX_HEADS, &kernel, err))
		return false;
	l->state_elems = inner * width;
	l->conv_elems = kernel ? (kernel - 1) * (inner + 2 * groups * width) : 0;
	return true;
}

static bool convolution(struct fmt_layer *l, const struct fmt_view *v, uint64_t model, struct fmt_err *err)
{
	uint64_t kernel = 0;

	if (!read_number(v, "shortconv.l_cache", -1, 0, ARCH_MAX_HEADS, &kernel, err))
		return false;
	l->conv_elems = kernel ? (kernel - 1) * model : 0;
	return true;
}

static bool layer_of_keys(struct fmt_layer *l, const struct fmt_view *v, int64_t i, unsigned has, uint64_t model,
                          struct fmt_err *err)
{
	bool attends = has & HAS_ATTENTION, recurs = has & HAS_STATE;

	l->experts = has & HAS_EXPERTS;
	l->kind = attends ? recurs ? FMT_LAYER_HYBRID : FMT_LAYER_ATTENTION :
	          recurs  ? has & HAS_DELTA ? FMT_LAYER_LINEAR : FMT_LAYER_MAMBA :
	          has & HAS_CONV ? FMT_LAYER_CONV : FMT_LAYER_FEED_FORWARD;
	if (l->kind == FMT_LAYER_CONV && !convolution(l, v, model, err))
		return false;
	return (!recurs || state(l, v, err)) && (!attends || attention(l, v, i, model, err));
}

/* has[i]: what layer i has. false: a mixer that is not described, or not a tensor of layers. */
static bool look_at_layers(const struct fmt_estimate *e, const struct fmt_view *v, uint8_t *has)
{
	bool some = false;

	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];

		if (t->layer < 0 || (uint64_t)t->layer >= e->n_layers)
			continue;
		has[t->layer] |= (uint8_t)sign_of(t->name);
		some = true;
	}
	for (uint64_t i = 0; some && i < e->n_layers; i++)
		if ((has[i] & (HAS_OTHER_MIXER | HAS_STATE)) == HAS_OTHER_MIXER)
			return false;
	return some;
}

static bool read_layers(struct fmt_estimate *e, const struct fmt_view *v, struct fmt_err *err)
{
	uint64_t shared = 0;
	uint8_t *has = calloc((size_t)e->n_layers, 1);
	bool ok;

	e->layers = calloc((size_t)e->n_layers, sizeof *e->layers);
	ok = has && e->layers ? read_number(v, "attention.shared_kv_layers", -1, 0, e->n_layers, &shared, err) :
	                        fmt_fail_nomem(err, e->n_layers * sizeof *e->layers);
	e->layers_known = ok && look_at_layers(e, v, has);
	for (uint64_t i = 0; ok && e->layers_known && i < e->n_layers; i++) {
		e->layers[i].shared = i >= e->n_layers - shared && has[i] & HAS_ATTENTION;
		ok = layer_of_keys(&e->layers[i], v, (int64_t)i, has[i], e->model_width, err);
	}
	free(has);
	if (!ok || e->layers_known)
		return ok;
	free(e->layers);
	e->layers = NULL;
	e->n_layers = e->n_next_layers = 0;
	return true;
}

bool estimate_layers_of_keys(struct fmt_estimate *e, const struct fmt_view *v, struct fmt_err *err)
{
	uint64_t n = 0, next = 0;

	if (!read_number(v, "block_count", -1, 0, ARCH_MAX_LAYERS, &n, err) ||
	    !read_number(v, "nextn_predict_layers", -1, 0, ARCH_MAX_LAYERS, &next, err) ||
	    !read_number(v, "expert_count", -1, 0, ARCH_MAX_HEADS, &e->n_experts, err) ||
	    !read_number(v, "expert_used_count", -1, 0, UINT32_MAX, &e->n_experts_used, err) ||
	    !read_number(v, "context_length", -1, 0, UINT32_MAX, &e->context, err) ||
	    !read_number(v, "embedding_length", -1, 0, ARCH_MAX_WIDTH, &e->model_width, err))
		return false;
	if (e->n_experts_used > e->n_experts)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "expert_used_count: %" PRIu64 " is more than there are: %" PRIu64,
		                e->n_experts_used, e->n_experts);
	if (!v->arch || !n)
		return true;
	if (next >= n)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "nextn_predict_layers: %" PRIu64 " of %" PRIu64 " layers", next, n);
	e->n_layers = n - next;
	e->n_next_layers = next;
	e->own_windows = v->arch->own_windows;
	/* a second norm is what the larger Falcons have */
	e->repeated_heads = fmt_str_is(v->arch_name, "falcon") && fmt_view_find(v, FMT_STR("blk.0.attn_norm_2.weight"));
	return read_layers(e, v, err);
}
