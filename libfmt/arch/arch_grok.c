/* Grok-1: four norms per layer, squeezed attention scores, factors on embedding and logits, and in every layer experts with a GELU,
 * weighed by the softmax over all of them as it is (llama.cpp makes the weights add up to 1, which the norm behind undoes). Heads
 * rotate as halves.
 *
 * Source: the definition that its authors published (xai-org/grok-1, model.py and run.py); the names of the checkpoint that the
 * reference converter reads. */
#include "arch_shared.h"

static const struct arch_default defaults[] = {
	{ P_LAYERS, 64 },  { P_CONTEXT, 8192 },  { P_MODEL, 6144 }, { P_FF, 32768 }, { P_HEADS, 48 },
	{ P_HEADS_KV, 8 }, { P_VOCAB, 131072 }, { P_TIED, 1 },      { P_NONE },
};

static const struct arch_param_row rest[] = {
	{ P_NORM_EPS, KIND_REAL, "rms_norm_eps", { ELSE_FIXED, .fixed = 1e-5 } },
	{ P_EXPERTS, KIND_COUNT, "num_local_experts num_experts", { ELSE_FIXED, .fixed = 8 }, .max = ARCH_MAX_HEADS },
	{ P_EXPERTS_USED, KIND_COUNT, "num_experts_per_tok", { ELSE_FIXED, .fixed = 2 }, .max = ARCH_MAX_HEADS,
	  .at_most = P_EXPERTS },
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_ATTN_CAP, KIND_REAL, "attn_logit_softcapping max_attn_value", { ELSE_FIXED, .fixed = 30 } },
	{ P_ROUTER_CAP, KIND_REAL, "router_logit_softcapping", { ELSE_FIXED, .fixed = 30 } },
	{ P_ATTN_SCALE, KIND_REAL, NULL, { ELSE_SCALE, P_HEAD_DIM, P_ONE } },
	{ P_ATTN_SCALE, KIND_REAL, "attn_output_multiplier", { ELSE_SCALE, P_HEAD_DIM, P_ONE } },
	{ P_EMBD_SCALE, KIND_REAL, "embedding_multiplier_scale", { ELSE_FIXED, .fixed = 78.38367176906169 } },
	{ P_LOGIT_FACTOR, KIND_REAL, "output_multiplier_scale", { ELSE_FIXED, .fixed = 0.5773502691896257 } },
	{ P_NONE },
};

static const struct arch_key keys[] = {
	{ "attn_logit_softcapping", FMT_KV_F32, P_ATTN_CAP },
	{ "router_logit_softcapping", FMT_KV_F32, P_ROUTER_CAP }, /* of no effect: llama.cpp reads it, and does nothing with it */
	{ "attention.output_scale", FMT_KV_F32, P_ATTN_SCALE },
	{ "embedding_scale", FMT_KV_F32, P_EMBD_SCALE },
	{ "logit_scale", FMT_KV_F32, P_LOGIT_FACTOR },
	{ NULL },
};

static const struct arch_tensor globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "transformer.in_out_embed.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "transformer.rms_norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor layers[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "rms_norm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "multi_head_attention.query.weight", { P_Q_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "multi_head_attention.key.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "multi_head_attention.value.weight", { P_KV_WIDTH, P_MODEL } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "multi_head_attention.linear.weight", { P_MODEL, P_Q_WIDTH } },
	{ FMT_ROLE_ATTN_POST_NORM, "attn_output_norm.weight", "rms_norm_1.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "rms_norm_2.weight", { P_MODEL } },
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "router.weight", { P_EXPERTS, P_MODEL } },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "moe.*.linear.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "moe.*.linear_v.weight", { P_EXPERTS, P_FF, P_MODEL } },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "moe.*.linear_1.weight", { P_EXPERTS, P_MODEL, P_FF } },
	{ FMT_ROLE_FFN_POST_NORM, "layer_output_norm.weight", "rms_norm_3.weight", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

const struct fmt_arch arch_grok = {
	.gguf = "grok",
	.classes = (const char *const[]){ "GrokForCausalLM", NULL },
	.types = (const char *const[]){ "grok-1", "grok", NULL },
	.defaults = defaults,
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, rest, arch_rope_part_params, NULL },
	.keys = keys,
	.globals = globals,
	.layers = layers,
	.layer_prefix = "transformer.decoder_layer.",
	.skip = (const char *const[]){ ".rotary_emb.inv_freq", NULL },
};
