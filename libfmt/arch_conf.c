/* Reading config.json by a description's rows. See arch_conf.h. */
#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "arch_conf.h"
#include "rope_factors.h"

static const struct json *member(const struct json *object, const char *name, size_t n)
{
	const struct json *j = json_is(object, JSON_OBJECT) ? json_first(object) : NULL;

	while (j && !fmt_str_eq(json_key(j), (struct fmt_str){ name, n }))
		j = json_next(j);
	return j;
}

/* Of a list, by a digit: descriptions ask for no others. */
static const struct json *item(const struct json *list, const char *name, size_t n)
{
	const struct json *j = n == 1 && *name >= '0' && *name <= '9' ? json_first(list) : NULL;

	for (char c = '0'; j && c < *name; c++)
		j = json_next(j);
	return j;
}

static const struct json *find_below(const struct json *node, const char *path, size_t n)
{
	while (node && n) {
		const char *dot = memchr(path, '.', n);
		size_t len = dot ? (size_t)(dot - path) : n;

		node = json_is(node, JSON_ARRAY) ? item(node, path, len) : member(node, path, len);
		path += len + (dot ? 1 : 0);
		n -= len + (dot ? 1 : 0);
	}
	return node;
}

const struct json *arch_conf_find(const struct json *config, const char *path, size_t n)
{
	const struct json *j = find_below(json_get(config, "text_config"), path, n);

	return j ? j : find_below(config, path, n);
}

/* The first of the row's names that is there, with its length for messages; NULL if none is. */
static const struct json *find_row(const struct json *config, const struct arch_param_row *row, struct fmt_str *name)
{
	const char *p = row->config;

	*name = (struct fmt_str){ "", 0 };
	while (p && *p) {
		size_t n = strcspn(p, " ");
		const struct json *j = arch_conf_find(config, p, n);

		if (j || !name->n)
			*name = (struct fmt_str){ p, n };
		if (j)
			return j;
		p += n + (p[n] == ' ');
	}
	return NULL;
}

static bool bad_value(struct fmt_err *err, struct fmt_str key, const char *want)
{
	return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%.*s: expected %s", (int)key.n, key.p, want);
}

static bool read_word(const struct arch_param_row *row, const struct json *j, struct fmt_str key, uint64_t *out,
                      struct fmt_err *err)
{
	struct fmt_str s = json_str(j);
	char known[160] = "";

	if (!json_is(j, JSON_STRING))
		return bad_value(err, key, "a word");
	for (const struct arch_word *w = row->words; w->word; w++) {
		if (fmt_str_is(s, w->word)) {
			*out = w->means;
			return true;
		}
		if (strlen(known) + strlen(w->word) + 3 < sizeof known) {
			strcat(known, known[0] ? ", " : "");
			strcat(known, w->word);
		}
	}
	return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%.*s is '%.*s'; known here: %s", (int)key.n, key.p,
	                (int)(s.n < 60 ? s.n : 60), s.p, known);
}

/* A list with a number for each layer. Widths and heads may differ from layer to layer. */
static bool read_list(const struct arch_param_row *row, const struct json *list, struct fmt_str key, struct arch_conf *conf,
                       struct fmt_err *err)
{
	uint64_t n = 0, i = 0;
	bool differ = false;

	if (json_count(list) == 0 || json_count(list) > ARCH_MAX_LAYERS)
		return bad_value(err, key, "a number for each layer");
	for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
		if (!json_u64(j, &n))
			return bad_value(err, key, "whole numbers");
		if (n == 0 || n > row->max)
			return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%.*s: %" PRIu64 " is not between 1 and %" PRIu64, (int)key.n,
			                key.p, n, row->max);
		differ = differ || (i && n != conf->each[0]);
		conf->each[i] = n;
	}
	conf->n[row->id] = conf->each[0];
	if (!differ)
		return true;
	if (i != conf->n[P_LAYERS])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%.*s: %" PRIu64 " entries for %" PRIu64 " layers", (int)key.n,
		                key.p, i, conf->n[P_LAYERS]);
	if (row->id != P_FF && row->id != P_HEADS)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%.*s: layers of different sizes are not known here",
		                (int)key.n, key.p);
	conf->each_of = row->id;
	return true;
}

