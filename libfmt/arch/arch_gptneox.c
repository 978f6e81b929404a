/* GPT-NeoX and Pythia: norms with a bias, one matrix for queries, keys and values (head by head in the
 * checkpoint), biases everywhere.
 *
 * Source of defaults: GPTNeoXConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 44 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 6144 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 24576 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS,
	  .divides = P_MODEL },
	{ P_HEADS_KV, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50432 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 1 } },
	{ P_PARALLEL, KIND_FLAG, "use_parallel_residual", { ELSE_FIXED, .fixed = 1 } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

/* Its own names for rotary positions; a quarter of each head rotates, unless config.json says otherwise. */
static const struct arch_param_row rope[] = {
	{ P_ROPE_THETA, KIND_REAL, "rope_parameters.rope_theta rotary_emb_base rope_theta", { ELSE_FIXED, .fixed = 10000 } },
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_FIXED, .fixed = 0.25 } },
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "use_parallel_residual", FMT_KV_BOOL, P_PARALLEL },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	/* the reference converter leaves these out */
	ARCH_FILE_TYPE,
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA, .usual = 10000 },
	ARCH_SCALING_KEYS,
	ARCH_GELU_KEY,
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "gpt_neox.embed_in.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "gpt_neox.final_layer_norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "gpt_neox.final_layer_norm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "embed_out.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "attention.query_key_value.weight", { P_QKV_WIDTH, P_MODEL }, .move = MOVE_QKV },
	{ FMT_ROLE_ATTN_QKV_B, "attn_qkv.bias", "attention.query_key_value.bias", { P_QKV_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_QKV },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "attention.dense.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "attention.dense.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "post_attention_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.dense_h_to_4h.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.dense_h_to_4h.bias", { P_FF } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.dense_4h_to_h.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.dense_4h_to_h.bias", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	{ { P_TIED, 1 }, "llama.cpp will not load it: it has 'gptneox' with an output matrix of its own only" },
	{ { P_ATTN_BIAS, 0 }, "llama.cpp will not load it: it has 'gptneox' with biases only" },
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_gelu_either, arch_rope_part_params, rope, NULL };
static const char *const classes[] = { "GPTNeoXForCausalLM", NULL };
static const char *const types[] = { "gpt_neox", NULL };
static const char *const skip[] = { ".attention.bias", ".attention.masked_bias", ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_gptneox = {
	.gguf = "gptneox",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.notes = notes,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "gpt_neox.layers.",
	.skip = skip,
};
