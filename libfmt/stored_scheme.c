/* From "quantization_config" to the layout of a matrix: a reader for each method. */
#include <stdio.h>
#include <string.h>

#include "arch_conf.h"
#include "stored_scheme.h"

#define MAX_GROUP (UINT64_C(1) << 30)

struct reader {
	struct stored_scheme *q;
	struct fmt_stored *s;
	const struct json *node; /* quantization_config */
	enum fmt_type type;      /* of what is not quantized */
	struct fmt_arena *mem;
	struct fmt_err *err;
};

static uint64_t float_bytes(const struct reader *r)
{
	return fmt_type_info(r->type)->block_bytes;
}

/* The model can be counted, but not its file. */
static bool not_known(struct reader *r, const char *why)
{
	snprintf(r->s->why, sizeof r->s->why, "%s", why);
	return true;
}

static bool fail_key(struct reader *r, const char *key, const char *want)
{
	return fmt_fail(r->err, FMT_MALFORMED, FMT_NO_OFFSET, "quantization_config.%s: expected %s", key, want);
}

/* A whole number from 1 up; -1, null and an absent key give `absent`. */
static bool read_count(struct reader *r, const struct json *from, const char *key, uint64_t absent, uint64_t *out)
{
	const struct json *j = json_get(from, key);
	int64_t whole = 0;

	*out = absent;
	if (!j || json_is(j, JSON_NULL) || (json_i64(j, &whole) && whole == -1))
		return true;
	if (!json_u64(j, out) || !*out || *out > MAX_GROUP)
		return fail_key(r, key, "a whole number above 0");
	return true;
}

static bool read_flag(struct reader *r, const struct json *from, const char *key, bool absent, bool *out)
{
	const struct json *j = json_get(from, key);

	*out = absent;
	return !j || json_is(j, JSON_NULL) || json_bool(j, out) || fail_key(r, key, "true or false");
}

static bool word_is(const struct json *from, const char *key, const char *word)
{
	return fmt_str_is(json_str(json_get(from, key)), word);
}

/* The two sides of a block: [128, 128]. */
static bool read_block(struct reader *r, const struct json *list, const char *key, struct stored_layout *l)
{
	const struct json *first = json_first(list), *second = json_next(first);

	if (!json_u64(first, &l->block_rows) || !json_u64(second, &l->block_cols) || json_next(second) || !l->block_rows ||
	    !l->block_cols || l->block_rows > MAX_GROUP || l->block_cols > MAX_GROUP)
		return fail_key(r, key, "two whole numbers above 0");
	return true;
}

/* Blocks with a scale each (DeepSeek V3); one scale for all where there is no size of blocks. */
static bool read_fp8(struct reader *r)
{
	const struct json *block = json_get(r->node, "weight_block_size");
	bool constant = word_is(r->node, "activation_scheme", "static");

	r->q->layout = (struct stored_layout){ .bits = 8, .scale_bytes = 4, .fixed_bytes = constant ? 4 : 0 };
	r->s->known = true;
	return !block || json_is(block, JSON_NULL) || read_block(r, block, "weight_block_size", &r->q->layout);
}

/* A scale per row, and an upper bound of inputs. */
static bool read_fbgemm(struct reader *r)
{
	r->q->layout = (struct stored_layout){ .bits = 8, .block_rows = 1, .scale_bytes = 4, .fixed_bytes = 4 };
	r->s->known = true;
	return true;
}

static bool read_mxfp4(struct reader *r)
{
	r->q->layout = (struct stored_layout){ .bits = 4, .block_rows = 1, .block_cols = 32, .scale_bytes = 1 };
	r->q->only_experts = true;
	r->s->known = true;
	return true;
}

/* Columns are packed, their groups have a scale and a zero point, and each column says which group it is in. */
static bool read_gptq(struct reader *r)
{
	const struct json *rules = json_get(r->node, "dynamic"), *inside = json_get(r->node, "modules_in_block_to_quantize");
	struct stored_layout *l = &r->q->layout;
	uint64_t bits = 0;

	*l = (struct stored_layout){ .block_rows = 1, .scale_bytes = 2, .zero_word = 32, .column_bytes = 4, .multiple = 32 };
	if (!read_count(r, r->node, "bits", 4, &bits) || !read_count(r, r->node, "group_size", 0, &l->block_cols) ||
	    !read_flag(r, r->node, "lm_head", false, &r->q->output_too))
		return false;
	if (bits != 2 && bits != 3 && bits != 4 && bits != 8)
		return fail_key(r, "bits", "2, 3, 4 or 8");
	if ((json_is(rules, JSON_OBJECT) && json_first(rules)) || (json_is(inside, JSON_ARRAY) && json_first(inside)))
		return not_known(r, "settings module by module");
	if (word_is(r->node, "checkpoint_format", "marlin"))
		return not_known(r, "checkpoint_format marlin");
	l->bits = (unsigned)bits;
	r->s->known = true;
	return true;
}