/* transformers 5 has {"__float__": "Infinity"}. */
static bool read_limit(const struct json *j, double *limit)
{
	if (fmt_str_is(json_str(json_get(j, "__float__")), "Infinity")) {
		*limit = INFINITY;
		return true;
	}
	return json_f64(j, limit) && *limit >= 0;
}

static bool read_value(const struct arch_param_row *row, const struct json *j, struct fmt_str key,
                       struct arch_conf *conf, struct fmt_err *err)
{
	bool flag;

	switch (row->kind) {
	case KIND_LENGTH:
		conf->n[row->id] = json_is(j, JSON_ARRAY) ? json_count(j) : json_str(j).n;
		return true;
	case KIND_COUNT:
	case KIND_NUMBER:
		if (json_is(j, JSON_ARRAY))
			return read_list(row, j, key, conf, err);
		if (!json_u64(j, &conf->n[row->id]))
			return bad_value(err, key, "a whole number");
		return true;
	case KIND_REAL:
		if (!json_f64(j, &conf->f[row->id]))
			return bad_value(err, key, "a number");
		return true;
	case KIND_LIMIT:
		return read_limit(j, &conf->f[row->id]) || bad_value(err, key, "a number, not below 0");
	case KIND_FLAG:
		if (!json_bool(j, &flag))
			return bad_value(err, key, "true or false");
		conf->n[row->id] = flag;
		return true;
	case KIND_FALSE:
	case KIND_TRUE:
		if (!json_bool(j, &flag))
			return bad_value(err, key, "true or false");
		if (flag != (row->kind == KIND_TRUE))
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%.*s: %s is not known here", (int)key.n, key.p,
			                flag ? "true" : "false");
		return true;
	case KIND_WORD:
		return read_word(row, j, key, &conf->n[row->id], err);
	}
	return false;
}

/* Two thirds, times a factor, up to a multiple: Lfm2MLP of transformers 5. All are bounded. */
static uint64_t lfm2_width(const struct arch_conf *conf)
{
	uint64_t n = 2 * conf->n[P_FF] / 3, by = conf->n[P_FF_MULTIPLE];
	double wide = conf->f[P_FF_FACTOR] * (double)n;

	if (!conf->set[P_FF_FACTOR])
		return n;
	return wide > (double)ARCH_MAX_WIDTH ? 2 * ARCH_MAX_WIDTH : ((uint64_t)wide + by - 1) / by * by;
}

/* The key that a number came from. Of one that follows from another the other's; empty where nobody gave it. */
static struct fmt_str key_of(const struct arch_conf *conf, enum arch_param p)
{
	for (unsigned i = conf->n_origins; i > 0; i--) {
		const struct arch_origin *o = &conf->origins[i - 1];

		if (o->row->id != p || !o->set)
			continue;
		if (o->key.n || !o->rule || o->rule->how == ELSE_FIXED)
			return o->key;
		p = o->rule->a; /* rows stand after those that they follow from */
	}
	return (struct fmt_str){ NULL, 0 };
}

/* What does not divide, and by which: "head_dim is not given, and hidden_size: 4096 is not a multiple of 3
 * (num_attention_heads)". */
static bool no_multiple(const struct arch_conf *conf, const struct arch_else *e, struct fmt_str key, uint64_t by, struct fmt_err *err)
{
	struct fmt_str a = key_of(conf, e->a), b = e->b ? key_of(conf, e->b) : (struct fmt_str){ NULL, 0 };

	return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%.*s%s%.*s%s%" PRIu64 " is not a multiple of %" PRIu64 "%s%.*s%s",
	                (int)key.n, key.p, key.n ? " is not given, and " : "", (int)a.n, a.p, a.n ? ": " : "a width of ",
	                conf->n[e->a], by, b.n ? " (" : "", (int)b.n, b.p, b.n ? ")" : "");
}

/* A value that config.json does not give. */
static bool take_else(const struct arch_param_row *row, const struct arch_else *e, struct fmt_str key,
                      struct arch_conf *conf, struct fmt_err *err)
{
	uint64_t by;

