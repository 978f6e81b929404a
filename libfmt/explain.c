/* From figures back to the keys of config.json. See <libfmt/explain.h>. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/explain.h>

#include "view_impl.h"

_Static_assert(FMT_MAX_ORIGINS == ARCH_MAX_ORIGINS, "a bit for each");

bool fmt_origin_in(const struct fmt_origin_set *set, unsigned i)
{
	return set->bits[i / 64] >> i % 64 & 1;
}

static void use(struct fmt_origin_set *set, unsigned i)
{
	set->bits[i / 64] |= UINT64_C(1) << i % 64;
}

/* A text that is being put together. What does not fit is cut off. */
struct terms {
	const struct arch_conf *conf;
	char *text;
	size_t n;
	struct fmt_origin_set *used;
};

static void add(struct terms *t, struct fmt_str s)
{
	size_t room = FMT_TERMS_BYTES - 1 - t->n, n = s.n < room ? s.n : room;

	memcpy(t->text + t->n, s.p, n);
	t->n += n;
	t->text[t->n] = 0;
}

static void add_number(struct terms *t, uint64_t n)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%" PRIu64, n);
	add(t, (struct fmt_str){ digits, strlen(digits) });
}

/* The row that gave a param, among the first `below` rows read; -1: none. A row may rest on an earlier one for the same
 * param, hence the order. */
static int row_of(const struct arch_conf *conf, enum arch_param param, unsigned below)
{
	for (unsigned i = below; i-- > 0;)
		if (conf->origins[i].row->id == param)
			return (int)i;
	return -1;
}

static void add_param(struct terms *t, enum arch_param param, unsigned below, bool in_product);

/* What a rule takes in place of a key. */
static void add_rule(struct terms *t, const struct arch_else *rule, unsigned below, bool in_product)
{
	bool sum = rule->how == ELSE_SUM, times = rule->how == ELSE_PRODUCT || rule->how == ELSE_QUOTIENT;
	bool brackets = in_product && (sum || rule->how == ELSE_QUOTIENT);

	if (rule->how == ELSE_FIXED)
		add_number(t, (uint64_t)rule->fixed);
	if (rule->how != ELSE_SAME && !sum && !times)
		return;
	if (brackets)
		add(t, FMT_STR("("));
	add_param(t, rule->a, below, times);
	if (sum) {
		add(t, FMT_STR(" + "));
		if (rule->fixed != 1) {
			add_number(t, (uint64_t)rule->fixed);
			add(t, FMT_STR(" x "));
		}
		add_param(t, rule->b, below, rule->fixed != 1);
	} else if (times) {
		add(t, rule->how == ELSE_PRODUCT ? FMT_STR(" x ") : FMT_STR(" / "));
		if (rule->b)
			add_param(t, rule->b, below, true);
		else
			add_number(t, (uint64_t)rule->fixed);
	}
	if (brackets)
		add(t, FMT_STR(")"));
}

/* Marks what a row rests on without showing it: its condition, and the rule behind a key that is not there. */
static void use_row(const struct terms *t, unsigned i)
{
	const struct arch_origin *o = &t->conf->origins[i];
	char unseen[FMT_TERMS_BYTES];
	struct terms rest = { t->conf, unseen, 0, t->used };

	if (o->row->config)
		use(t->used, i);
	if (o->row->when.param)
		add_param(&rest, o->row->when.param, i, false);
	if (o->rule && o->row->config)
		add_rule(&rest, o->rule, i, false);
}

/* A param by its key, or where it has none by what it is made of. */
static void add_param(struct terms *t, enum arch_param param, unsigned below, bool in_product)
{
	int i = row_of(t->conf, param, below);

	if (i < 0) {
		add_number(t, t->conf->n[param]);
		return;
	}
	use_row(t, (unsigned)i);
	if (t->conf->origins[i].row->config)
		add(t, t->conf->origins[i].key);
	else if (t->conf->origins[i].rule)
		add_rule(t, t->conf->origins[i].rule, (unsigned)i, in_product);
}

bool fmt_origin_get(const struct fmt_view *v, unsigned i, struct fmt_origin *out)
{
	const struct arch_conf *conf = &v->impl->conf;
	const struct arch_origin *o = &conf->origins[i];
	struct fmt_origin_set ignored = { { 0 } };
	char text[FMT_TERMS_BYTES] = "";
	struct terms t = { conf, text, 0, &ignored };

	if (i >= conf->n_origins)
		return false;
	*out = (struct fmt_origin){ .key = o->key, .value = o->value, .unset = !o->set,
		.flag = o->row->kind == KIND_FLAG || o->row->kind == KIND_FALSE,
		.given = !o->rule ? FMT_GIVEN : o->null ? FMT_NULL : FMT_ABSENT };
	if (!o->rule)
		return true;
	add_rule(&t, o->rule, i, false);
	if (o->rule->how == ELSE_FIXED)
		snprintf(out->rule, sizeof out->rule, "transformers' default of %s", v->arch->types[0]);
	else if (o->rule->how != ELSE_UNSET)
		snprintf(out->rule, sizeof out->rule, "%.*s", (int)sizeof out->rule - 1, text);
	return true;
}

const char *fmt_explain_dim(const struct fmt_view *v, const struct fmt_view_tensor *tensor, uint32_t dim, char *text,
                            struct fmt_origin_set *used)
{
	const struct arch_conf *conf = &v->impl->conf;
	const struct arch_tensor *row = v->from_dir ? v->impl->sources[tensor - v->tensors].row : NULL;
	struct terms t = { conf, text, 0, used };
	char unseen[FMT_TERMS_BYTES];
	struct terms rest = { conf, unseen, 0, used };

