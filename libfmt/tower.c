/* Vision parts by model type: the numbers of vision_config with transformers' defaults, and what they count. See tower.h.
 *
 * Source: the classes of transformers 5, whose modules each function lists in their order; scripts/compare-configs holds
 * the two together. */
#include <inttypes.h>
#include <string.h>

#include "tower.h"

enum number {
	N_WIDTH,    /* of the residual stream */
	N_INNER,    /* of the feed-forward block */
	N_RATIO,    /* or as a multiple of the width */
	N_LAYERS,
	N_CHANNELS,
	N_PATCH,    /* its side in pixels */
	N_FRAMES,   /* of one patch */
	N_IMAGE,    /* side in pixels */
	N_PLACES,   /* learned positions */
	N_MERGE,    /* patches that become one token: so many in a row, of so many rows */
	N_OUT,      /* width of what is handed on */
	N_DEEP,     /* layers whose output is handed on besides: the length of a list */
	N_HEAD,     /* 1: with a head that pools */
	N_BIAS,     /* 1: the projector has biases */
	N_TAPS,     /* layers whose output is read: 1, or the length of a list */
	N_IN_2, N_OUT_2, /* of Llama 4's adapter */
	N_TEXT,     /* width of the language model; not a key */
	N_COUNT
};

struct key {
	enum number id;
	const char *name;    /* in vision_config; "/x": x at the root */
	uint64_t absent, most;
};

struct tower {
	const char *model_type;
	const struct key *keys;
	uint64_t (*count)(const uint64_t *n); /* NULL: not known here */
};

/* Ceilings far above what there is, whose products stay within 64 bits. */
#define WIDTH (UINT64_C(1) << 16)
#define LAYERS 1024
#define SMALL 64
#define PIXELS 65536

static uint64_t linear(uint64_t in, uint64_t out, bool bias)
{
	return in * out + (bias ? out : 0);
}

/* With a scale and an offset. */
static uint64_t layer_norm(uint64_t width)
{
	return 2 * width;
}

static uint64_t patches(const uint64_t *n)
{
	return n[N_CHANNELS] * n[N_FRAMES] * n[N_PATCH] * n[N_PATCH];
}

/* What becomes one token. */
static uint64_t merged(const uint64_t *n)
{
	return n[N_WIDTH] * n[N_MERGE] * n[N_MERGE];
}

/* Places of patches in an image. */
static uint64_t grid(const uint64_t *n)
{
	uint64_t side = n[N_IMAGE] / n[N_PATCH];

	return side * side;
}

/* Attention with biases, a feed-forward block of two matrices with biases, two norms: everybody's layer. */
static uint64_t usual_layers(const uint64_t *n, uint64_t inner)
{
	uint64_t w = n[N_WIDTH];

	return n[N_LAYERS] * (2 * layer_norm(w) + 4 * linear(w, w, true) + linear(w, inner, true) + linear(inner, w, true));
}

static uint64_t qwen2(const uint64_t *n)
{
	uint64_t w = n[N_WIDTH], m = merged(n);

	return patches(n) * w + usual_layers(n, w * n[N_RATIO]) + layer_norm(w) + linear(m, m, true) + linear(m, n[N_OUT], true);
}

/* Norms without offsets, a gated feed-forward block. */
static uint64_t qwen2_5(const uint64_t *n)
{
	uint64_t w = n[N_WIDTH], m = merged(n);
	uint64_t layer = 2 * w + 4 * linear(w, w, true) + 2 * linear(w, n[N_INNER], true) + linear(n[N_INNER], w, true);

	return patches(n) * w + n[N_LAYERS] * layer + w + linear(m, m, true) + linear(m, n[N_OUT], true);
}

static uint64_t qwen3(const uint64_t *n)
{
	uint64_t w = n[N_WIDTH], m = merged(n), merger = linear(m, m, true) + linear(m, n[N_OUT], true);

	return linear(patches(n), w, true) + n[N_PLACES] * w + usual_layers(n, n[N_INNER]) + layer_norm(w) + merger +
	       n[N_DEEP] * (layer_norm(m) + merger);
}