	if ((e->how == ELSE_PRODUCT || e->how == ELSE_SUM || e->how == ELSE_QUOTIENT) &&
	    (!conf->set[e->a] || (e->b && !conf->set[e->b])))
		return true; /* nothing follows from what is not there */
	switch (e->how) {
	case ELSE_REFUSE:
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET, "%.*s: not there, and it has no default", (int)key.n,
		                key.p);
	case ELSE_UNSET:
		return true;
	case ELSE_FIXED:
		conf->n[row->id] = (uint64_t)e->fixed;
		conf->f[row->id] = e->fixed;
		break;
	case ELSE_SAME:
		conf->n[row->id] = conf->n[e->a];
		conf->f[row->id] = conf->f[e->a];
		conf->set[row->id] = conf->set[e->a];
		return true;
	case ELSE_PRODUCT: /* both are bounded, so this cannot overflow */
		conf->n[row->id] = conf->n[e->a] * (e->b ? conf->n[e->b] : (uint64_t)e->fixed);
		break;
	case ELSE_SUM:
		conf->n[row->id] = conf->n[e->a] + (uint64_t)e->fixed * conf->n[e->b];
		break;
	case ELSE_CEIL:
		conf->n[row->id] = (conf->n[e->a] + (uint64_t)e->fixed - 1) / (uint64_t)e->fixed;
		break;
	case ELSE_LESS_ONE:
		conf->n[row->id] = conf->n[e->a] - 1;
		break;
	case ELSE_UNLESS:
		if (conf->n[e->a] == conf->n[e->b])
			return true;
		conf->n[row->id] = conf->n[e->a];
		break;
	case ELSE_LFM2:
		conf->n[row->id] = lfm2_width(conf);
		break;
	case ELSE_QUOTIENT:
		by = e->b ? conf->n[e->b] : (uint64_t)e->fixed;
		if (conf->n[e->a] % by)
			return no_multiple(conf, e, key, by, err);
		conf->n[row->id] = conf->n[e->a] / by;
		break;
	case ELSE_PART:
		conf->n[row->id] = conf->n[e->a];
		if (conf->set[e->b]) /* a bounded count times a real up to 1e30: not above 2^64 once the real is checked */
			conf->n[row->id] = (uint64_t)((double)conf->n[e->a] * fmin(conf->f[e->b], 1));
		break;
	case ELSE_SCALE:
		if (conf->n[e->a] == conf->n[e->b])
			return true;
		conf->f[row->id] = 1 / sqrt((double)conf->n[e->a]);
		break;
	}
	conf->set[row->id] = true;
	return true;
}

/* A number that does not go with another: "num_key_value_heads: 3 does not divide 8 (num_attention_heads)". */
static bool fail_beside(const struct arch_conf *conf, struct fmt_str key, uint64_t n, const char *what, enum arch_param other,
                        struct fmt_err *err)
{
	struct fmt_str name = key_of(conf, other);

	return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%.*s: %" PRIu64 " %s %" PRIu64 "%s%.*s%s", (int)key.n, key.p, n, what,
	                conf->n[other], name.n ? " (" : "", (int)name.n, name.p, name.n ? ")" : "");
}

/* Every ceiling and every relation that a row states. */
static bool check_value(const struct arch_param_row *row, struct fmt_str key, const struct arch_conf *conf,
                        struct fmt_err *err)
{
	uint64_t n = conf->n[row->id], of = conf->n[row->divides];
	double f = conf->f[row->id];

	if (!key.n)
		key = FMT_STR("a width that follows from heads and head_dim");
	if ((row->kind == KIND_COUNT || row->kind == KIND_LENGTH) && (n == 0 || n > row->max))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%.*s: %" PRIu64 " is not between 1 and %" PRIu64,
		                (int)key.n, key.p, n, row->max);
	if (row->kind == KIND_NUMBER && n > row->max)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%.*s: %" PRIu64 " is above %" PRIu64, (int)key.n, key.p, n,
		                row->max);
	if (row->at_most && n > conf->n[row->at_most])
		return fail_beside(conf, key, n, "is more than there are:", row->at_most, err);
	if (row->kind == KIND_COUNT && row->divides && of % n)
		return fail_beside(conf, key, n, "does not divide", row->divides, err);
	if (row->kind == KIND_REAL && (!isfinite(f) || f <= 0 || f > 1e30))
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%.*s: %g is not a number above 0", (int)key.n, key.p, f);
	return true;
}

void arch_conf_origin(struct arch_conf *conf, struct arch_origin o)
{
	assert(conf->n_origins < ARCH_MAX_ORIGINS); /* a description's tables are ours */
	o.set = conf->set[o.row->id];
	o.value = conf->n[o.row->id];
	conf->origins[conf->n_origins++] = o;
}

