/* Gemma 3n and Gemma 4: each layer also reads a row of a second, narrow embedding; the last layers may use the keys and
 * values of earlier ones; in Gemma 4 layers that see everything have heads of their own size, and experts may stand
 * beside the feed-forward block. Counted, not converted yet.
 *
 * Source of defaults: Gemma3nTextConfig and Gemma4TextConfig of transformers 5. */
#include "arch_shared.h"

static const struct arch_param_row shared[] = {
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_QK_NORM, KIND_NUMBER, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 2 },
	{ P_FULL_EVERY, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 6 }, .max = ARCH_MAX_LAYERS },
	{ P_KV_SHARED, KIND_NUMBER, "num_kv_shared_layers", { ELSE_FIXED, .fixed = 0 }, .max = ARCH_MAX_LAYERS, .at_most = P_LAYERS },
	{ P_LAYER_IN, KIND_NUMBER, "hidden_size_per_layer_input", { ELSE_FIXED, .fixed = 256 }, .max = ARCH_MAX_WIDTH },
	{ P_LAYER_IN_ALL, KIND_NUMBER, NULL, { ELSE_PRODUCT, P_LAYER_IN, P_LAYERS }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_LAYER_VOCAB, KIND_COUNT, "vocab_size_per_layer_input", { ELSE_FIXED, .fixed = 262144 }, .max = ARCH_MAX_VOCAB },
	{ P_NONE },
};

static const struct arch_param_row altup[] = {
	{ P_ALTUP, KIND_COUNT, "altup_num_inputs", { ELSE_FIXED, .fixed = 4 }, .max = 64 },
	{ P_ALTUP_SQUARE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_ALTUP, P_ALTUP }, .max = 4096 },
	{ P_ALTUP_OTHERS, KIND_NUMBER, NULL, { ELSE_LESS_ONE, P_ALTUP }, .max = 64 },
	{ P_LAUREL, KIND_COUNT, "laurel_rank", { ELSE_FIXED, .fixed = 64 }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

static const struct arch_param_row gemma4[] = {
	{ P_HEAD_DIM_FULL, KIND_COUNT, "global_head_dim", { ELSE_FIXED, .fixed = 512 }, { ELSE_SAME, P_HEAD_DIM },
	  .max = ARCH_MAX_WIDTH },
	{ P_K_IS_V, KIND_FLAG, "attention_k_eq_v", { ELSE_FIXED, .fixed = 0 } },
	{ P_HEADS_KV_FULL, KIND_COUNT, NULL, { ELSE_SAME, P_HEADS_KV }, .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV_FULL, KIND_COUNT, "num_global_key_value_heads", { ELSE_SAME, P_HEADS_KV }, { ELSE_SAME, P_HEADS_KV },
	  .max = ARCH_MAX_HEADS, .divides = P_HEADS, .when = { P_K_IS_V, 1 } },
	{ P_Q_WIDTH_FULL, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM_FULL }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH_FULL, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV_FULL, P_HEAD_DIM_FULL }, .max = ARCH_MAX_WIDTH },
	{ P_FF_WIDE, KIND_FLAG, "use_double_wide_mlp", { ELSE_FIXED, .fixed = 0 } },
	{ P_FF_SHARER, KIND_COUNT, NULL, { ELSE_SAME, P_FF }, .max = ARCH_MAX_WIDTH },
	{ P_FF_SHARER, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF, .fixed = 2 }, .max = ARCH_MAX_WIDTH, .when = { P_FF_WIDE, 1 } },
	{ P_MOE_ON, KIND_FLAG, "enable_moe_block", { ELSE_FIXED, .fixed = 0 } },
	{ P_EXPERTS, KIND_COUNT, "num_experts", .max = ARCH_MAX_HEADS, .when = { P_MOE_ON, 1 } },
	{ P_EXPERTS_USED, KIND_COUNT, "top_k_experts", .max = ARCH_MAX_HEADS, .at_most = P_EXPERTS, .when = { P_MOE_ON, 1 } },
	{ P_FF_EXPERT, KIND_COUNT, "moe_intermediate_size", .max = ARCH_MAX_WIDTH, .when = { P_MOE_ON, 1 } },
	{ P_NONE },
};

#define EMBEDDINGS                                                                                                     \
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },                   \
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },                                  \
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },                       \
	{ FMT_ROLE_LAYER_EMBD, "per_layer_token_embd.weight", "model.embed_tokens_per_layer.weight",                       \
	  { P_LAYER_VOCAB, P_LAYER_IN_ALL }, { P_LAYER_IN, ARCH_SOME } },                                                  \
	{ FMT_ROLE_LAYER_PROJ, "per_layer_model_proj.weight", "model.per_layer_model_projection.weight",                   \
	  { P_LAYER_IN_ALL, P_MODEL }, { P_LAYER_IN, ARCH_SOME } },                                                        \
	{ FMT_ROLE_LAYER_NORM, "per_layer_proj_norm.weight", "model.per_layer_projection_norm.weight", { P_LAYER_IN },     \
	  { P_LAYER_IN, ARCH_SOME } }

