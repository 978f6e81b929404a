/* Falcon 7B, 40B and 180B: one matrix for queries, keys and values (in groups of those that share
 * a key, in the checkpoint); how many heads of keys depends on which Falcon it
 * is (one, num_kv_heads, or as many as queries), and so does the number of norms.
 *
 * Source of defaults: FalconConfig of transformers 5; the output matrix is the embedding. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers n_layer", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4544 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "ffn_hidden_size", { ELSE_PRODUCT, P_MODEL, .fixed = 4 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads n_head", { ELSE_FIXED, .fixed = 71 }, .max = ARCH_MAX_HEADS,
	  .divides = P_MODEL },
	{ P_NEW_DECODER, KIND_FLAG, "new_decoder_architecture", { ELSE_FIXED, .fixed = 0 } },
	{ P_MULTI_QUERY, KIND_FLAG, "multi_query", { ELSE_FIXED, .fixed = 1 } },
	{ P_UNUSED, KIND_TRUE, "parallel_attn", { ELSE_UNSET } },
	{ P_UNUSED, KIND_FALSE, "alibi", { ELSE_UNSET } },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1, .when = { P_MULTI_QUERY, 1 } },
	{ P_HEADS_KV, KIND_COUNT, "num_kv_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS,
	  .when = { P_NEW_DECODER, 1 } },
	/* one norm for both blocks, which read the residual in parallel, or one for each */
	{ P_TWO_NORMS, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 2 },
	{ P_TWO_NORMS, KIND_COUNT, "num_ln_in_parallel_attn", { ELSE_FIXED, .fixed = 2 }, .max = 2,
	  .when = { P_NEW_DECODER, 1 } },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 65024 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_ATTN_BIAS, KIND_FLAG, "bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_epsilon", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "tensor_data_layout", FMT_KV_STR, P_LAYERS, .text = "jploski" }, /* that of attn_qkv */
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	ARCH_FILE_TYPE,
	/* the reference converter leaves these out */
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA, .usual = 10000 },
	ARCH_SCALING_KEYS,
	ARCH_GELU_KEY,
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "transformer.word_embeddings.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "transformer.ln_f.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "transformer.ln_f.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL }, { P_TWO_NORMS, 1 } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL }, { P_TWO_NORMS, 1 } },
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "ln_mlp.weight", { P_MODEL }, { P_TWO_NORMS, 2 } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "ln_mlp.bias", { P_MODEL }, { P_TWO_NORMS, 2 } },
	{ FMT_ROLE_ATTN_NORM_2, "attn_norm_2.weight", "ln_attn.weight", { P_MODEL }, { P_TWO_NORMS, 2 } },
	{ FMT_ROLE_ATTN_NORM_2_B, "attn_norm_2.bias", "ln_attn.bias", { P_MODEL }, { P_TWO_NORMS, 2 } },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "self_attention.query_key_value.weight", { P_QKV_WIDTH, P_MODEL }, .move = MOVE_QKV },
	{ FMT_ROLE_ATTN_QKV_B, "attn_qkv.bias", "self_attention.query_key_value.bias", { P_QKV_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_QKV },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attention.dense.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attention.dense.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.dense_h_to_4h.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.dense_h_to_4h.bias", { P_FF }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.dense_4h_to_h.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.dense_4h_to_h.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	{ { P_ATTN_BIAS, 1 }, "llama.cpp will not load it: it has 'falcon' without biases only" },
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_gelu_either, arch_rope_part_params, NULL };
static const char *const classes[] = { "FalconForCausalLM", "RWForCausalLM", NULL };
static const char *const types[] = { "falcon", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_falcon = {
	.gguf = "falcon",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.notes = notes,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "transformer.h.",
	.skip = skip,
};
