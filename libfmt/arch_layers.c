/* What each layer of a model is: which attention, which feed-forward block. Most architectures say it with a few
 * numbers; config.json may also have a word (layer_types) or a list (mlp_only_layers) for single layers. */
#include <inttypes.h>

#include "arch_conf.h"

static bool has_window(const struct arch_conf *conf, uint64_t layer)
{
	if (!conf->set[P_WINDOW])
		return false;
	if (conf->set[P_WINDOW_FROM] && layer < conf->n[P_WINDOW_FROM])
		return false;
	return !conf->set[P_FULL_EVERY] || (layer + 1) % conf->n[P_FULL_EVERY] != 0;
}

static bool has_experts(const struct arch_conf *conf, uint64_t layer)
{
	if (!conf->set[P_EXPERTS])
		return false;
	if (conf->set[P_DENSE_FIRST] && layer < conf->n[P_DENSE_FIRST])
		return false;
	return !conf->set[P_MOE_STEP] || (layer + 1) % conf->n[P_MOE_STEP] == 0;
}

/* layer_types: a word per layer, which comes before any rule. */
static bool read_types(const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list = arch_conf_find(config, "layer_types", 11);
	uint64_t i = 0;

	if (!conf->set[P_WINDOW] || !json_is(list, JSON_ARRAY))
		return true;
	if (json_count(list) != conf->n[P_LAYERS])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "layer_types: %zu words for %" PRIu64 " layers",
		                json_count(list), conf->n[P_LAYERS]);
	for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
		struct fmt_str word = json_str(j);
		bool window = fmt_str_is(word, "sliding_attention");

		if (!window && !fmt_str_is(word, "full_attention"))
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "layer_types: '%.*s' is not known here",
			                (int)(word.n < 60 ? word.n : 60), word.p ? word.p : "");
		conf->layer[i] = (uint8_t)((conf->layer[i] & ~(LAYER_FULL | LAYER_WINDOW)) |
		                           (window ? LAYER_WINDOW : LAYER_FULL));
	}
	return true;
}

/* mlp_only_layers: the numbers of layers without experts. */
static bool read_dense(const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list = arch_conf_find(config, "mlp_only_layers", 15);
	uint64_t i;

	if (!conf->set[P_EXPERTS] || !json_is(list, JSON_ARRAY))
		return true;
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		if (!json_u64(j, &i) || i >= conf->n[P_LAYERS])
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "mlp_only_layers: expected numbers of layers");
		conf->layer[i] = (uint8_t)((conf->layer[i] & ~LAYER_MOE) | LAYER_DENSE);
	}
	return true;
}

bool arch_layers_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                      struct fmt_err *err)
{
	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++) {
		unsigned mixer = arch->mixer ? arch->mixer : has_window(conf, i) ? LAYER_WINDOW : LAYER_FULL;

		/* a state space is the whole layer: it has no feed-forward block behind it */
		conf->layer[i] = (uint8_t)(mixer | (mixer & LAYER_SSM ? 0 : has_experts(conf, i) ? LAYER_MOE : LAYER_DENSE));
	}
	return read_types(config, conf, err) && read_dense(config, conf, err);
}