static const struct arch_tensor globals[] = {
	EMBEDDINGS,
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor altup_globals[] = {
	EMBEDDINGS,
	{ FMT_ROLE_LAYER_PROJ, "altup_proj.weight", "model.altup_projections.*.weight", { P_ALTUP_OTHERS, P_MODEL, P_MODEL } },
	{ FMT_ROLE_LAYER_PROJ, "altup_unembd_proj.weight", "model.altup_unembed_projections.*.weight",
	  { P_ALTUP_OTHERS, P_MODEL, P_MODEL } },
	{ FMT_ROLE_NONE },
};

/* Four norms, and the way in of a layer's own embedding. */
static const struct arch_tensor around[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_POST_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "pre_feedforward_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm.weight", "post_feedforward_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_LAYER_PROJ, "inp_gate.weight", "per_layer_input_gate.weight", { P_LAYER_IN, P_MODEL }, { P_LAYER_IN, ARCH_SOME } },
	{ FMT_ROLE_LAYER_PROJ, "proj.weight", "per_layer_projection.weight", { P_MODEL, P_LAYER_IN }, { P_LAYER_IN, ARCH_SOME } },
	{ FMT_ROLE_LAYER_NORM, "post_norm.weight", "post_per_layer_input_norm.weight", { P_MODEL }, { P_LAYER_IN, ARCH_SOME } },
	{ FMT_ROLE_NONE },
};

/* AltUp: several residual streams, mixed by small matrices; LAuReL: a low-rank way around attention. */
static const struct arch_tensor streams[] = {
	{ FMT_ROLE_ALTUP, "altup_correct_scale.weight", "altup.correct_output_scale", { P_MODEL } },
	{ FMT_ROLE_ALTUP, "altup_correct_coef.weight", "altup.correction_coefs.weight", { P_ALTUP, P_ALTUP } },
	{ FMT_ROLE_ALTUP, "altup_predict_coef.weight", "altup.prediction_coefs.weight", { P_ALTUP_SQUARE, P_ALTUP } },
	{ FMT_ROLE_ALTUP, "altup_router.weight", "altup.modality_router.weight", { P_ALTUP, P_MODEL } },
	{ FMT_ROLE_ALTUP, "altup_router_norm.weight", "altup.router_norm.weight", { P_MODEL } },
	{ FMT_ROLE_LAUREL, "laurel_l.weight", "laurel.linear_left.weight", { P_LAUREL, P_MODEL } },
	{ FMT_ROLE_LAUREL, "laurel_r.weight", "laurel.linear_right.weight", { P_MODEL, P_LAUREL } },
	{ FMT_ROLE_LAUREL, "laurel_post_norm.weight", "laurel.post_laurel_norm.weight", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

#define WINDOW .in = LAYER_WINDOW
#define FULL .in = LAYER_FULL
#define OWN .but = LAYER_SHARED

static const struct arch_tensor gemma4_attention[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, WINDOW },
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH_FULL, P_MODEL }, FULL },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM }, WINDOW },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM_FULL }, FULL },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL }, WINDOW, OWN },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH_FULL, P_MODEL }, FULL, OWN },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM }, WINDOW, OWN },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM_FULL }, FULL, OWN },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL }, WINDOW, OWN },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH_FULL, P_MODEL }, { P_K_IS_V, 0 }, FULL, OWN },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH }, WINDOW },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH_FULL }, FULL },
	{ FMT_ROLE_NONE },
};

static const struct arch_tensor gemma4_blocks[] = {
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, OWN },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, OWN },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, OWN },
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF_SHARER, P_MODEL }, .in = LAYER_SHARED },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF_SHARER, P_MODEL }, .in = LAYER_SHARED },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF_SHARER }, .in = LAYER_SHARED },
	{ FMT_ROLE_MOE_BIAS, "ffn_gate_inp.scale", "router.scale", { P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_BIAS, "ffn_gate_inp.expert_scale", "router.per_expert_scale", { P_EXPERTS }, .in = LAYER_MOE },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm_1.weight", "post_feedforward_layernorm_1.weight", { P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm_2.weight", "post_feedforward_layernorm_2.weight", { P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_FFN_NORM, "pre_ffw_norm_2.weight", "pre_feedforward_layernorm_2.weight", { P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

const struct fmt_arch arch_gemma3n = {
	.gguf = "gemma3n",
	.classes = (const char *const[]){ "Gemma3nForCausalLM", "Gemma3nForConditionalGeneration", NULL },
	.types = (const char *const[]){ "gemma3n_text", "gemma3n", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 35 }, { P_CONTEXT, 32768 }, { P_MODEL, 2048 }, { P_FF, 16384 }, { P_HEADS, 8 }, { P_HEADS_KV, 2 },
		{ P_HEAD_DIM, 256 }, { P_VOCAB, 262400 }, { P_TIED, 1 }, { P_WINDOW, 512 }, { P_KV_SHARED, 15 },
		{ P_FULL_EVERY, 5 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_attn_bias, arch_window, shared, altup,
		NULL },
	.keys = arch_no_keys,
	.globals = altup_globals,
	.parts = (const struct arch_tensor *const[]){ around, arch_attention, arch_gated_ff, streams, NULL },
	.layer_prefix = "model.layers.",
};

const struct fmt_arch arch_gemma4 = {
	.gguf = "gemma4",
	.classes = (const char *const[]){ "Gemma4ForCausalLM", "Gemma4ForConditionalGeneration", NULL },
	.types = (const char *const[]){ "gemma4_text", "gemma4", NULL },
	.defaults = (const struct arch_default[]){
		{ P_LAYERS, 30 }, { P_CONTEXT, 131072 }, { P_MODEL, 2304 }, { P_FF, 9216 }, { P_HEADS, 8 }, { P_HEADS_KV, 4 },
		{ P_HEAD_DIM, 256 }, { P_VOCAB, 262144 }, { P_TIED, 1 }, { P_WINDOW, 512 }, { P_NONE },
	},
	.params = (const struct arch_param_row *const[]){ arch_sizes, arch_widths, arch_window, shared, gemma4, NULL },
	.keys = arch_no_keys,
	.globals = globals,
	.parts = (const struct arch_tensor *const[]){ around, gemma4_attention, gemma4_blocks, arch_experts, NULL },
	.layer_prefix = "model.layers.",
};