static bool read_awq(struct reader *r)
{
	struct fmt_str version = json_str(json_get(r->node, "version"));
	struct stored_layout *l = &r->q->layout;
	uint64_t bits = 0;

	*l = (struct stored_layout){ .bits = 4, .block_rows = 1, .scale_bytes = 2, .zero_word = 32, .multiple = 8 };
	if (!read_count(r, r->node, "bits", 4, &bits) || !read_count(r, r->node, "group_size", 128, &l->block_cols))
		return false;
	if (bits != 4)
		return fail_key(r, "bits", "4");
	if (version.n && !fmt_str_is(version, "gemm") && !fmt_str_is(version, "GEMM"))
		return not_known(r, "a version of AWQ other than gemm");
	r->s->known = true;
	return true;
}

/* extra_config: settings of single modules, of which those with 16 bits or more are left alone. */
static bool read_left(struct reader *r, const struct json *modules)
{
	for (const struct json *j = json_is(modules, JSON_OBJECT) ? json_first(modules) : NULL; j; j = json_next(j)) {
		uint64_t bits = 0;
		bool odd = false;

		if (!json_u64(json_get(j, "bits"), &bits) || bits < 16) {
			r->s->known = false;
			return not_known(r, "settings module by module");
		}
		if (!stored_add_name(r->q, json_key(j), r->mem, &odd, r->err))
			return false;
		if (odd)
			r->s->known = !not_known(r, "a pattern among the modules left alone is not understood");
	}
	return true;
}

/* In the packing of one of the two before, without a list of groups. */
static bool read_autoround(struct reader *r)
{
	struct fmt_str format = json_str(json_get(r->node, "packing_format"));
	struct fmt_str data = json_str(json_get(r->node, "data_type"));
	bool ok;

	if (!format.n)
		format = json_str(json_get(r->node, "backend"));
	if (data.n && !fmt_str_is(data, "int"))
		return not_known(r, "a data_type of AutoRound other than int");
	ok = fmt_str_has(format, "awq") ? read_awq(r) : read_gptq(r);
	r->q->layout.column_bytes = 0;
	return ok && read_left(r, json_get(r->node, "extra_config"));
}

/* 4 bits: blocks of 64 wherever rows end, 16 levels and a text. 8 bits: a scale per row and a byte. */
static bool read_bitsandbytes(struct reader *r)
{
	static const char *const eights[] = { "load_in_8bit", "_load_in_8bit" }, *const fours[] = { "load_in_4bit", "_load_in_4bit" };
	struct fmt_str type = json_str(json_get(r->node, "bnb_4bit_quant_type"));
	bool eight = false, four = false, on = false;

	for (int i = 0; i < 2; i++) {
		if (!read_flag(r, r->node, eights[i], false, &on))
			return false;
		eight = eight || on;
		if (!read_flag(r, r->node, fours[i], false, &on))
			return false;
		four = four || on;
	}
	if (eight == four)
		return not_known(r, "neither or both of load_in_4bit and load_in_8bit");
	r->s->known = true;
	r->q->layout = (struct stored_layout){ .bits = 8, .block_rows = 1, .scale_bytes = 4, .fixed_bytes = 1 };
	if (eight)
		return true;
	r->q->layout = (struct stored_layout){ .bits = 4, .flat = 64, .scale_bytes = 4, .fixed_bytes = 16 * 4 };
	r->q->layout.text_type = fmt_str_is(type, "nf4") ? "nf4" : "fp4";
	if (!read_flag(r, r->node, "bnb_4bit_use_double_quant", false, &r->q->layout.nested))
		return false;
	r->s->about = r->q->layout.nested;
	return true;
}

/* Which elements share a scale: "strategy". */
static bool read_strategy(struct reader *r, const struct json *weights)
{
	struct fmt_str strategy = json_str(json_get(weights, "strategy"));
	struct stored_layout *l = &r->q->layout;

	if (fmt_str_is(strategy, "tensor"))
		return true;
	if (fmt_str_is(strategy, "block"))
		return read_block(r, json_get(weights, "block_structure"), "config_groups.*.weights.block_structure", l);
	l->block_rows = 1;
	if (fmt_str_is(strategy, "channel"))
		return true;
	if (!read_count(r, weights, "group_size", 0, &l->block_cols))
		return false;
	if (!l->block_cols || (!fmt_str_is(strategy, "group") && !fmt_str_is(strategy, "tensor_group")))
		r->s->known = !not_known(r, "a strategy that is not known");
	return true;
}

