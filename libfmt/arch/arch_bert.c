/* BERT (arXiv:1810.04805): its sizes alone, for a GGUF of its vocabulary. An encoder is not converted.
 *
 * Source of defaults: BertConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 12 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 512 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 768 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 3072 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 12 }, .max = ARCH_MAX_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 30522 }, .max = ARCH_MAX_VOCAB },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_eps", { ELSE_FIXED, .fixed = 1e-12 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	ARCH_FILE_TYPE,
	{ NULL },
};

static const struct arch_tensor none[] = { { FMT_ROLE_NONE } };
static const struct arch_param_row *const params[] = { sizes, NULL };
static const char *const classes[] = { "BertModel", "BertForMaskedLM", "BertForSequenceClassification", NULL };
static const char *const types[] = { "bert", NULL };

const struct fmt_arch arch_bert = {
	.gguf = "bert",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = none,
	.layers = none,
	.layer_prefix = "encoder.layer.",
};
