/* Phi-3: Llama's layers with fused matrices for queries, keys and values and for gate and up. Phi-3.5-MoE: experts, matrices of their
 * own, norms with biases.
 *
 * Source of defaults: Phi3Config and PhimoeConfig of transformers 5, which takes "su" and "yarn" for names of LongRoPE. llama.cpp wants to be
 * told that there is no window, and has none. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 3072 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 8192 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 32064 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_WINDOW_KEY, KIND_NUMBER, "sliding_window", { ELSE_FIXED, .fixed = 0 }, .max = UINT32_MAX },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_NONE },
};

static const struct arch_word rope_types[] = {
	{ "default", ROPE_PLAIN }, { "longrope", ROPE_LONG }, { "su", ROPE_LONG }, { "yarn", ROPE_LONG }, { NULL, 0 },
};

static const struct arch_param_row rope[] = {
	{ P_ROPE_TYPE, KIND_WORD, IN_ROPE("rope_type") " " IN_ROPE("type"), { ELSE_FIXED, .fixed = ROPE_PLAIN },
	  .words = rope_types },
	{ P_ROPE_THETA, KIND_REAL, ARCH_ROPE_THETA, { ELSE_FIXED, .fixed = 10000 } },
	{ P_ROPE_PART, KIND_REAL, ARCH_ROPE_PART, { ELSE_UNSET } },
	{ P_ROPE_DIM, KIND_COUNT, NULL, { ELSE_PART, P_HEAD_DIM, P_ROPE_PART }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_PAIRS, KIND_COUNT, NULL, { ELSE_QUOTIENT, P_ROPE_DIM, .fixed = 2 }, .max = ARCH_MAX_WIDTH },
	{ P_ROPE_FACTOR, KIND_REAL, IN_ROPE("factor"), { ELSE_UNSET } },
	{ P_ROPE_ORIG_CONTEXT, KIND_COUNT, "original_max_position_embeddings " IN_ROPE("original_max_position_embeddings"),
	  { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_ROPE_MAGNITUDE, KIND_REAL, IN_ROPE("attention_factor"), { ELSE_UNSET } },
	{ P_NONE },
};

#define KEYS                                                                                                           \
	{ "context_length", FMT_KV_U32, P_CONTEXT },                                                                   \
	{ "rope.scaling.original_context_length", FMT_KV_U32, P_ROPE_ORIG_CONTEXT },                                   \
	{ "embedding_length", FMT_KV_U32, P_MODEL },                                                                   \
	{ "feed_forward_length", FMT_KV_U32, P_FF },                                                                   \
	{ "block_count", FMT_KV_U32, P_LAYERS },                                                                       \
	{ "attention.head_count", FMT_KV_U32, P_HEADS },                                                               \
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },                                                         \
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },                                                \
	{ "rope.dimension_count", FMT_KV_U32, P_ROPE_DIM },                                                            \
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA },                                                                \
	ARCH_FILE_TYPE,                                                                                                \
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW_KEY },                                                      \
	{ "rope.scaling.attn_factor", FMT_KV_F32, P_ROPE_MAGNITUDE, { P_ROPE_TYPE, ROPE_LONG } }

static const struct arch_key keys[] = {
	KEYS,
	{ NULL },
};

static const struct arch_key moe_keys[] = {
	KEYS,
	{ "expert_used_count", FMT_KV_U32, P_EXPERTS_USED },
	{ "expert_count", FMT_KV_U32, P_EXPERTS },
	/* llama.cpp has neither: carried for those who do */
	{ "rope.scaling.attn_factor_short", FMT_KV_F32, P_ROPE_MAGNITUDE_SHORT, { P_ROPE_TYPE, ROPE_LONG } },
	{ "expert_router_jitter", FMT_KV_F32, P_JITTER, .usual = 0.01 },
	{ NULL },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_ROPE_LONG, "rope_factors_long.weight", NULL, { P_ROPE_PAIRS }, { P_ROPE_TYPE, ROPE_LONG }, MAKE_ROPE_LONG },
	{ FMT_ROLE_ROPE_SHORT, "rope_factors_short.weight", NULL, { P_ROPE_PAIRS }, { P_ROPE_TYPE, ROPE_LONG }, MAKE_ROPE_SHORT },
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_QKV, "attn_qkv.weight", "self_attn.qkv_proj.weight", { P_QKV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.gate_up_proj.weight", { P_FF_TWICE, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, rope, NULL };
static const char *const classes[] = { "Phi3ForCausalLM", NULL };
static const char *const types[] = { "phi3", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_phi3 = {
	.gguf = "phi3",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};

static const struct arch_default moe_defaults[] = {
	{ P_CONTEXT, 131072 }, { P_MODEL, 4096 }, { P_FF, 6400 }, { P_HEADS_KV, 8 }, { P_ROPE_THETA, 1e6 }, { P_NONE },
};

/* The magnitude of what rotates is given twice, for texts within the first context and for longer ones. */
static const struct arch_param_row moe[] = {
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_HEAD_BIAS, KIND_FLAG, "lm_head_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts num_experts", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = 2, .at_most = P_EXPERTS },
	{ P_JITTER, KIND_REAL, "router_jitter_noise", { ELSE_FIXED, .fixed = 0.01 } },
	{ P_ROPE_MAGNITUDE, KIND_REAL, IN_ROPE("long_mscale"), { ELSE_UNSET } },
	{ P_ROPE_MAGNITUDE_SHORT, KIND_REAL, IN_ROPE("short_mscale"), { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_tensor moe_globals[] = {
	{ FMT_ROLE_ROPE_LONG, "rope_factors_long.weight", NULL, { P_ROPE_PAIRS }, { P_ROPE_TYPE, ROPE_LONG }, MAKE_ROPE_LONG },
	{ FMT_ROLE_ROPE_SHORT, "rope_factors_short.weight", NULL, { P_ROPE_PAIRS }, { P_ROPE_TYPE, ROPE_LONG }, MAKE_ROPE_SHORT },
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM_B, "output_norm.bias", "model.norm.bias", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_OUTPUT_B, "output.bias", "lm_head.bias", { P_VOCAB }, { P_HEAD_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor moe_layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "post_attention_layernorm.bias", { P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "block_sparse_moe.gate.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "block_sparse_moe.experts.*.w1.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "block_sparse_moe.experts.*.w3.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "block_sparse_moe.experts.*.w2.weight", { P_EXPERTS, P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note moe_notes[] = {
	{ { P_NONE }, "llama.cpp will differ: it does not take the mean off in this model's norms, and weighs experts otherwise" },
	{ { P_NONE }, NULL },
};

const struct fmt_arch arch_phimoe = {
	.gguf = "phimoe",
	.classes = (const char *const[]){ "PhimoeForCausalLM", "PhiMoEForCausalLM", NULL },
	.types = (const char *const[]){ "phimoe", NULL },
	.defaults = moe_defaults,
	.params = (const struct arch_param_row *const[]){ sizes, arch_widths, arch_silu, rope, moe, NULL },
	.keys = moe_keys,
	.own_keys = true,
	.globals = moe_globals,
	.layers = moe_layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = moe_notes,
};
