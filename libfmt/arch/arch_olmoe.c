/* OLMoE: Llama's attention with one norm over all queries and one over all keys, and experts in every layer.
 *
 * Source of defaults: OlmoeConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_FIXED, .fixed = 4096 }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_FIXED, .fixed = 2048 }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", { ELSE_FIXED, .fixed = 16 }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS, .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", { ELSE_FIXED, .fixed = 50304 }, .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_CLIP, KIND_REAL, "clip_qkv", { ELSE_UNSET }, { ELSE_UNSET } },
	{ P_EXPERTS, KIND_COUNT, "num_experts num_local_experts", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_NONE },
};

/* What the reference converter leaves out. */
static const struct arch_key keys[] = {
	{ "attention.clamp_kqv", FMT_KV_F32, P_CLIP },
	{ "expert_weights_norm", FMT_KV_BOOL, P_NORM_TOPK, { P_NORM_TOPK, 1 } },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

static const struct arch_note notes[] = {
	ARCH_NOTE_NO_BIASES,
	ARCH_NOTE_NO_NORMALISING,
	ARCH_NOTE_WANTS_OUTPUT,
	{ { P_CLIP, ARCH_SET }, "llama.cpp will differ: it does not clip queries, keys and values (clip_qkv)" },
	{ { P_NONE }, NULL },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_KV_WIDTH } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.*.gate_proj.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.*.up_proj.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF } },
	{ FMT_ROLE_NONE },
};

static const struct arch_param_row *const params[] = { sizes, arch_widths, arch_norm_topk, arch_silu, arch_rope_params, NULL };
static const char *const classes[] = { "OlmoeForCausalLM", NULL };
static const char *const types[] = { "olmoe", NULL };
static const char *const skip[] = { NULL };

const struct fmt_arch arch_olmoe = {
	.gguf = "olmoe",
	.classes = classes,
	.types = types,
	.params = params,
	.keys = keys,
	.globals = arch_model_globals,
	.layers = layers,
	.parts = (const struct arch_tensor *const[]){ arch_attention_biases, NULL },
	.layer_prefix = "model.layers.",
	.skip = skip,
	.notes = notes,
};
