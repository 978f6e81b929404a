/* The metadata of a checkpoint as GGUF keys, in the order in which the reference converter writes them. */
#include <inttypes.h>
#include <string.h>

#include "meta_keys.h"
#include "tok_keys.h"
#include "view_impl.h"

static struct fmt_str rope_word(uint64_t type)
{
	return type == ROPE_LINEAR ? FMT_STR("linear") : FMT_STR("yarn");
}

/* general.file_type of the checkpoint as it is stored: that of its first matrix. A writer puts its own in its place. */
static uint32_t stored_file_type(const struct fmt_view *v)
{
	for (uint64_t i = 0; i < v->n_tensors; i++)
		if (v->tensors[i].n_dims > 1 && !v->tensors[i].keep_f32)
			return v->tensors[i].type == FMT_BF16 ? 32 : v->tensors[i].type == FMT_F16 ? 1 : 0;
	return 0;
}

/* How many layers are of a kind: LAYER_*. */
static uint64_t n_layers(const struct arch_conf *conf, unsigned kind)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++)
		n += (conf->layer[i] & kind) != 0;
	return n;
}

/* A flag for each layer: whether it is of the kind. */
static void add_flags(struct kv_list *l, const char *key, const struct arch_conf *conf, unsigned kind, bool is)
{
	uint64_t n = conf->n[P_LAYERS] + conf->n[P_NEXT_KEPT];
	uint8_t *flags = fmt_arena_alloc(l->mem, n, sizeof *flags, l->err);

	for (uint64_t i = 0; flags && i < n; i++)
		flags[i] = ((conf->layer[i] & kind) != 0) == is;
	if (flags)
		kv_array(l, key, FMT_KV_BOOL, flags, n);
}

/* Whether it is every n-th layer that is not of the kind: what a GGUF of this architecture means without saying so. 0: all
 * are. */
static bool all_but_every(const struct arch_conf *conf, unsigned kind, bool is, uint32_t every)
{
	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++)
		if ((((conf->layer[i] & kind) != 0) == is) != (!every || (i + 1) % every != 0))
			return false;
	return true;
}

static bool has_usual_windows(const struct fmt_view *v)
{
	return all_but_every(&v->impl->conf, LAYER_WINDOW, true, v->arch->full_every);
}

/* Key heads layer by layer: 0 where there is no attention. */
static void add_heads(struct kv_list *l, const char *key, const struct arch_conf *conf)
{
	uint64_t n = conf->n[P_LAYERS];
	int32_t *heads = fmt_arena_alloc(l->mem, n, sizeof *heads, l->err);

	for (uint64_t i = 0; heads && i < n; i++)
		heads[i] = conf->layer[i] & LAYER_ATTENTION ? (int32_t)conf->n[P_HEADS_KV] : 0;
	if (heads)
		kv_array(l, key, FMT_KV_I32, heads, n);
}

/* Widths of feed-forward blocks, or of experts, where layers may have none: 0 then. */
static void add_blocks(struct kv_list *l, const char *key, const struct arch_conf *conf)
{
	uint64_t n = conf->n[P_LAYERS];
	int32_t *widths = fmt_arena_alloc(l->mem, n, sizeof *widths, l->err);

	for (uint64_t i = 0; widths && i < n; i++)
		widths[i] = conf->layer[i] & LAYER_DENSE ? (int32_t)conf->n[P_FF] :
		            conf->layer[i] & LAYER_MOE   ? (int32_t)conf->n[P_FF_EXPERT] : 0;
	if (widths)
		kv_array(l, key, FMT_KV_I32, widths, n);
}

/* Positions of text are the same in all three, so these mean nothing here; llama.cpp wants them. */
static void add_sections(struct kv_list *l, const char *key, const struct arch_conf *conf)
{
	int32_t *sections = fmt_arena_alloc(l->mem, 4, sizeof *sections, l->err);

	for (int i = 0; sections && i < 4; i++)
		sections[i] = (int32_t)conf->n[P_ROPE_TIME + i];
	if (sections)
		kv_array(l, key, FMT_KV_I32, sections, 4);
}

/* Which layers have the window; which rotate, of which llama.cpp's rule is that every fourth does not. */
static void add_pattern(struct kv_list *l, const char *key, enum arch_param value, const struct fmt_view *v)
{
	const struct arch_conf *conf = &v->impl->conf;

	if (value == P_FF)
		add_blocks(l, key, conf);
	if (value == P_HEADS_KV)
		add_heads(l, key, conf);
	if (value == P_ROPE_TIME)
		add_sections(l, key, conf);
	if (value == P_ATTN_EVERY)
		add_flags(l, key, conf, LAYER_LINEAR, true);
	if (value == P_WINDOW && !has_usual_windows(v))
		add_flags(l, key, conf, LAYER_WINDOW, true);
	if (value == P_NO_ROPE_EVERY && !all_but_every(conf, LAYER_NO_ROPE, false, 4))
		add_flags(l, key, conf, LAYER_NO_ROPE, false);
}

static bool is_usual(const struct arch_conf *conf, const struct arch_key *row)
{
	return row->usual > 0 && (row->type == FMT_KV_F32 ? conf->f[row->value] : (double)conf->n[row->value]) == row->usual;
}

