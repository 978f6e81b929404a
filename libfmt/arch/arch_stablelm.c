/* StableLM: Llama's matrices, norms with a bias.
 *
 * Source of defaults: StableLmConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2560 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 6912 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50304 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "layer_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_ATTN_BIAS, KIND_FLAG, "use_qkv_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_PARALLEL, KIND_FLAG, "use_parallel_residual", { ELSE_FIXED, .fixed = 0 } },
	{ P_QK_NORM, KIND_FLAG, "qk_layernorm", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

/* A quarter of each head rotates, unless config.json says otherwise. */
static const struct arch_param_row part[] = {
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
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	{ "use_parallel_residual", FMT_KV_BOOL, P_PARALLEL },
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	ARCH_FILE_TYPE,
	/* the reference converter leaves these out */
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA, .usual = 10000 },
	ARCH_SCALING_KEYS,
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "model.norm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_layernorm.norms.*.weight", { P_HEADS, P_HEAD_DIM },
	  { P_QK_NORM, 1 } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_layernorm.norms.*.weight", { P_HEADS_KV, P_HEAD_DIM },
	  { P_QK_NORM, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL }, { P_PARALLEL, 0 } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "post_attention_layernorm.bias", { P_MODEL }, { P_PARALLEL, 0 } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_part_params, part, NULL };
static const char *const classes[] = { "StableLmForCausalLM", "StableLMEpochForCausalLM", NULL };
static const char *const types[] = { "stablelm", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_stablelm = {
	.gguf = "stablelm",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = arch_note_wants_output,
};
