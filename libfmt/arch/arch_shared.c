/* Rows that many descriptions have. */
#include "arch_shared.h"

/* A fused matrix is a few times as wide as the model. */
#define MAX_FUSED (4 * ARCH_MAX_WIDTH)

static const struct arch_word silu[] = { { "silu", 0 }, { "swish", 0 }, { NULL, 0 } };

const struct arch_param_row arch_silu[] = {
	{ P_ACT, KIND_WORD, "hidden_act", { ELSE_FIXED, .fixed = 0 }, .words = silu },
	{ P_NONE },
};

const struct arch_param_row arch_norm_topk[] = {
	{ P_NORM_TOPK, KIND_FLAG, "norm_topk_prob", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

const struct arch_note arch_note_normalises[] = {
	ARCH_NOTE_NORMALISES,
	{ { P_NONE }, NULL },
};

const struct arch_param_row arch_step_limits[] = {
	{ P_STEP_LEAST, KIND_LIMIT, "time_step_limit.0", { ELSE_UNSET } },
	{ P_STEP_MOST, KIND_LIMIT, "time_step_limit.1", { ELSE_UNSET } },
	{ P_NONE },
};

/* It loads no more and no fewer tensors than it knows. */
const struct arch_note arch_note_mamba_biases[] = {
	{ { P_CONV_BIAS, 0 }, "llama.cpp will not load it: it wants a bias on the convolution, config.json says there is none" },
	{ { P_PROJ_BIAS, 1 }, "llama.cpp will not load it: it has no biases on the projections, config.json says there are" },
	ARCH_NOTES_STEP,
	{ { P_NONE }, NULL },
};

const struct arch_note arch_note_wants_output[] = {
	ARCH_NOTE_WANTS_OUTPUT,
	{ { P_NONE }, NULL },
};

const struct arch_word arch_gelu_tanh_words[] = {
	{ "gelu_pytorch_tanh", 0 }, { "gelu_new", 0 }, { "gelu_fast", 0 }, { NULL, 0 },
};

const struct arch_word arch_gelu_either_words[] = {
	{ "gelu", 0 }, { "gelu_pytorch_tanh", 1 }, { "gelu_new", 1 }, { "gelu_fast", 1 }, { NULL, 0 },
};

const struct arch_param_row arch_gelu_either[] = {
	{ P_ACT, KIND_WORD, "hidden_act activation", { ELSE_FIXED, .fixed = 0 }, .words = arch_gelu_either_words },
	{ P_NONE },
};

const struct arch_param_row arch_gelu_usually_tanh[] = {
	{ P_ACT, KIND_WORD, "activation_function hidden_act", { ELSE_FIXED, .fixed = 1 }, .words = arch_gelu_either_words },
	{ P_NONE },
};

const struct arch_param_row arch_widths[] = {
	{ P_HEAD_DIM, KIND_COUNT, "head_dim", { ELSE_QUOTIENT, P_MODEL, P_HEADS }, .max = ARCH_MAX_WIDTH },
	{ P_HEAD_GIVEN, KIND_COUNT, "head_dim", { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_KV_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS_KV, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_QKV_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_Q_WIDTH, P_KV_WIDTH, 2 }, .max = MAX_FUSED },
	{ P_FF_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_FF, .fixed = 2 }, .max = MAX_FUSED },
	{ P_NONE },
};

const struct arch_tensor arch_model_globals[] = {
	ARCH_ROPE_FREQS,
	{ FMT_ROLE_TOKEN_EMBD, "token_embd.weight", "model.embed_tokens.weight", { P_VOCAB, P_MODEL } },
	{ FMT_ROLE_OUTPUT_NORM, "output_norm.weight", "model.norm.weight", { P_MODEL } },
	{ FMT_ROLE_OUTPUT, "output.weight", "lm_head.weight", { P_VOCAB, P_MODEL }, { P_TIED, 0 } },
	{ FMT_ROLE_NONE },
};

const struct arch_key arch_no_keys[] = { { NULL } };

const struct arch_key arch_dynamic_keys[] = {
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

const struct arch_key arch_window_keys[] = {
	{ "attention.sliding_window", FMT_KV_U32, P_WINDOW },
	{ "attention.sliding_window_pattern", FMT_KV_ARR, P_WINDOW },
	ARCH_DYNAMIC_KEY,
	{ NULL },
};

const struct arch_param_row arch_sizes[] = {
	{ P_LAYERS, KIND_COUNT, "num_hidden_layers", .max = ARCH_MAX_LAYERS },
	{ P_CONTEXT, KIND_COUNT, "max_position_embeddings", { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_MODEL, KIND_COUNT, "hidden_size", .max = ARCH_MAX_WIDTH },
	{ P_FF, KIND_COUNT, "intermediate_size", { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_HEADS, KIND_COUNT, "num_attention_heads", .max = ARCH_MAX_HEADS },
	{ P_HEADS_KV, KIND_COUNT, "num_key_value_heads", { ELSE_SAME, P_HEADS }, { ELSE_SAME, P_HEADS }, .max = ARCH_MAX_HEADS,
	  .divides = P_HEADS },
	{ P_VOCAB, KIND_COUNT, "vocab_size", .max = ARCH_MAX_VOCAB },
	{ P_TIED, KIND_FLAG, "tie_word_embeddings", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

const struct arch_param_row arch_attn_bias[] = {
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_O_BIAS, KIND_FLAG, NULL, { ELSE_SAME, P_ATTN_BIAS } },
	{ P_NONE },
};

const struct arch_param_row arch_qkv_bias[] = {
	{ P_ATTN_BIAS, KIND_FLAG, "attention_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

const struct arch_param_row arch_mlp_bias[] = {
	{ P_MLP_BIAS, KIND_FLAG, "mlp_bias", { ELSE_FIXED, .fixed = 0 } },
	{ P_NONE },
};

const struct arch_param_row arch_window[] = {
	{ P_WINDOW, KIND_COUNT, "sliding_window", { ELSE_UNSET }, { ELSE_UNSET }, .max = UINT32_MAX },
	{ P_NONE },
};

const struct arch_param_row arch_mamba1_widths[] = {
	{ P_SSM_INNER_TWICE, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, .fixed = 2 }, .max = 2 * ARCH_MAX_WIDTH },
	{ P_SSM_X, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_RANK, P_SSM_STATE, 2 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SAME, P_SSM_INNER }, .max = ARCH_MAX_WIDTH },
	{ P_ONE, KIND_COUNT, NULL, { ELSE_FIXED, .fixed = 1 }, .max = 1 },
	{ P_STATE_ELEMS, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_SSM_STATE }, .max = UINT64_C(1) << 40 },
	{ P_NONE },
};

const struct arch_param_row arch_mamba2_widths[] = {
	{ P_SSM_NORM, KIND_FLAG, NULL, { ELSE_FIXED, .fixed = 1 } },
	{ P_STATE_ELEMS, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_INNER, P_SSM_STATE }, .max = UINT64_C(1) << 40 },
	{ P_SSM_X, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SSM_GROUPS, P_SSM_STATE }, .max = ARCH_MAX_WIDTH },
	{ P_CONV_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_INNER, P_SSM_X, 2 }, .max = 4 * ARCH_MAX_WIDTH },
	{ P_SSM_IN, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_INNER, P_CONV_WIDTH, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_SSM_IN, KIND_COUNT, NULL, { ELSE_SUM, P_SSM_IN, P_SSM_HEADS, 1 }, .max = 8 * ARCH_MAX_WIDTH },
	{ P_NONE },
};

const struct arch_param_row arch_latent[] = {
	{ P_LATENT, KIND_COUNT, "kv_lora_rank", .max = ARCH_MAX_WIDTH },
	{ P_Q_LATENT, KIND_COUNT, "q_lora_rank", { ELSE_UNSET }, { ELSE_UNSET }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_ROPE, KIND_COUNT, "qk_rope_head_dim", .max = ARCH_MAX_WIDTH },
	{ P_NOPE_DIM, KIND_COUNT, "qk_nope_head_dim", .max = ARCH_MAX_WIDTH },
	{ P_V_HEAD_DIM, KIND_COUNT, "v_head_dim", .max = ARCH_MAX_WIDTH },
	{ P_HEAD_DIM, KIND_COUNT, NULL, { ELSE_SUM, P_NOPE_DIM, P_LATENT_ROPE, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_Q_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_V_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_HEADS, P_V_HEAD_DIM }, .max = ARCH_MAX_WIDTH },
	{ P_LATENT_KEPT, KIND_COUNT, NULL, { ELSE_SUM, P_LATENT, P_LATENT_ROPE, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_KV_B_WIDTH, KIND_COUNT, NULL, { ELSE_SUM, P_NOPE_DIM, P_V_HEAD_DIM, 1 }, .max = ARCH_MAX_WIDTH },
	{ P_KV_B_WIDTH, KIND_COUNT, NULL, { ELSE_PRODUCT, P_KV_B_WIDTH, P_HEADS }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

const struct arch_param_row arch_expert_widths[] = {
	{ P_FF_SHARED, KIND_COUNT, NULL, { ELSE_PRODUCT, P_SHARED, P_FF_EXPERT }, .max = ARCH_MAX_WIDTH },
	{ P_NONE },
};

const struct arch_tensor arch_norms[] = {
	{ FMT_ROLE_ATTN_NORM, "attn_norm.weight", "input_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_ATTN_NORM_B, "attn_norm.bias", "input_layernorm.bias", { P_MODEL }, { P_NORM_BIAS, 1 } },
	{ FMT_ROLE_FFN_NORM, "ffn_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_NORM_B, "ffn_norm.bias", "post_attention_layernorm.bias", { P_MODEL }, { P_NORM_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_norms_after[] = {
	{ FMT_ROLE_ATTN_POST_NORM, "post_attention_norm.weight", "post_attention_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_FFN_POST_NORM, "post_ffw_norm.weight", "post_feedforward_layernorm.weight", { P_MODEL } },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_attention[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, .in = LAYER_ATTENTION },
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 }, .in = LAYER_ATTENTION },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_HEAD_DIM }, { P_QK_NORM, 1 },
	  .in = LAYER_ATTENTION },
	{ FMT_ROLE_ATTN_Q_NORM, "attn_q_norm.weight", "self_attn.q_norm.weight", { P_Q_WIDTH }, { P_QK_NORM, 2 },
	  .in = LAYER_ATTENTION },
	{ FMT_ROLE_ATTN_K, "attn_k.weight", "self_attn.k_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_ATTENTION,
	  .but = LAYER_SHARED },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, .in = LAYER_ATTENTION,
	  .but = LAYER_SHARED },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_HEAD_DIM }, { P_QK_NORM, 1 },
	  .in = LAYER_ATTENTION, .but = LAYER_SHARED },
	{ FMT_ROLE_ATTN_K_NORM, "attn_k_norm.weight", "self_attn.k_norm.weight", { P_KV_WIDTH }, { P_QK_NORM, 2 },
	  .in = LAYER_ATTENTION, .but = LAYER_SHARED },
	{ FMT_ROLE_ATTN_V, "attn_v.weight", "self_attn.v_proj.weight", { P_KV_WIDTH, P_MODEL }, .in = LAYER_ATTENTION,
	  .but = LAYER_SHARED },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 }, .in = LAYER_ATTENTION,
	  .but = LAYER_SHARED },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_Q_WIDTH }, .in = LAYER_ATTENTION },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_O_BIAS, 1 }, .in = LAYER_ATTENTION },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_attention_biases[] = {
	{ FMT_ROLE_ATTN_Q_B, "attn_q.bias", "self_attn.q_proj.bias", { P_Q_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_K_B, "attn_k.bias", "self_attn.k_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_V_B, "attn_v.bias", "self_attn.v_proj.bias", { P_KV_WIDTH }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_ATTN_OUT_B, "attn_output.bias", "self_attn.o_proj.bias", { P_MODEL }, { P_ATTN_BIAS, 1 } },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_latent_attention[] = {
	{ FMT_ROLE_ATTN_Q, "attn_q.weight", "self_attn.q_proj.weight", { P_Q_WIDTH, P_MODEL }, { P_Q_LATENT, ARCH_UNSET } },
	{ FMT_ROLE_ATTN_Q_A, "attn_q_a.weight", "self_attn.q_a_proj.weight", { P_Q_LATENT, P_MODEL }, { P_Q_LATENT, ARCH_SET } },
	{ FMT_ROLE_ATTN_Q_A_NORM, "attn_q_a_norm.weight", "self_attn.q_a_layernorm.weight", { P_Q_LATENT },
	  { P_Q_LATENT, ARCH_SET } },
	{ FMT_ROLE_ATTN_Q_B_PROJ, "attn_q_b.weight", "self_attn.q_b_proj.weight", { P_Q_WIDTH, P_Q_LATENT },
	  { P_Q_LATENT, ARCH_SET } },
	{ FMT_ROLE_ATTN_KV_A, "attn_kv_a_mqa.weight", "self_attn.kv_a_proj_with_mqa.weight", { P_LATENT_KEPT, P_MODEL } },
	{ FMT_ROLE_ATTN_KV_A_NORM, "attn_kv_a_norm.weight", "self_attn.kv_a_layernorm.weight", { P_LATENT } },
	{ FMT_ROLE_ATTN_LATENT_K, "attn_k_b.weight", "self_attn.kv_b_proj.weight", { P_HEADS, P_LATENT, P_NOPE_DIM } },
	{ FMT_ROLE_ATTN_LATENT_V, "attn_v_b.weight", "self_attn.kv_b_proj.weight", { P_HEADS, P_V_HEAD_DIM, P_LATENT } },
	{ FMT_ROLE_ATTN_OUT, "attn_output.weight", "self_attn.o_proj.weight", { P_MODEL, P_V_WIDTH } },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_gated_ff[] = {
	{ FMT_ROLE_FFN_GATE, "ffn_gate.weight", "mlp.gate_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_GATE_B, "ffn_gate.bias", "mlp.gate_proj.bias", { P_FF }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.up_proj.bias", { P_FF }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_fused_ff[] = {
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.gate_up_proj.weight", { P_FF_TWICE, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_plain_ff[] = {
	{ FMT_ROLE_FFN_UP, "ffn_up.weight", "mlp.up_proj.weight", { P_FF, P_MODEL }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_UP_B, "ffn_up.bias", "mlp.up_proj.bias", { P_FF }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN, "ffn_down.weight", "mlp.down_proj.weight", { P_MODEL, P_FF }, .in = LAYER_DENSE },
	{ FMT_ROLE_FFN_DOWN_B, "ffn_down.bias", "mlp.down_proj.bias", { P_MODEL }, { P_MLP_BIAS, 1 }, .in = LAYER_DENSE },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_experts[] = {
	{ FMT_ROLE_MOE_ROUTER, "ffn_gate_inp.weight", "mlp.gate.weight", { P_EXPERTS, P_MODEL }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_BIAS, "ffn_gate_inp.bias", "mlp.gate.bias", { P_EXPERTS }, { P_EXPERT_BIAS, 1 }, .in = LAYER_MOE },
	{ FMT_ROLE_MOE_GATE, "ffn_gate_exps.weight", "mlp.experts.*.gate_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_UP, "ffn_up_exps.weight", "mlp.experts.*.up_proj.weight", { P_EXPERTS, P_FF_EXPERT, P_MODEL },
	  .in = LAYER_MOE },
	{ FMT_ROLE_MOE_DOWN, "ffn_down_exps.weight", "mlp.experts.*.down_proj.weight", { P_EXPERTS, P_MODEL, P_FF_EXPERT },
	  .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_shared_experts[] = {
	{ FMT_ROLE_SHARED_ROUTER, "ffn_gate_inp_shexp.weight", "mlp.shared_expert_gate.weight", { P_ONE, P_MODEL },
	  { P_SHARED_GATE, 1 }, .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_GATE, "ffn_gate_shexp.weight", "mlp.shared_experts.gate_proj.weight", { P_FF_SHARED, P_MODEL },
	  { P_FF_SHARED, ARCH_SOME }, .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_UP, "ffn_up_shexp.weight", "mlp.shared_experts.up_proj.weight", { P_FF_SHARED, P_MODEL },
	  { P_FF_SHARED, ARCH_SOME }, .in = LAYER_MOE },
	{ FMT_ROLE_SHARED_DOWN, "ffn_down_shexp.weight", "mlp.shared_experts.down_proj.weight", { P_MODEL, P_FF_SHARED },
	  { P_FF_SHARED, ARCH_SOME }, .in = LAYER_MOE },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_mamba1_block[] = {
	{ FMT_ROLE_SSM_IN, "ssm_in.weight", "mamba.in_proj.weight", { P_SSM_INNER_TWICE, P_MODEL }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mamba.conv1d.weight", { P_SSM_INNER, P_SSM_CONV }, .in = LAYER_SSM,
	  .from = { P_SSM_INNER, P_ONE, P_SSM_CONV } },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mamba.conv1d.bias", { P_SSM_INNER }, { P_CONV_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_X, "ssm_x.weight", "mamba.x_proj.weight", { P_SSM_X, P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_DT, "ssm_dt.weight", "mamba.dt_proj.weight", { P_SSM_INNER, P_SSM_RANK }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mamba.dt_proj.bias", { P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_A, "ssm_a", "mamba.A_log", { P_SSM_INNER, P_SSM_STATE }, .in = LAYER_SSM, .op = FMT_OP_NEG_EXP },
	{ FMT_ROLE_SSM_D, "ssm_d", "mamba.D", { P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mamba.out_proj.weight", { P_MODEL, P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_IN_B, "ssm_in.bias", "mamba.in_proj.bias", { P_SSM_INNER_TWICE }, { P_PROJ_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_OUT_B, "ssm_out.bias", "mamba.out_proj.bias", { P_MODEL }, { P_PROJ_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_mamba2_block[] = {
	{ FMT_ROLE_SSM_IN, "ssm_in.weight", "mamba.in_proj.weight", { P_SSM_IN, P_MODEL }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_CONV, "ssm_conv1d.weight", "mamba.conv1d.weight", { P_CONV_WIDTH, P_SSM_CONV }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_CONV_B, "ssm_conv1d.bias", "mamba.conv1d.bias", { P_CONV_WIDTH }, { P_CONV_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_DT_B, "ssm_dt.bias", "mamba.dt_bias", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_A, "ssm_a", "mamba.A_log", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_D, "ssm_d", "mamba.D", { P_SSM_HEADS }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_NORM, "ssm_norm.weight", "mamba.norm.weight", { P_SSM_INNER }, { P_SSM_NORM, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_OUT, "ssm_out.weight", "mamba.out_proj.weight", { P_MODEL, P_SSM_INNER }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_IN_B, "ssm_in.bias", "mamba.in_proj.bias", { P_SSM_IN }, { P_PROJ_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_SSM_OUT_B, "ssm_out.bias", "mamba.out_proj.bias", { P_MODEL }, { P_PROJ_BIAS, 1 }, .in = LAYER_SSM },
	{ FMT_ROLE_NONE },
};

const struct arch_tensor arch_next_layers[] = {
	{ FMT_ROLE_NEXT_PROJ, "nextn.eh_proj.weight", "eh_proj.weight", { P_MODEL, P_MODEL_TWICE } },
	{ FMT_ROLE_NEXT_EMBD_NORM, "nextn.enorm.weight", "enorm.weight", { P_MODEL } },
	{ FMT_ROLE_NEXT_HIDDEN_NORM, "nextn.hnorm.weight", "hnorm.weight", { P_MODEL } },
	{ FMT_ROLE_NEXT_HEAD_NORM, "nextn.shared_head_norm.weight", "shared_head.norm.weight", { P_MODEL } },
	{ FMT_ROLE_NEXT_EMBD, "nextn.embed_tokens.weight", "embed_tokens.weight", { P_VOCAB, P_MODEL }, .may_lack = true },
	{ FMT_ROLE_NEXT_HEAD, "nextn.shared_head_head.weight", "shared_head.head.weight", { P_VOCAB, P_MODEL }, .may_lack = true },
	{ FMT_ROLE_NONE },
};
