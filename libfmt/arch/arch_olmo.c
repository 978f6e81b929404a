/* OLMo (arXiv:2402.00838): Llama's matrices; norms have no weights, and some clip queries, keys and values.
 *
 * Source of defaults: OlmoConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 2048 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 4096 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 11008 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 32 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50304 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, NULL, { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_CLIP, KIND_REAL, "clip_qkv", { ELSE_UNSET }, { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	ARCH_SCALING_KEYS,
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA },
	{ "attention.key_length", FMT_KV_U32, P_HEAD_DIM, { P_HEAD_GIVEN, ARCH_SET } },
	{ "attention.value_length", FMT_KV_U32, P_HEAD_DIM, { P_HEAD_GIVEN, ARCH_SET } },
	ARCH_FILE_TYPE,
	{ "attention.layer_norm_epsilon", FMT_KV_F32, P_NORM_EPS },
	{ "attention.clamp_kqv", FMT_KV_F32, P_CLIP },
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, .move = MOVE_ROPE_Q },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_ROPE_Q },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, MOVE_ROPE_K },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .move = MOVE_ROPE_K },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_silu, arch_rope_part_params, NULL };
static const char *const classes[] = { "OlmoForCausalLM", NULL };
static const char *const types[] = { "olmo", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_olmo = {
	.gguf = "olmo",
	.classes = classes,
	.types = types,
	.params = params,
	.notes = notes,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "model.layers.",
	.skip = skip,
};