/* SigLIP, and a matrix with a norm. */
static uint64_t gemma3(const uint64_t *n)
{
	uint64_t w = n[N_WIDTH], inner = n[N_INNER];
	uint64_t head = w + 4 * linear(w, w, true) + layer_norm(w) + linear(w, inner, true) + linear(inner, w, true);

	return linear(patches(n), w, true) + grid(n) * w + usual_layers(n, inner) + layer_norm(w) + n[N_HEAD] * head +
	       w * n[N_TEXT] + w;
}

/* Pixtral: no biases, norms without offsets, a gated feed-forward block. The projector merges patches first. */
static uint64_t mistral3(const uint64_t *n)
{
	uint64_t w = n[N_WIDTH], text = n[N_TEXT];

	return patches(n) * w + w + n[N_LAYERS] * (2 * w + 4 * w * w + 3 * w * n[N_INNER]) + w + merged(n) * w +
	       linear(w * n[N_TAPS], text, n[N_BIAS]) + linear(text, text, n[N_BIAS]);
}

static uint64_t llama4(const uint64_t *n)
{
	uint64_t w = n[N_WIDTH];

	return w + (grid(n) + 1) * w + patches(n) * w + 2 * layer_norm(w) + usual_layers(n, n[N_INNER]) +
	       n[N_INNER] * n[N_IN_2] + n[N_OUT_2] * n[N_OUT_2] + n[N_OUT] * n[N_TEXT];
}

static const struct key qwen2_keys[] = {
	{ N_LAYERS, "depth", 32, LAYERS }, { N_WIDTH, "embed_dim", 1280, WIDTH }, { N_OUT, "hidden_size", 3584, WIDTH },
	{ N_RATIO, "mlp_ratio", 4, SMALL }, { N_CHANNELS, "in_channels", 3, SMALL }, { N_PATCH, "patch_size", 14, SMALL },
	{ N_MERGE, "spatial_merge_size", 2, 8 }, { N_FRAMES, "temporal_patch_size", 2, SMALL }, { N_COUNT },
};

static const struct key qwen2_5_keys[] = {
	{ N_LAYERS, "depth", 32, LAYERS }, { N_WIDTH, "hidden_size", 3584, WIDTH }, { N_OUT, "out_hidden_size", 3584, WIDTH },
	{ N_INNER, "intermediate_size", 3420, WIDTH }, { N_CHANNELS, "in_channels", 3, SMALL },
	{ N_PATCH, "patch_size", 14, SMALL }, { N_MERGE, "spatial_merge_size", 2, 8 },
	{ N_FRAMES, "temporal_patch_size", 2, SMALL }, { N_COUNT },
};

#define QWEN3_KEYS \
	{ N_LAYERS, "depth", 27, LAYERS }, { N_WIDTH, "hidden_size", 1152, WIDTH }, { N_OUT, "out_hidden_size", 3584, WIDTH }, \
	{ N_INNER, "intermediate_size", 4304, WIDTH }, { N_CHANNELS, "in_channels", 3, SMALL }, \
	{ N_PATCH, "patch_size", 16, SMALL }, { N_MERGE, "spatial_merge_size", 2, 8 }, \
	{ N_FRAMES, "temporal_patch_size", 2, SMALL }, { N_PLACES, "num_position_embeddings", 2304, UINT64_C(1) << 24 }

static const struct key qwen3_keys[] = {
	QWEN3_KEYS, { N_DEEP, "deepstack_visual_indexes", 3, LAYERS }, { N_COUNT },
};

static const struct key qwen3_5_keys[] = { QWEN3_KEYS, { N_COUNT } };

static const struct key gemma3_keys[] = {
	{ N_LAYERS, "num_hidden_layers", 12, LAYERS }, { N_WIDTH, "hidden_size", 768, WIDTH },
	{ N_INNER, "intermediate_size", 3072, WIDTH }, { N_CHANNELS, "num_channels", 3, SMALL },
	{ N_PATCH, "patch_size", 16, SMALL }, { N_IMAGE, "image_size", 224, PIXELS }, { N_HEAD, "vision_use_head", 1, 1 },
	{ N_COUNT },
};

static const struct key mistral3_keys[] = {
	{ N_LAYERS, "num_hidden_layers", 24, LAYERS }, { N_WIDTH, "hidden_size", 1024, WIDTH },
	{ N_INNER, "intermediate_size", 4096, WIDTH }, { N_CHANNELS, "num_channels", 3, SMALL },
	{ N_PATCH, "patch_size", 14, SMALL }, { N_MERGE, "/spatial_merge_size", 2, 8 },
	{ N_BIAS, "/multimodal_projector_bias", 0, 1 }, { N_TAPS, "/vision_feature_layer", 1, SMALL }, { N_COUNT },
};

