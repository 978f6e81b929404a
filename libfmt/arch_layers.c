/* What each layer of a model is: which attention, which feed-forward block. Most architectures say it with a few
 * numbers; config.json may also have a word (layer_types) or a list (mlp_only_layers) for single layers. */
#include <inttypes.h>
#include <string.h>

#include "arch_conf.h"

#define LAYER_MIXERS (LAYER_FULL | LAYER_WINDOW | LAYER_SSM | LAYER_LINEAR)

/* Lists that say it layer by layer. */
static const struct arch_param_row layer_lists[] = {
	{ P_LAYER_LIST, KIND_NUMBER, "layer_types" },
	{ P_LAYER_LIST, KIND_NUMBER, "hybrid_override_pattern" },
	{ P_LAYER_LIST, KIND_NUMBER, "mlp_only_layers" },
};

/* Notes that one of them counts. */
static void note_list(struct arch_conf *conf, const struct arch_param_row *row, uint64_t n)
{
	conf->set[P_LAYER_LIST] = true;
	conf->n[P_LAYER_LIST] = n;
	arch_conf_origin(conf, (struct arch_origin){ .row = row, .key = { row->config, strlen(row->config) } });
}

static bool has_window(const struct arch_conf *conf, uint64_t layer)
{
	if (!conf->set[P_WINDOW])
		return false;
	if (conf->set[P_NO_ROPE_EVERY])
		return conf->layer[layer] & LAYER_NO_ROPE;
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

/* layer_types: a word per layer, which comes before any rule. Read of those that have more than one kind. */
static bool read_types(const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list = arch_conf_find(config, "layer_types", 11);
	uint64_t i = 0;

	if ((!conf->set[P_WINDOW] && !conf->set[P_ATTN_EVERY]) || !json_is(list, JSON_ARRAY))
		return true;
	if (json_count(list) != conf->n[P_LAYERS])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "layer_types: %zu words for %" PRIu64 " layers",
		                json_count(list), conf->n[P_LAYERS]);
	note_list(conf, &layer_lists[0], json_count(list));
	for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
		struct fmt_str word = json_str(j);
		unsigned mixer = fmt_str_is(word, "full_attention")                                ? LAYER_FULL :
		                 fmt_str_is(word, "sliding_attention") && conf->set[P_WINDOW]     ? LAYER_WINDOW :
		                 fmt_str_is(word, "linear_attention") && conf->set[P_ATTN_EVERY] ? LAYER_LINEAR :
		                                                                                    0;

		if (!mixer)
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "layer_types: '%.*s' is not known here",
			                (int)(word.n < 60 ? word.n : 60), word.p ? word.p : "");
		conf->layer[i] = (uint8_t)((conf->layer[i] & ~(unsigned)LAYER_MIXERS) | mixer);
	}
	return true;
}

/* hybrid_override_pattern: a letter per layer. */
static bool read_pattern(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                         struct fmt_err *err)
{
	struct fmt_str text = json_str(arch_conf_find(config, "hybrid_override_pattern", 23));

	if (!arch->pattern)
		return true;
	if (text.n != conf->n[P_LAYERS])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "hybrid_override_pattern: %zu letters for %" PRIu64 " layers", text.n,
		                conf->n[P_LAYERS]);
	note_list(conf, &layer_lists[1], text.n);
	for (size_t i = 0; i < text.n; i++) {
		const struct arch_word *w = arch->pattern;

		while (w->word && w->word[0] != text.p[i])
			w++;
		if (!w->word)
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "hybrid_override_pattern: letter %zu is not known here", i);
		conf->layer[i] = (uint8_t)w->means;
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
	if (json_count(list))
		note_list(conf, &layer_lists[2], json_count(list));
	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		if (!json_u64(j, &i) || i >= conf->n[P_LAYERS])
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "mlp_only_layers: expected numbers of layers");
		conf->layer[i] = (uint8_t)((conf->layer[i] & ~LAYER_MOE) | LAYER_DENSE);
	}
	return true;
}

/* no_rope_layers: against its name, 1 for each layer that rotates and 0 for each that does not. */
static bool read_no_rope(const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list = arch_conf_find(config, "no_rope_layers", 14), *j = json_first(list);
	bool given = json_is(list, JSON_ARRAY);
	uint64_t rotates;

	if (!conf->set[P_NO_ROPE_EVERY])
		return true;
	if (given && json_count(list) != conf->n[P_LAYERS])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "no_rope_layers: %zu numbers for %" PRIu64 " layers",
		                json_count(list), conf->n[P_LAYERS]);
	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++, j = json_next(j)) {
		rotates = (i + 1) % conf->n[P_NO_ROPE_EVERY] != 0;
		if (given && (!json_u64(j, &rotates) || rotates > 1))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "no_rope_layers: expected 0 or 1 for each layer");
		conf->layer[i] = rotates ? 0 : LAYER_NO_ROPE;
	}
	return true;
}

bool arch_layers_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                      struct fmt_err *err)
{
	if (!read_no_rope(config, conf, err))
		return false;
	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++) {
		bool linear = conf->set[P_ATTN_EVERY] && (i + 1) % conf->n[P_ATTN_EVERY] != 0;
		unsigned mixer = arch->mixer         ? arch->mixer :
		                 linear              ? LAYER_LINEAR :
		                 has_window(conf, i) ? LAYER_WINDOW :
		                                       LAYER_FULL;

		/* a state space is the whole layer: it has no feed-forward block behind it */
		conf->layer[i] |= (uint8_t)(mixer | (mixer & LAYER_SSM ? 0 : has_experts(conf, i) ? LAYER_MOE : LAYER_DENSE));
	}
	return read_types(config, conf, err) && read_dense(config, conf, err) && read_pattern(arch, config, conf, err);
}
