/* What each layer of a model is: which attention, which feed-forward block. Most architectures say it with a few
 * numbers; config.json may also have a word (layer_types) or a list (mlp_only_layers) for single layers. */
#include <inttypes.h>
#include <string.h>

#include "arch_conf.h"

#define LAYER_MIXERS (LAYER_FULL | LAYER_WINDOW | LAYER_SSM | LAYER_LINEAR | LAYER_CONV)
#define LAYER_BLOCKS (LAYER_DENSE | LAYER_MOE)

/* What layer_types and layers_block_type call things. */
static const struct arch_word mixer_words[] = {
	{ "full_attention", LAYER_FULL },    { "attention", LAYER_FULL },      { "deepseek_sparse_attention", LAYER_FULL },
	{ "sliding_attention", LAYER_WINDOW }, { "chunked_attention", LAYER_WINDOW }, { "linear_attention", LAYER_LINEAR },
	{ "mamba", LAYER_SSM },              { "conv", LAYER_CONV },           { "mlp", LAYER_DENSE },
	{ "moe", LAYER_MOE },                { NULL, 0 },
};

static const struct arch_word block_words[] = { { "dense", LAYER_DENSE }, { "sparse", LAYER_MOE }, { NULL, 0 } };

/* Lists that say it layer by layer. */
static const struct arch_param_row layer_lists[] = {
	{ P_LAYER_LIST, KIND_NUMBER, "layer_types" },
	{ P_LAYER_LIST, KIND_NUMBER, "layers_block_type" },
	{ P_LAYER_LIST, KIND_NUMBER, "mlp_layer_types" },
	{ P_LAYER_LIST, KIND_NUMBER, "hybrid_override_pattern" },
	{ P_LAYER_LIST, KIND_NUMBER, "mlp_only_layers" },
	{ P_LAYER_LIST, KIND_NUMBER, "moe_layers" },
	{ P_LAYER_LIST, KIND_NUMBER, "no_rope_layers" },
	{ P_LAYER_LIST, KIND_NUMBER, "attn_layer_indices" },
	{ P_LAYER_LIST, KIND_NUMBER, "full_attn_idxs" },
};

/* Notes that the list of that name counts. */
static void note_list(struct arch_conf *conf, const char *key, uint64_t n)
{
	const struct arch_param_row *row = layer_lists;

	while (strcmp(row->config, key))
		row++;
	conf->set[P_LAYER_LIST] = true;
	conf->n[P_LAYER_LIST] = n;
	arch_conf_origin(conf, (struct arch_origin){ .row = row, .key = { row->config, strlen(row->config) } });
}

/* A list that must have one entry per layer. */
static bool check_count(const struct arch_conf *conf, const char *key, const struct json *list, struct fmt_err *err)
{
	if (json_count(list) == conf->n[P_LAYERS])
		return true;
	return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "%s: %zu entries for %" PRIu64 " layers", key, json_count(list),
	                conf->n[P_LAYERS]);
}

static bool has_window(const struct fmt_arch *arch, const struct arch_conf *conf, uint64_t layer)
{
	if (!conf->set[P_WINDOW])
		return false;
	if (conf->set[P_NO_ROPE_EVERY])
		return !(conf->layer[layer] & LAYER_NO_ROPE) == arch->windows_rotate;
	if (conf->set[P_WINDOW_FROM] && layer < conf->n[P_WINDOW_FROM])
		return false;
	return !conf->set[P_FULL_EVERY] || (layer + 1) % conf->n[P_FULL_EVERY] != 0;
}

static bool has_experts(const struct arch_conf *conf, uint64_t layer)
{
	if (!conf->n[P_EXPERTS])
		return false;
	if (conf->set[P_DENSE_FIRST] && layer < conf->n[P_DENSE_FIRST])
		return false;
	if (conf->set[P_MOE_OFFSET])
		return layer % conf->n[P_MOE_STEP] == conf->n[P_MOE_OFFSET];
	return !conf->set[P_MOE_STEP] || (layer + 1) % conf->n[P_MOE_STEP] == 0;
}