/* compressed-tensors: one group of settings for all linear modules. */
static bool read_compressed(struct reader *r)
{
	const struct json *group = json_first(json_get(r->node, "config_groups"));
	const struct json *weights = json_get(group, "weights"), *inputs = json_get(group, "input_activations");
	const struct json *targets = json_get(group, "targets");
	struct fmt_str format = json_str(json_get(r->node, "format"));
	bool symmetric = true, moving = false, packed = fmt_str_is(format, "pack-quantized");
	bool mxfp4 = fmt_str_is(format, "mxfp4-pack-quantized"), nvfp4 = fmt_str_is(format, "nvfp4-pack-quantized");
	bool inputs_scaled = json_is(inputs, JSON_OBJECT);
	struct stored_layout *l = &r->q->layout;
	uint64_t bits = 0;

	r->q->output_too = true;
	if (json_next(group) || json_count(targets) != 1 || !fmt_str_is(json_str(json_first(targets)), "Linear"))
		return not_known(r, "more groups of settings than one for all linear modules");
	if (!packed && !nvfp4 && !mxfp4 && !fmt_str_is(format, "float-quantized") && !fmt_str_is(format, "int-quantized") &&
	    !fmt_str_is(format, "naive-quantized"))
		return not_known(r, "a format of compressed-tensors that is not known");
	if (!read_count(r, weights, "num_bits", 8, &bits) || !read_flag(r, weights, "symmetric", true, &symmetric) ||
	    !read_flag(r, inputs, "dynamic", false, &moving))
		return false;
	if (packed ? bits != 4 && bits != 8 : nvfp4 || mxfp4 ? bits != 4 : bits != 8)
		return fail_key(r, "config_groups.*.weights.num_bits", "4 or 8, as the format packs it");
	*l = (struct stored_layout){ .bits = (unsigned)bits, .scale_bytes = float_bytes(r) };
	r->s->known = true;
	if (!read_strategy(r, weights))
		return false;
	if (packed) { /* and the shape, two numbers of 64 bits */
		l->row_word = 32;
		l->zero_word = symmetric ? 0 : 32;
		l->fixed_bytes = 16;
		l->column_bytes = word_is(weights, "actorder", "group") ? 4 : 0;
	} else if (mxfp4) { /* scales are exponents */
		l->scale_bytes = 1;
	} else if (nvfp4) { /* scales are FP8, with one more over all, and one for inputs */
		l->scale_bytes = 1;
		l->fixed_bytes = inputs_scaled ? 8 : 4;
	} else {
		l->scale_bytes += symmetric ? 0 : 1; /* a zero point is a value of 8 bits */
		l->fixed_bytes = inputs_scaled && !moving ? float_bytes(r) : 0;
	}
	return true;
}

/* -1, 0 and 1 in two bits each, and a scale. What is rounded whenever it is used is stored as it was. */
static bool read_bitnet(struct reader *r)
{
	if (word_is(r->node, "quantization_mode", "online"))
		return not_known(r, "weights that are rounded whenever they are used");
	r->q->layout = (struct stored_layout){ .bits = 2, .fixed_bytes = float_bytes(r) };
	r->s->known = true;
	return true;
}

/* A scale and a zero point per group, wherever rows end, and a dozen small tensors that say how. */
static bool read_hqq(struct reader *r)
{
	const struct json *q = json_get(json_get(r->node, "quant_config"), "weight_quant_params");
	struct stored_layout *l = &r->q->layout;
	uint64_t bits = 0;

	*l = (struct stored_layout){ .scale_bytes = 2 * float_bytes(r) };
	if (!q)
		return not_known(r, "settings module by module");
	if (!read_count(r, q, "nbits", 4, &bits) || !read_count(r, q, "group_size", 0, &l->flat))
		return false;
	if (!l->flat || (bits != 1 && bits != 2 && bits != 4 && bits != 8))
		return not_known(r, "HQQ's groups of whole rows, and 3 bits");
	l->bits = (unsigned)bits;
	r->s->about = r->s->known = true;
	return true;
}

