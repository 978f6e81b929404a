/* Gemma 3: Gemma 2's layers with norms on the heads of q and k in place of soft caps; five layers of six have a window, and a
 * base of their own for rotary positions. Of the models that see, the language model.
 *
 * Source of defaults: Gemma3TextConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 26 },      { P_CONTEXT, 131072 }, { P_MODEL, 2304 },   { P_FF, 9216 }, { P_HEADS, 8 },
	{ P_HEADS_KV, 4 },     { P_HEAD_DIM, 256 },   { P_VOCAB, 262208 }, { P_TIED, 1 },  { P_NONE },
};

static const struct arch_word linear_or_not[] = { { "default", ROPE_PLAIN }, { "linear", ROPE_LINEAR }, { NULL, 0 } };
static const struct arch_word no_scaling[] = { { "default", ROPE_PLAIN }, { NULL, 0 } };

/* A setting of rotary positions in layers without a window, by its names in transformers 5 and 4. */
#define IN_FULL_ROPE(name) "rope_parameters.full_attention." name " rope_scaling." name

static const struct arch_param_row rest[] = {
	{ P_HEAD_GIVEN, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_UNUSED, KIND_FALSE, "use_bidirectional_attention", { ELSE_UNSET } },
	{ P_UNUSED, KIND_WORD, "rope_parameters.sliding_attention.rope_type", { ELSE_UNSET }, .words = no_scaling },
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_FIXED, .fixed = 4096 }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_FULL_EVERY, KIND_COUNT, "sliding_window_pattern", { ELSE_FIXED, .fixed = 6 }, .max = ARCH_MAX_LAYERS },
	{ P_ACT, KIND_WORD, "hidden_activation", { ELSE_FIXED, .fixed = 0 }, .words = arch_gelu_tanh_words },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-6 } },
	{ P_QUERY_SCALAR, KIND_COUNT, "query_pre_attn_scalar", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_WIDTH },
	{ P_ATTN_SCALE, KIND_REAL, NULL, { ELSE_SCALE, P_QUERY_SCALAR, P_HEAD_DIM } },
	{ P_FINAL_CAP, KIND_REAL, "final_logit_softcapping", { ELSE_UNSET }, { ELSE_UNSET } },
	{ P_ROPE_TYPE, KIND_WORD, IN_FULL_ROPE("rope_type") " rope_scaling.type", { ELSE_FIXED, .fixed = ROPE_PLAIN },
	  .words = linear_or_not },
	{ P_ROPE_THETA, KIND_REAL, "rope_parameters.full_attention.rope_theta rope_theta", { ELSE_FIXED, .fixed = 1e6 } },
	{ P_ROPE_THETA_WINDOW, KIND_REAL, "rope_parameters.sliding_attention.rope_theta rope_local_base_freq",
	  { ELSE_FIXED, .fixed = 10000 } },
	{ P_ROPE_FACTOR, KIND_REAL, IN_FULL_ROPE("factor"), { ELSE_UNSET } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "final_logit_softcapping", FMT_KV_F32, P_FINAL_CAP },
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	/* the reference converter leaves these out */
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	{ "attention.scale", FMT_KV_F32, P_ATTN_SCALE },
	{ NULL },
};

static const struct arch_tensor globals[] = {
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM }, .op = FMT_OP_ADD_ONE },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM }, .op = FMT_OP_ADD_ONE },
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
	{ { P_NONE }, NULL },
};

static const struct arch_param_row *const params[] = { arch_sizes, arch_widths, rest, arch_rope_widths, NULL };
static const char *const classes[] = { "Gemma3ForCausalLM", "Gemma3ForConditionalGeneration", NULL };
static const char *const types[] = { "gemma3_text", "gemma3", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_gemma3 = {
	.gguf = "gemma3",
	.classes = classes,
	.types = types,
	.defaults = defaults,
	.params = params,
	.keys = keys,
	.notes = notes,
	.globals = globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.own_windows = true,
	.full_every = 6,
};
