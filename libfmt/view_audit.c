/* Does a GGUF have what its architecture's description asks for? The same tables that turn a config.json into keys and
 * tensors are read the other way round: keys give the numbers, numbers give the shapes. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "view_impl.h"

#define SHOWN 5 /* tensors of each kind of fault that are named; the rest is counted */

struct audit {
	const struct fmt_view *v;
	bool known[P_COUNT];
	bool odd[P_COUNT]; /* there is a key, but no single number: one per layer, say */
	uint64_t n[P_COUNT];
	uint64_t n_missing, n_misshapen;
	void (*found)(void *ctx, const char *line);
	void *ctx;
};

static void say(struct audit *a, const char *format, ...) FMT_PRINTF(2, 3);
static void say(struct audit *a, const char *format, ...)
{
	char line[300];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	a->found(a->ctx, line);
}

static void learn_keys(struct audit *a, const struct arch_key *row)
{
	for (; row->suffix; row++) {
		const struct fmt_value *x = fmt_view_arch_get(a->v, row->suffix);

		if (!x || row->type != FMT_KV_U32 || (row->when.param && row->when.is != ARCH_SET) || a->known[row->value])
			continue;
		if (x->type == FMT_KV_U32 || x->type == FMT_KV_U64) {
			a->n[row->value] = x->as.u;
			a->known[row->value] = true;
		} else {
			a->odd[row->value] = true;
		}
	}
}

/* What follows from other numbers; fixed defaults are config.json's and say nothing about a GGUF. */
static void learn_rest(struct audit *a, const struct arch_param_row *row)
{
	for (; row->id; row++) {
		const struct arch_else *e = &row->absent;

		if (a->known[row->id] || a->odd[row->id] || !a->known[e->a])
			continue;
		if (e->how == ELSE_SAME)
			a->n[row->id] = a->n[e->a];
		else if (e->how == ELSE_PRODUCT && a->known[e->b] && a->n[e->a] <= UINT32_MAX && a->n[e->b] <= UINT32_MAX)
			a->n[row->id] = a->n[e->a] * a->n[e->b];
		else if (e->how == ELSE_QUOTIENT && a->known[e->b] && a->n[e->b])
			a->n[row->id] = a->n[e->a] / a->n[e->b];
		else
			continue;
		a->known[row->id] = true;
	}
}

static void learn(struct audit *a)
{
	const struct fmt_value *tokens = fmt_view_get(a->v, "tokenizer.ggml.tokens");

	learn_keys(a, arch_common_keys);
	learn_keys(a, a->v->arch->keys);
	if (!a->known[P_VOCAB] && tokens && tokens->type == FMT_KV_ARR) {
		a->n[P_VOCAB] = tokens->n;
		a->known[P_VOCAB] = true;
	}
	for (const struct arch_param_row *const *table = a->v->arch->params; *table; table++)
		learn_rest(a, *table);
}

static void check_shape(struct audit *a, const struct arch_tensor *row, const struct fmt_view_tensor *t)
{
	char name[FMT_SHOW_BYTES];
	uint32_t n = 0;

	while (n < sizeof row->dims / sizeof *row->dims && row->dims[n])
		n++;
	if (t->n_dims != n) {
		if (a->n_misshapen++ < SHOWN)
			say(a, "tensor %s has %" PRIu32 " dimensions instead of %" PRIu32, fmt_show(t->name, name),
			    t->n_dims, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		enum arch_param p = row->dims[i];

		if (!a->known[p] || t->dims[i] == a->n[p])
			continue;
		if (a->n_misshapen++ < SHOWN)
			say(a, "tensor %s: dimension %" PRIu32 " is %" PRIu64 ", by the keys it should be %" PRIu64,
			    fmt_show(t->name, name), i, t->dims[i], a->n[p]);
		return;
	}
}

static void check_rows(struct audit *a, const struct arch_tensor *row, int32_t layer)
{
	for (; row->role; row++) {
		const struct fmt_view_tensor *t = fmt_view_role(a->v, row->role, layer);

		if (t) {
			check_shape(a, row, t);
			continue;
		}
		if (row->when.param || row->in || row->may_lack) /* whether it must be there cannot be told from a GGUF */
			continue;
		if (a->n_missing++ >= SHOWN)
			continue;
		if (layer < 0)
			say(a, "tensor '%s' is missing", row->gguf);
		else
			say(a, "tensor 'blk.%" PRId32 ".%s' is missing", layer, row->gguf);
	}
}

void fmt_view_audit(const struct fmt_view *v, void (*found)(void *ctx, const char *line), void *ctx)
{
	struct audit a = { .v = v, .found = found, .ctx = ctx };
	const struct fmt_value *type = fmt_view_get(v, "general.type");

	if (!v->arch || !v->n_tensors ||
	    (type && !(type->type == FMT_KV_STR && fmt_str_is(type->as.s, "model"))))
		return;
	learn(&a);
	if (!a.known[P_LAYERS] || a.n[P_LAYERS] > ARCH_MAX_LAYERS) {
		say(&a, "block_count is missing or out of range");
		return;
	}
	check_rows(&a, v->arch->globals, -1);
	for (uint64_t layer = 0; layer < a.n[P_LAYERS]; layer++)
		check_rows(&a, v->arch->layers, (int32_t)layer);
	for (uint64_t i = 0; v->arch->next && i < a.n[P_NEXT_KEPT] && i < a.n[P_LAYERS]; i++)
		check_rows(&a, v->arch->next, (int32_t)(a.n[P_LAYERS] - 1 - i));
	if (a.n_missing > SHOWN)
		say(&a, "%" PRIu64 " more tensors are missing", a.n_missing - SHOWN);
	if (a.n_misshapen > SHOWN)
		say(&a, "%" PRIu64 " more tensors have shapes that do not fit", a.n_misshapen - SHOWN);
}