/* What the layers of an architecture may be: what its description says, or what its numbers allow. */
static unsigned possible(const struct fmt_arch *arch, const struct arch_conf *conf)
{
	unsigned may = arch->kinds ? arch->kinds : LAYER_FULL;

	if (arch->mixer & LAYER_SSM && !arch->kinds)
		return 0;
	return may | (conf->set[P_WINDOW] ? LAYER_WINDOW : 0) | (conf->set[P_ATTN_EVERY] && !arch->kinds ? LAYER_LINEAR : 0);
}

/* A list, whose key may be absent or null.
 * list     out: NULL without one */
static bool find_list(const struct json *config, const char *key, const struct json **list, struct fmt_err *err)
{
	const struct json *j = arch_conf_find(config, key, strlen(key));

	*list = json_is(j, JSON_ARRAY) ? j : NULL;
	return !j || *list || json_is(j, JSON_NULL) || fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s: expected a list", key);
}

/* A word per layer, which comes before any rule. Read of those that have more than one kind.
 * replaced   bits of a layer that its word replaces */
static bool read_words(const struct fmt_arch *arch, const char *key, const struct arch_word *words, unsigned replaced,
                       const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list;
	unsigned may = words == block_words ? (conf->set[P_EXPERTS] ? LAYER_BLOCKS : 0) : possible(arch, conf);
	uint64_t i = 0;

	if (!(may & (may - 1)))
		return true;
	if (!find_list(config, key, &list, err))
		return false;
	if (!list)
		return true;
	if (!check_count(conf, key, list, err))
		return false;
	note_list(conf, key, json_count(list));
	for (const struct json *j = json_first(list); j; j = json_next(j), i++) {
		struct fmt_str word = json_str(j);
		const struct arch_word *w = words;

		while (w->word && !(fmt_str_is(word, w->word) && may & w->means))
			w++;
		if (!w->word)
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "%s: '%.*s' is not known here", key,
			                (int)(word.n < 60 ? word.n : 60), word.p ? word.p : "");
		/* where a layer may be a block and nothing else, it is one thing only */
		conf->layer[i] = (uint16_t)((may & LAYER_BLOCKS && replaced == LAYER_MIXERS ? 0 : conf->layer[i] & ~replaced) | w->means);
	}
	return true;
}

/* hybrid_override_pattern: a letter per layer. */
static bool read_pattern(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                         struct fmt_err *err)
{
	const struct json *j = arch_conf_find(config, "hybrid_override_pattern", 23);
	struct fmt_str text = json_str(j);

	if (!arch->pattern || !j || json_is(j, JSON_NULL))
		return true;
	if (!json_is(j, JSON_STRING))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "hybrid_override_pattern: expected a letter for each layer");
	if (text.n != conf->n[P_LAYERS])
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "hybrid_override_pattern: %zu letters for %" PRIu64 " layers", text.n,
		                conf->n[P_LAYERS]);
	note_list(conf, "hybrid_override_pattern", text.n);
	for (size_t i = 0; i < text.n; i++) {
		const struct arch_word *w = arch->pattern;

		while (w->word && w->word[0] != text.p[i])
			w++;
		if (!w->word)
			return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "hybrid_override_pattern: letter %zu is not known here", i);
		conf->layer[i] = (uint16_t)w->means;
	}
	return true;
}

/* Numbers of layers, or a flag for each. */
static bool read_numbers(const struct arch_numbers *row, const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list;
	unsigned both = row->in | row->out;
	uint64_t n = 0, at = 0;

	if (both & LAYER_MOE && !conf->set[P_EXPERTS])
		return true;
	if (!find_list(config, row->key, &list, err))
		return false;
	if (!json_count(list))
		return true;
	if (row->flags && !check_count(conf, row->key, list, err))
		return false;
	note_list(conf, row->key, json_count(list));
	for (uint64_t i = 0; row->out && i < conf->n[P_LAYERS]; i++)
		conf->layer[i] = (uint16_t)((conf->layer[i] & ~both) | row->out);
	for (const struct json *j = json_first(list); j; j = json_next(j), at++) {
		if (!json_u64(j, &n) || (row->flags ? n > 1 : n >= conf->n[P_LAYERS]))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s: expected %s", row->key,
			                row->flags ? "0 or 1 for each layer" : "numbers of layers");
		if (row->flags && !n)
			continue;
		n = row->flags ? at : n;
		conf->layer[n] = (uint16_t)((conf->layer[n] & ~(both | (row->out ? 0 : LAYER_BLOCKS))) | row->in);
	}
	return true;
}