static const struct key llama4_keys[] = {
	{ N_LAYERS, "num_hidden_layers", 34, LAYERS }, { N_WIDTH, "hidden_size", 768, WIDTH },
	{ N_INNER, "intermediate_size", 5632, WIDTH }, { N_CHANNELS, "num_channels", 3, SMALL },
	{ N_PATCH, "patch_size", 14, SMALL }, { N_IMAGE, "image_size", 448, PIXELS }, { N_OUT, "vision_output_dim", 7680, WIDTH },
	{ N_IN_2, "projector_input_dim", 4096, WIDTH }, { N_OUT_2, "projector_output_dim", 4096, WIDTH }, { N_COUNT },
};

static const struct tower towers[] = {
	{ "qwen2_vl", qwen2_keys, qwen2 },
	{ "qwen2_5_vl", qwen2_5_keys, qwen2_5 },
	{ "qwen3_vl", qwen3_keys, qwen3 },
	{ "qwen3_vl_moe", qwen3_keys, qwen3 },
	{ "qwen3_5", qwen3_5_keys, qwen3 },
	{ "qwen3_5_moe", qwen3_5_keys, qwen3 },
	{ "gemma3", gemma3_keys, gemma3 },
	{ "mistral3", mistral3_keys, mistral3 },
	{ "llama4", llama4_keys, llama4 },
	{ "gemma3n", NULL, NULL },
	{ "gemma4", NULL, NULL },
	{ "kimi_k25", NULL, NULL },
};

/* A count, a flag, or the length of a list. A layer by its number, which may be negative, is one. */
static bool value(const struct key *k, const struct json *j, uint64_t *n)
{
	bool flag = false;
	int64_t layer;

	if (k->id == N_HEAD || k->id == N_BIAS) {
		if (!json_bool(j, &flag))
			return false;
		*n = flag;
		return true;
	}
	if (json_is(j, JSON_ARRAY) && (k->id == N_DEEP || k->id == N_TAPS)) {
		*n = json_count(j);
		return true;
	}
	if (k->id == N_TAPS) {
		*n = 1;
		return json_i64(j, &layer);
	}
	return k->id != N_DEEP && json_u64(j, n) && *n > 0;
}

static bool read(const struct json *config, const struct key *k, uint64_t *n, struct fmt_err *err)
{
	bool root = k->name[0] == '/';
	const char *section = root ? "" : "vision_config.", *name = k->name + root;
	const struct json *j = json_get(root ? config : json_get(config, "vision_config"), name);

	n[k->id] = k->absent;
	if (!j || json_is(j, JSON_NULL))
		return true;
	if (!value(k, j, &n[k->id]))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s%s: expected %s", section, name,
		                k->most == 1        ? "true or false" :
		                k->id == N_DEEP     ? "a list" :
		                k->id == N_TAPS     ? "a layer or a list of layers" :
		                                      "a whole number above 0");
	if (n[k->id] > k->most)
		return fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "%s%s: %" PRIu64 " is above %" PRIu64, section, name, n[k->id], k->most);
	return true;
}

bool tower_count(const struct json *config, struct fmt_str model_type, uint64_t text_width, struct fmt_other_parts *other,
                 struct fmt_err *err)
{
	const struct json *described = json_get(config, "vision_config");
	uint64_t n[N_COUNT] = { [N_FRAMES] = 1, [N_TEXT] = text_width };
	const struct tower *t = towers, *end = towers + sizeof towers / sizeof *towers;

	while (t < end && !fmt_str_is(model_type, t->model_type))
		t++;
	*other = (struct fmt_other_parts){ .there = t < end || json_is(described, JSON_OBJECT) };
	other->known = !other->there || (t < end && t->count && !json_is(json_get(config, "audio_config"), JSON_OBJECT));
	if (!other->there || !other->known)
		return true;
	if (described && !json_is(described, JSON_OBJECT) && !json_is(described, JSON_NULL))
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "vision_config: expected an object");
	for (const struct key *k = t->keys; k->id != N_COUNT; k++)
		if (!read(config, k, n, err))
			return false;
	other->params = t->count(n);
	return true;
}