	text[0] = 0;
	if (row && row->when.param)
		add_param(&rest, row->when.param, conf->n_origins, false);
	if (row && conf->n[row->dims[dim]] == tensor->dims[dim])
		add_param(&t, row->dims[dim], conf->n_origins, tensor->n_dims > 1);
	else
		add_number(&t, tensor->dims[dim]);
	return text;
}

/* What says which layer has which attention, and which has experts. */
static const enum arch_param mixer_rules[] = { P_LAYER_LIST, P_WINDOW_FROM, P_FULL_EVERY, P_ATTN_EVERY, P_NONE };
static const enum arch_param expert_rules[] = { P_LAYER_LIST, P_DENSE_FIRST, P_MOE_STEP, P_NONE };

const char *fmt_explain_number(const struct fmt_view *v, enum fmt_number n, char *text, struct fmt_origin_set *used)
{
	static const enum arch_param params[] = {
		[FMT_NUMBER_LAYERS] = P_LAYERS,          [FMT_NUMBER_KV_HEADS] = P_HEADS_KV,   [FMT_NUMBER_HEAD_DIM] = P_HEAD_DIM,
		[FMT_NUMBER_LATENT] = P_LATENT_KEPT,     [FMT_NUMBER_WINDOW] = P_WINDOW,       [FMT_NUMBER_CONV_KERNEL] = P_SSM_CONV,
		[FMT_NUMBER_CONV_WIDTH] = P_CONV_WIDTH,  [FMT_NUMBER_STATE] = P_STATE_ELEMS,   [FMT_NUMBER_EXPERTS] = P_EXPERTS,
		[FMT_NUMBER_EXPERTS_USED] = P_EXPERTS_USED, [FMT_NUMBER_TIED] = P_TIED,
		[FMT_NUMBER_NEXT_LAYERS] = P_NEXT_LAYERS, [FMT_NUMBER_MODEL_WIDTH] = P_MODEL,
	};
	const enum arch_param *rule = n == FMT_NUMBER_LAYERS ? mixer_rules : n == FMT_NUMBER_EXPERTS ? expert_rules : NULL;
	const struct arch_conf *conf = &v->impl->conf;
	char unseen[FMT_TERMS_BYTES];
	struct terms t = { conf, text, 0, used }, rest = { conf, unseen, 0, used };

	text[0] = 0;
	if (!v->from_dir || row_of(conf, params[n], conf->n_origins) < 0)
		return text;
	add_param(&t, params[n], conf->n_origins, false);
	for (; rule && *rule; rule++) {
		rest.n = 0;
		if (conf->set[*rule])
			add_param(&rest, *rule, conf->n_origins, false);
	}
	return text;
}

/* Whether two names differ in whole numbers between dots alone: "blk.3.ffn_up.weight", "blk.11.ffn_up.weight". */
static bool same_name(struct fmt_str a, struct fmt_str b)
{
	size_t i = 0, j = 0;

	while (i < a.n && j < b.n) {
		bool digits = a.p[i] >= '0' && a.p[i] <= '9' && b.p[j] >= '0' && b.p[j] <= '9' && i && a.p[i - 1] == '.';

		if (digits) {
			while (i < a.n && a.p[i] >= '0' && a.p[i] <= '9')
				i++;
			while (j < b.n && b.p[j] >= '0' && b.p[j] <= '9')
				j++;
		} else if (a.p[i++] != b.p[j++]) {
			return false;
		}
	}
	return i == a.n && j == b.n;
}

static struct fmt_tensor_kind *find_kind(struct fmt_tensor_kinds *k, const struct fmt_view_tensor *t, enum fmt_share s)
{
	for (size_t i = 0; i < k->n; i++) {
		const struct fmt_view_tensor *f = k->kinds[i].first;

		if (k->kinds[i].share == s && f->n_dims == t->n_dims && !memcmp(f->dims, t->dims, t->n_dims * sizeof *t->dims) &&
		    same_name(f->name, t->name))
			return &k->kinds[i];
	}
	return NULL;
}

/* "blk.0.attn_q.weight" is "attn_q.weight" */
static struct fmt_str without_layer(const struct fmt_view_tensor *t)
{
	const char *dot = t->layer >= 0 && t->name.n > 4 ? memchr(t->name.p + 4, '.', t->name.n - 4) : NULL;

	return dot ? (struct fmt_str){ dot + 1, (size_t)(t->name.p + t->name.n - dot - 1) } : t->name;
}

bool fmt_tensor_kinds_init(struct fmt_tensor_kinds *k, const struct fmt_view *v, const struct fmt_estimate *e,
                           struct fmt_err *err)
{
	*k = (struct fmt_tensor_kinds){ .n = 0 };
	k->kinds = calloc(FMT_MAX_KINDS, sizeof *k->kinds);
	if (!k->kinds)
		return fmt_fail_nomem(err, FMT_MAX_KINDS * sizeof *k->kinds);
	for (uint64_t i = 0; i < v->n_tensors; i++) {
		const struct fmt_view_tensor *t = &v->tensors[i];
		enum fmt_share s = FMT_SHARE_OTHER;
		struct fmt_tensor_kind *kind;

		if (!fmt_estimate_share(e, t, &s))
			continue;
		kind = find_kind(k, t, s);
		if (!kind && k->n < FMT_MAX_KINDS) {
			kind = &k->kinds[k->n++];
			*kind = (struct fmt_tensor_kind){ .first = t, .name = without_layer(t), .share = s };
		}
		if (kind)
			kind->n_tensors++;
		else
			k->others[s] += t->n_elems; /* part of by_share, whose sum did not overflow */
	}
	return true;
}

void fmt_tensor_kinds_finish(struct fmt_tensor_kinds *k)
{
	free(k->kinds);
	*k = (struct fmt_tensor_kinds){ .n = 0 };
}
