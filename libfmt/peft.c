/* adapter_config.json. See peft.h; the names of keys and their defaults are those of PEFT's LoraConfig. */
#include <math.h>

#include <libfmt/utf8.h>

#include "peft.h"

enum { MAX_RANK = 65536 };

static bool fail_key(struct fmt_err *err, const char *key, const char *what)
{
	return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s: expected %s", key, what);
}

static bool is_there(const struct json *j)
{
	return j && !json_is(j, JSON_NULL);
}

static bool read_flag(const struct json *config, const char *key, bool *flag, struct fmt_err *err)
{
	const struct json *j = json_get(config, key);

	*flag = false;
	return !is_there(j) || json_bool(j, flag) || fail_key(err, key, "true or false");
}

static bool is_rank(const struct json *j, uint64_t *rank)
{
	return json_u64(j, rank) && *rank && *rank <= MAX_RANK;
}

static bool is_alpha(const struct json *j, double *alpha)
{
	return json_f64(j, alpha) && *alpha > 0 && *alpha < 1e9;
}

static bool read_numbers(const struct json *config, struct peft *p, struct fmt_err *err)
{
	const struct json *rank = json_get(config, "r"), *alpha = json_get(config, "lora_alpha");

	p->rank = 8;
	p->alpha = 8;
	return (!is_there(rank) || is_rank(rank, &p->rank) || fail_key(err, "r", "a whole number from 1 to 65536")) &&
	       (!is_there(alpha) || is_alpha(alpha, &p->alpha) || fail_key(err, "lora_alpha", "a number above 0"));
}

static bool read_pattern(const struct json *config, const char *key, bool ranks, const struct json **pattern, struct fmt_err *err)
{
	const struct json *j = json_get(config, key);
	uint64_t rank;
	double alpha;

	*pattern = NULL;
	if (!is_there(j))
		return true;
	if (!json_is(j, JSON_OBJECT))
		return fail_key(err, key, "an object");
	for (const struct json *m = json_first(j); m; m = json_next(m))
		if (ranks ? !is_rank(m, &rank) : !is_alpha(m, &alpha))
			return fail_key(err, key, ranks ? "whole numbers from 1 to 65536" : "numbers above 0");
	*pattern = j;
	return true;
}

static bool is_empty(const struct json *j)
{
	bool flag = false;

	return !is_there(j) || (json_bool(j, &flag) && !flag) || ((json_is(j, JSON_ARRAY) || json_is(j, JSON_OBJECT)) && !json_first(j));
}

/* What would change the result and is not done here. */
static bool check_kind(const struct json *config, struct fmt_err *err)
{
	static const char *const others[] = { "alora_invocation_tokens", "arrow_config", "layer_replication", "lora_bias",
	                                      "trainable_token_indices", "use_bdlora", "use_qalora" };
	struct fmt_str kind = json_str(json_get(config, "peft_type"));
	char text[FMT_SHOW_BYTES];

	if (!fmt_str_is(kind, "LORA"))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "peft_type: adapters of the kind %s are not supported (LORA is)",
		                kind.n ? fmt_show(kind, text) : "that is not said");
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!is_empty(json_get(config, others[i])))
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%s: adapters with it are not supported", others[i]);
	return true;
}

bool peft_read(const struct json *config, struct peft *p, struct fmt_err *err)
{
	*p = (struct peft){ .base = json_str(json_get(config, "base_model_name_or_path")) };
	if (!json_is(config, JSON_OBJECT))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "expected an object");
	return check_kind(config, err) && read_numbers(config, p, err) && read_flag(config, "use_rslora", &p->rslora, err) &&
	       read_flag(config, "use_dora", &p->dora, err) && read_pattern(config, "rank_pattern", true, &p->ranks, err) &&
	       read_pattern(config, "alpha_pattern", false, &p->alphas, err);
}

double peft_alpha(const struct peft *p)
{
	return p->rslora ? p->alpha * sqrt((double)p->rank) : p->alpha;
}

/* The first member whose expression matches; NULL: none. */
static bool find(const struct json *pattern, struct fmt_str module, const struct json **found, struct fmt_err *err)
{
	bool matches = false;

	*found = NULL;
	for (const struct json *m = json_first(pattern); m && !matches; m = json_next(m)) {
		if (!peft_matches(json_key(m), module, &matches, err))
			return false;
		*found = matches ? m : NULL;
	}
	return true;
}

bool peft_factor(const struct peft *p, struct fmt_str module, uint64_t rank, float *factor, struct fmt_err *err)
{
	const struct json *own_rank, *own_alpha;
	uint64_t asked = p->rank;
	double alpha = p->alpha;

	if (!find(p->ranks, module, &own_rank, err) || !find(p->alphas, module, &own_alpha, err))
		return false;
	if (own_rank)
		json_u64(own_rank, &asked);
	if (own_alpha)
		json_f64(own_alpha, &alpha);
	if (rank != asked)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%.*s: its tensors have rank %llu, adapter_config.json says %llu",
		                (int)module.n, module.p, (unsigned long long)rank, (unsigned long long)asked);
	*factor = (float)((p->rslora ? alpha * sqrt((double)rank) : alpha) / peft_alpha(p));
	return true;
}
