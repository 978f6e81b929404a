/* Gemma 2: four norms per layer, heads wider than the model, and a window on every other layer.
 *
 * Source of defaults: Gemma2Config of transformers 5; the output matrix is always the embedding. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 26 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 8192 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2304 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 9216 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_FIXED, .fixed = 4 }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_HEAD_DIM, KIND_COUNT, "head_dim", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 256000 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 1 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_UNUSED, KIND_FALSE, "use_bidirectional_attention", { ELSE_UNSET } },
	{ P_FULL_EVERY, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 2 }, .max = 2 },
	{ P_ACT, KIND_WORD, "hidden_activation", { ELSE_FIXED, .fixed = 0 }, .words = arch_gelu_tanh_words },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_QUERY_SCALAR, KIND_COUNT, "query_pre_attn_scalar", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_WIDTH },
	{ P_ATTN_SCALE, KIND_REAL, NULL, { ELSE_SCALE, P_QUERY_SCALAR, P_HEAD_DIM } },
	{ P_ATTN_CAP, KIND_REAL, "attn_logit_softcapping", { ELSE_FIXED, .fixed = 50 }, { ELSE_UNSET } },
	{ P_FINAL_CAP, KIND_REAL, "final_logit_softcapping", { ELSE_FIXED, .fixed = 30 }, { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },
	{ "attention.key_length", FMT_KV_U32, P_HEAD_DIM },
	{ "attention.value_length", FMT_KV_U32, P_HEAD_DIM },
	ARCH_FILE_TYPE,
	{ "attn_logit_softcapping", FMT_KV_F32, P_ATTN_CAP },
	{ "final_logit_softcapping", FMT_KV_F32, P_FINAL_CAP },
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	/* the reference converter leaves these out */
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ "attention.scale", FMT_KV_F32, P_ATTN_SCALE },
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA, .usual = 10000 },
	ARCH_SCALING_KEYS,
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_POST_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "pre_feedforward_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm.weight", "post_feedforward_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_ATTN_SCALE, ARCH_SET }, "llama.cpp will differ unless this is the 27B model: it has no other query_pre_attn_scalar than "
	                              "head_dim" },
	{ { P_ATTN_CAP, ARCH_UNSET }, "llama.cpp will differ: it squeezes attention scores into +-50, config.json says not to" },
	{ { P_FINAL_CAP, ARCH_UNSET }, "llama.cpp will differ: it squeezes logits into +-30, config.json says not to" },
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_rope_part_params, NULL };
static const char *const classes[] = { "Gemma2ForCausalLM", NULL };
static const char *const types[] = { "gemma2", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_gemma2 = {
	.gguf = "gemma2",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.notes = notes,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.own_windows = true,
	.full_every = 2,
};