/* What counts where the key is not there: the description's own default before that of the row. */
static const struct arch_else *absent_rule(const struct fmt_arch *arch, const struct arch_param_row *row, struct arch_conf *conf)
{
	const struct arch_default *d = arch->defaults;

	while (d && d->id && d->id != row->id)
		d++;
	if (!d || !d->id || (!row->config && row->absent.how != ELSE_FIXED))
		return &row->absent;
	conf->fixed[row->id] = (struct arch_else){ ELSE_FIXED, .fixed = d->is };
	return &conf->fixed[row->id];
}

static bool read_row(const struct fmt_arch *arch, const struct arch_param_row *row, const struct json *config,
                     struct arch_conf *conf, struct fmt_err *err)
{
	struct fmt_str key;
	const struct json *j = find_row(config, row, &key);
	const struct arch_else *e = NULL;

	if (!arch_conf_when(conf, row->when))
		return true;
	if (j && fmt_str_is(json_str(j), "auto") && row->null.how != ELSE_REFUSE) {
		e = &row->null;
		if (!take_else(row, e, key, conf, err))
			return false;
	} else if (j && json_type(j) != JSON_NULL) {
		if (!read_value(row, j, key, conf, err))
			return false;
		conf->set[row->id] = row->kind != KIND_LIMIT || (conf->f[row->id] > 0 && isfinite(conf->f[row->id]));
	} else {
		e = j && row->null.how != ELSE_REFUSE ? &row->null : absent_rule(arch, row, conf);

		if (!take_else(row, e, key, conf, err))
			return false;
	}
	arch_conf_origin(conf, (struct arch_origin){ .row = row, .key = key, .rule = e, .null = j && e });
	return !conf->set[row->id] || check_value(row, key, conf, err);
}

/* A scaling is nothing without its factor; LongRoPE's follows from the contexts where it is not given. */
static bool check_rope(struct arch_conf *conf, struct fmt_err *err)
{
	uint64_t type = conf->n[P_ROPE_TYPE];

	if (!conf->set[P_ROPE_TYPE])
		return true;
	if (type == ROPE_LONG && !conf->set[P_ROPE_MAGNITUDE]) {
		conf->f[P_ROPE_MAGNITUDE] = rope_long_magnitude(conf);
		conf->set[P_ROPE_MAGNITUDE] = true;
	}
	if ((type == ROPE_LINEAR || type == ROPE_DYNAMIC || type == ROPE_YARN || type == ROPE_LLAMA3) &&
	    !conf->set[P_ROPE_FACTOR])
		return fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET,
		                "rope_parameters.factor (or rope_scaling.factor): this RoPE scaling needs it");
	if (type == ROPE_LLAMA3 && conf->f[P_ROPE_LOW] > conf->f[P_ROPE_HIGH])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET,
		                "rope scaling: low_freq_factor %g is above high_freq_factor %g", conf->f[P_ROPE_LOW],
		                conf->f[P_ROPE_HIGH]);
	return true;
}

bool arch_conf_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	*conf = (struct arch_conf){ .n = { 0 } };
	for (const struct arch_param_row *const *table = arch->params; *table; table++)
		for (const struct arch_param_row *row = *table; row->id != P_NONE; row++)
			if (!read_row(arch, row, config, conf, err))
				return false;
	rope_magnitude(conf);
	return check_rope(conf, err) && arch_layers_read(arch, config, conf, err);
}

bool arch_conf_when(const struct arch_conf *conf, struct arch_when when)
{
	if (when.is == ARCH_SET || when.is == ARCH_UNSET)
		return conf->set[when.param] == (when.is == ARCH_SET);
	if (when.is == ARCH_SOME)
		return conf->set[when.param] && conf->n[when.param];
	return !when.param || (conf->set[when.param] && conf->n[when.param] == when.is);
}

uint64_t arch_conf_in(const struct arch_conf *conf, enum arch_param p, int64_t layer)
{
	bool follows = p == conf->each_of || (conf->each_of == P_HEADS && p == P_Q_WIDTH);

	if (layer < 0 || !conf->each_of || !follows)
		return conf->n[p];
	return conf->n[p] / conf->n[conf->each_of] * conf->each[layer]; /* a multiple: a product of it */
}