/* Words along each row, a scale and a bias per group; the embedding too. */
static bool read_mlx(struct reader *r)
{
	struct stored_layout *l = &r->q->layout;
	uint64_t bits = 0;

	*l = (struct stored_layout){ .block_rows = 1, .scale_bytes = 2 * float_bytes(r), .row_word = 32 };
	if (!read_count(r, r->node, "bits", 4, &bits) || !read_count(r, r->node, "group_size", 64, &l->block_cols))
		return false;
	if (bits < 2 || bits > 8 || bits == 7)
		return fail_key(r, "bits", "2 to 6 or 8");
	for (const struct json *j = json_first(r->node); j; j = json_next(j))
		if (json_is(j, JSON_OBJECT) || json_is(j, JSON_BOOL))
			return not_known(r, "settings module by module");
	l->bits = (unsigned)bits;
	r->q->output_too = true;
	r->q->embedding_too = fmt_str_is(r->s->method, "mlx");
	r->s->known = true;
	return true;
}

/* FP8 with a scale, or E2M1 with a scale of 8 bits for 16 and one over all; and one for inputs. */
static bool read_modelopt(struct reader *r)
{
	r->q->layout = (struct stored_layout){ .bits = 8, .scale_bytes = 4, .fixed_bytes = 4 };
	r->q->output_too = true;
	if (word_is(r->node, "quant_algo", "NVFP4"))
		r->q->layout = (struct stored_layout){ .bits = 4, .block_rows = 1, .block_cols = 16, .scale_bytes = 1, .fixed_bytes = 8 };
	else if (!word_is(r->node, "quant_algo", "FP8"))
		return not_known(r, "a quant_algo other than FP8 and NVFP4");
	r->s->known = true;
	return true;
}

static const struct method {
	const char *name;
	bool (*read)(struct reader *r);
	const char *names; /* key of the list of modules that stay */
} methods[] = {
	{ "fp8", read_fp8, "modules_to_not_convert ignored_layers" },
	{ "fbgemm_fp8", read_fbgemm, "modules_to_not_convert" },
	{ "compressed-tensors", read_compressed, "ignore" },
	{ "mxfp4", read_mxfp4, "modules_to_not_convert" },
	{ "gptq", read_gptq, "" },
	{ "awq", read_awq, "modules_to_not_convert" },
	{ "auto-round", read_autoround, "" },
	{ "intel/auto-round", read_autoround, "" },
	{ "bitsandbytes", read_bitsandbytes, "llm_int8_skip_modules" },
	{ "bitnet", read_bitnet, "modules_to_not_convert" },
	{ "hqq", read_hqq, "skip_modules" },
	{ "metal", read_mlx, "modules_to_not_convert" },
	{ "modelopt", read_modelopt, "ignore" },
	{ "mlx", read_mlx, "" }, /* whose own settings name no method */
};

/* All the lists that the keys name, a space between them. */
static bool read_names(struct reader *r, const char *keys)
{
	while (*keys) {
		size_t n = strcspn(keys, " ");
		const struct json *list;
		bool odd = false;
		char key[40];

		snprintf(key, sizeof key, "%.*s", (int)n, keys);
		keys += n + (keys[n] == ' ');
		list = json_get(r->node, key);
		if (list && !json_is(list, JSON_NULL) && !json_is(list, JSON_ARRAY))
			return fail_key(r, key, "a list of names");
		for (const struct json *j = json_first(list); j; j = json_next(j)) {
			if (!json_is(j, JSON_STRING))
				return fail_key(r, key, "a list of names");
			if (!stored_add_name(r->q, json_str(j), r->mem, &odd, r->err))
				return false;
			if (odd)
				r->s->known = !not_known(r, "a pattern among the modules left alone is not understood");
		}
	}
	return true;
}

bool stored_scheme_read(struct stored_scheme *q, struct fmt_stored *s, const struct json *config, enum fmt_type type,
                        struct fmt_arena *mem, struct fmt_err *err)
{
	struct reader r = { .q = q, .s = s, .node = arch_conf_find(config, "quantization_config", 19), .type = type, .mem = mem,
		.err = err };
	const struct method *m = methods, *end = methods + sizeof methods / sizeof *methods;
	bool mlx = !json_str(json_get(r.node, "quant_method")).n && json_is(arch_conf_find(config, "quantization", 12), JSON_OBJECT);

	if (mlx)
		r.node = arch_conf_find(config, "quantization", 12);
	if (!json_is(r.node, JSON_OBJECT))
		return true;
	s->quantized = true;
	s->method = mlx ? FMT_STR("mlx") : json_str(json_get(r.node, "quant_method"));
	while (m < end && !fmt_str_is(s->method, m->name))
		m++;
	if (m == end)
		return not_known(&r, "a method that is not known");
	if (!m->read(&r) || !read_names(&r, m->names))
		return false;
	s->bits = s->known ? q->layout.bits : 0;
	return true;
}