/* no_rope_layers: against its name, 1 for each layer that rotates and 0 for each that does not. */
static bool read_no_rope(const struct json *config, struct arch_conf *conf, struct fmt_err *err)
{
	const struct json *list, *j;
	uint64_t rotates;
	bool given;

	if (!conf->set[P_NO_ROPE_EVERY])
		return true;
	if (!find_list(config, "no_rope_layers", &list, err))
		return false;
	j = json_first(list);
	given = j != NULL; /* an empty list says nothing */
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

/* The last layers may use the keys and values of earlier ones. */
static void share_cache(struct arch_conf *conf)
{
	uint64_t n = conf->n[P_LAYERS];

	for (uint64_t i = 0; conf->set[P_KV_SHARED] && i < conf->n[P_KV_SHARED] && i < n; i++)
		conf->layer[n - 1 - i] |= LAYER_SHARED;
}

/* Layers for multi-token prediction are like the last one, but always attend to everything. */
static void add_next(struct arch_conf *conf)
{
	uint64_t n = conf->n[P_LAYERS];

	for (uint64_t i = 0; n && i < ARCH_MAX_NEXT; i++)
		conf->layer[n + i] = (uint16_t)((conf->layer[n - 1] & LAYER_BLOCKS) | LAYER_FULL);
}

static unsigned mixer_by_rule(const struct fmt_arch *arch, const struct arch_conf *conf, uint64_t i)
{
	bool attends = !conf->set[P_ATTN_EVERY] ||
	               i % conf->n[P_ATTN_EVERY] == (conf->set[P_ATTN_OFFSET] ? conf->n[P_ATTN_OFFSET] : conf->n[P_ATTN_EVERY] - 1);

	if (conf->set[P_ATTN_EVERY] && attends)
		return LAYER_FULL;
	if (arch->mixer)
		return arch->mixer;
	return !attends ? LAYER_LINEAR : has_window(arch, conf, i) ? LAYER_WINDOW : LAYER_FULL;
}

bool arch_layers_read(const struct fmt_arch *arch, const struct json *config, struct arch_conf *conf,
                      struct fmt_err *err)
{
	static const struct arch_numbers dense = { "mlp_only_layers", .in = LAYER_DENSE };
	const struct arch_numbers *row = arch->numbers;

	if (!read_no_rope(config, conf, err))
		return false;
	for (uint64_t i = 0; i < conf->n[P_LAYERS]; i++) {
		unsigned mixer = mixer_by_rule(arch, conf, i);
		/* a state space may be the whole layer, without a feed-forward block behind it */
		bool block = !(mixer & LAYER_SSM) || arch->ssm_block;

		conf->layer[i] |= (uint16_t)(mixer | (!block ? 0 : has_experts(conf, i) ? LAYER_MOE : LAYER_DENSE));
	}
	for (; row && row->key; row++)
		if (!read_numbers(row, config, conf, err))
			return false;
	if (!read_numbers(&dense, config, conf, err) ||
	    !read_words(arch, "layer_types", mixer_words, LAYER_MIXERS, config, conf, err) ||
	    !read_words(arch, "layers_block_type", mixer_words, LAYER_MIXERS, config, conf, err) ||
	    !read_words(arch, "mlp_layer_types", block_words, LAYER_BLOCKS, config, conf, err) ||
	    !read_pattern(arch, config, conf, err))
		return false;
	share_cache(conf);
	add_next(conf);
	return true;
}