static void add_key(struct kv_list *l, const struct fmt_view *v, const struct arch_key *row)
{
	const struct arch_conf *conf = &v->impl->conf;
	const char *key;

	if (row->value == P_FILE_TYPE) {
		kv_u32(l, "general.file_type", stored_file_type(v));
		return;
	}
	if (!conf->set[row->value] || !arch_conf_when(conf, row->when) || is_usual(conf, row))
		return;
	key = kv_key(l, v->arch->gguf, row->suffix);
	if (row->value == P_WINDOW && !n_layers(conf, LAYER_WINDOW)) {
		if (v->arch->usual_window && row->type == FMT_KV_U32)
			kv_u32(l, key, 0);
		return;
	}
	switch (row->type) {
	case FMT_KV_U32:
		/* block_count */
		kv_u32(l, key, (uint32_t)(conf->n[row->value] + (row->value == P_LAYERS ? conf->n[P_NEXT_KEPT] : 0)));
		return;
	case FMT_KV_F32:
		kv_f32(l, key, conf->f[row->value] * (row->times != 0 ? row->times : 1));
		return;
	case FMT_KV_BOOL:
		kv_bool(l, key, conf->n[row->value]);
		return;
	case FMT_KV_ARR: /* but for sections, lists have an element per layer */
		add_pattern(l, key, row->value, v);
		return;
	default: /* the only word that keys hold, but for those that a row gives */
		kv_str(l, key, row->text ? (struct fmt_str){ row->text, strlen(row->text) } : rope_word(conf->n[row->value]));
	}
}

/* What llama.cpp will not do with this model. */
static bool add_notes(struct fmt_view *v, struct fmt_err *err)
{
	const struct arch_conf *c = &v->impl->conf;

	for (const struct arch_note *n = v->arch->notes; n && n->text; n++)
		if (arch_conf_when(c, n->when) && !fmt_view_note(v, err, "%s", n->text))
			return false;
	if (v->arch == &arch_vocabulary &&
	    !fmt_view_note(v, err, "general.architecture is 'llama', for a vocabulary alone: the model is none that is converted here"))
		return false;
	if (c->set[P_NO_ROPE_EVERY] && !all_but_every(c, LAYER_NO_ROPE, false, 4) &&
	    !fmt_view_note(v, err, "llama.cpp will differ: of '%s' every fourth layer does not rotate there", v->arch->gguf))
		return false;
	if (v->arch->only_moe && n_layers(c, LAYER_DENSE) &&
	    !fmt_view_note(v, err, "llama.cpp will not load it: it has '%s' with experts in every layer only", v->arch->gguf))
		return false;
	if (c->set[P_WINDOW] && c->n[P_WINDOW] < c->n[P_CONTEXT] && n_layers(c, LAYER_WINDOW) && !v->arch->own_windows &&
	    !fmt_view_note(v, err, "llama.cpp will differ past %" PRIu64 " tokens: it has no sliding window for '%s'", c->n[P_WINDOW],
	               v->arch->gguf))
		return false;
	if (v->arch->usual_window && c->set[P_WINDOW] && c->n[P_WINDOW] != v->arch->usual_window &&
	    !fmt_view_note(v, err, "llama.cpp will differ past %" PRIu64 " tokens: windows of '%s' are %" PRIu32 " tokens wide there",
	               c->n[P_WINDOW], v->arch->gguf, v->arch->usual_window))
		return false;
	if (c->n[P_ROPE_TYPE] == ROPE_LLAMA3 && !v->arch->own_llama3 &&
	    !fmt_view_note(v, err, "llama.cpp will not load it: it has no rope_freqs.weight of '%s'", v->arch->gguf))
		return false;
	if (c->n[P_ROPE_TYPE] == ROPE_DYNAMIC &&
	    !fmt_view_note(v, err, "llama.cpp will differ past %" PRIu64 " tokens: it has no dynamic RoPE scaling", c->n[P_CONTEXT]))
		return false;
	if (c->set[P_WINDOW] && v->arch->own_windows && v->arch->full_every && !has_usual_windows(v) &&
	    !fmt_view_note(v, err, "llama.cpp will differ: it has another pattern of windows for '%s'", v->arch->gguf))
		return false;
	return true;
}

bool view_keys(struct fmt_view *v, const struct fmt_view_opts *opts, struct fmt_err *err)
{
	struct fmt_view_impl *im = v->impl;
	struct kv_list l = { .mem = &im->mem, .err = err };

	kv_str(&l, "general.architecture", v->arch_name);
	kv_str(&l, "general.type", FMT_STR("model"));
	meta_keys(&l, v);
	for (const struct arch_key *row = arch_common_keys; row->suffix && !v->arch->own_keys; row++)
		add_key(&l, v, row);
	for (const struct arch_key *row = v->arch->keys; row->suffix; row++)
		add_key(&l, v, row);
	kv_u32(&l, "general.quantization_version", 2); /* ggml.h, GGML_QNT_VERSION */
	if (opts->may_lack_tokenizer && !tok_is_there(&im->dir))
		fmt_view_note(v, err, "there is no tokenizer beside the weights: sizes are without it");
	else if (!opts->no_tokenizer && !v->counted_only && !err->code)
		tok_keys(&l, v, opts->pre);
	v->kv = l.kv;
	v->n_kv = l.n;
	return !err->code && (opts->plan_only || add_notes(v, err));
}
