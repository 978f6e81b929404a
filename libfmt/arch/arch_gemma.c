/* Gemma 1: Llama's layers with heads wider than the model, norms that are stored less one, and a GELU.
 *
 * Source of defaults: GemmaConfig of transformers 5; the output matrix is the embedding. */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 28 },      { P_CONTEXT, 8192 }, { P_MODEL, 3072 },    { P_FF, 24576 }, { P_HEADS, 16 },
	{ P_HEADS_KV, 16 },    { P_HEAD_DIM, 256 }, { P_VOCAB, 256000 }, { P_TIED, 1 },   { P_NONE },
};

/* The first configs say "gelu", but the model was trained with the tanh formula: transformers 4 and llama.cpp take it so. */
static const struct arch_word activations[] = { { "gelu_pytorch_tanh", 0 }, { "gelu", 0 }, { NULL, 0 } };

static const struct arch_param_row rest[] = {
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_UNUSED, KIND_FALSE, "use_bidirectional_attention", { ELSE_UNSET } },
	{ P_ACT, KIND_WORD, "hidden_activation hidden_act", { ELSE_FIXED, .fixed = 0 }, .words = activations },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
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
	/* the reference converter leaves these out */
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
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL } },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { arch_sizes, arch_widths, rest, arch_rope_part_params, NULL };
static const char *const classes[] = { "GemmaForCausalLM", NULL };
static const char *const types[] = { "gemma", NULL };
static const char *const skip[] = { ".rotary_emb.inv_freq", NULL };

const struct fmt_arch arch_gemma = {
	.gguf = "gemma",
	.classes = classes,
	.types = types,
	.defaults = defaults,
	.params = params,
	.notes = notes,
	.keys = keys,
	.own_keys = true,
	.globals = globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
};
