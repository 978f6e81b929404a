/* Architectures, described once as data: config keys, tensors with both names, shapes, conditions, transforms. */
#ifndef LIBFMT_ARCH_H
#define LIBFMT_ARCH_H

#include <libfmt/model.h>

/* What a tensor is for, in every architecture. */
enum fmt_role {
	FMT_ROLE_NONE,
	FMT_ROLE_TOKEN_EMBD,     /* token_embd.weight          [vocab, model]  */
	FMT_ROLE_OUTPUT_NORM,    /* output_norm.weight         [model]         */
	FMT_ROLE_OUTPUT,         /* output.weight              [vocab, model]  */
	FMT_ROLE_OUTPUT_B,       /* output.bias                [vocab]         */
	FMT_ROLE_ROPE_FREQS,     /* rope_freqs.weight          [rope/2]        */
	FMT_ROLE_ROPE_LONG,      /* rope_factors_long.weight   [rope/2]        */
	FMT_ROLE_ROPE_SHORT,
	FMT_ROLE_ATTN_NORM,      /* blk.N.attn_norm.weight     [model]         */
	FMT_ROLE_ATTN_Q,         /* blk.N.attn_q.weight        [q, model]      */
	FMT_ROLE_ATTN_Q_B,
	FMT_ROLE_ATTN_K,         /* blk.N.attn_k.weight        [k, model]      */
	FMT_ROLE_ATTN_K_B,
	FMT_ROLE_ATTN_V,         /* blk.N.attn_v.weight        [v, model]      */
	FMT_ROLE_ATTN_V_B,
	FMT_ROLE_ATTN_OUT,       /* blk.N.attn_output.weight   [model, q]      */
	FMT_ROLE_ATTN_OUT_B,
	FMT_ROLE_FFN_NORM,       /* blk.N.ffn_norm.weight      [model]         */
	FMT_ROLE_FFN_GATE,       /* blk.N.ffn_gate.weight      [ff, model]     */
	FMT_ROLE_FFN_GATE_B,
	FMT_ROLE_FFN_UP,         /* blk.N.ffn_up.weight        [ff, model]     */
	FMT_ROLE_FFN_UP_B,
	FMT_ROLE_FFN_DOWN,       /* blk.N.ffn_down.weight      [model, ff]     */
	FMT_ROLE_FFN_DOWN_B,
	FMT_ROLE_POSITION_EMBD,  /* position_embd.weight       [context, model] */
	FMT_ROLE_OUTPUT_NORM_B,
	FMT_ROLE_ATTN_NORM_B,
	FMT_ROLE_ATTN_NORM_2,    /* blk.N.attn_norm_2.weight   [model]         */
	FMT_ROLE_ATTN_NORM_2_B,
	FMT_ROLE_ATTN_QKV,       /* blk.N.attn_qkv.weight      [q + k + v, model] */
	FMT_ROLE_ATTN_QKV_B,
	FMT_ROLE_ATTN_Q_NORM,    /* blk.N.attn_q_norm.weight   [head] or [q]   */
	FMT_ROLE_ATTN_K_NORM,
	FMT_ROLE_ATTN_Q_A,       /* blk.N.attn_q_a.weight      [latent, model] */
	FMT_ROLE_ATTN_Q_A_NORM,
	FMT_ROLE_ATTN_Q_B_PROJ,  /* blk.N.attn_q_b.weight      [q, latent]     */
	FMT_ROLE_ATTN_KV_A,      /* blk.N.attn_kv_a_mqa.weight [latent + rope, model] */
	FMT_ROLE_ATTN_KV_A_NORM,
	FMT_ROLE_ATTN_LATENT_K,  /* blk.N.attn_k_b.weight      [heads, latent, nope] */
	FMT_ROLE_ATTN_LATENT_V,  /* blk.N.attn_v_b.weight      [heads, v, latent] */
	FMT_ROLE_ATTN_POST_NORM, /* blk.N.post_attention_norm.weight [model]   */
	FMT_ROLE_FFN_NORM_B,
	FMT_ROLE_FFN_POST_NORM,  /* blk.N.post_ffw_norm.weight [model]         */
	FMT_ROLE_MOE_ROUTER,     /* blk.N.ffn_gate_inp.weight  [experts, model] */
	FMT_ROLE_MOE_ROUTER_B,   /* blk.N.ffn_gate_inp.bias    [experts]       */
	FMT_ROLE_MOE_BIAS,       /* blk.N.exp_probs_b.bias     [experts]       */
	FMT_ROLE_MOE_GATE,       /* blk.N.ffn_gate_exps.weight [experts, ff, model] */
	FMT_ROLE_MOE_UP,         /* blk.N.ffn_up_exps.weight   [experts, ff, model] */
	FMT_ROLE_MOE_DOWN,       /* blk.N.ffn_down_exps.weight [experts, model, ff] */
	FMT_ROLE_SHARED_ROUTER,  /* blk.N.ffn_gate_inp_shexp.weight [1, model] */
	FMT_ROLE_SHARED_GATE,    /* blk.N.ffn_gate_shexp.weight [ff, model]    */
	FMT_ROLE_SHARED_UP,
	FMT_ROLE_SHARED_DOWN,
	FMT_ROLE_SSM_IN,         /* blk.N.ssm_in.weight        [2 * inner, model] */
	FMT_ROLE_SSM_IN_B,
	FMT_ROLE_SSM_CONV,       /* blk.N.ssm_conv1d.weight    [inner, kernel] */
	FMT_ROLE_SSM_CONV_B,
	FMT_ROLE_SSM_X,          /* blk.N.ssm_x.weight         [rank + 2 * state, inner] */
	FMT_ROLE_SSM_DT,         /* blk.N.ssm_dt.weight        [inner, rank]   */
	FMT_ROLE_SSM_DT_B,
	FMT_ROLE_SSM_A,          /* blk.N.ssm_a                [inner, state]  */
	FMT_ROLE_SSM_D,          /* blk.N.ssm_d                [inner]         */
	FMT_ROLE_SSM_NORM,       /* blk.N.ssm_norm.weight      [inner] or [head] */
	FMT_ROLE_SSM_BA,         /* blk.N.ssm_ba.weight        [2 * heads, model] */
	FMT_ROLE_SSM_BETA,       /* blk.N.ssm_beta.weight      [heads, model]  */
	FMT_ROLE_SSM_ALPHA,
	FMT_ROLE_ATTN_GATE,      /* blk.N.attn_gate.weight     [v, model]      */
	FMT_ROLE_SSM_DT_NORM,    /* blk.N.ssm_dt_norm.weight   [rank]          */
	FMT_ROLE_SSM_B_NORM,     /* blk.N.ssm_b_norm.weight    [state]         */
	FMT_ROLE_SSM_C_NORM,
	FMT_ROLE_SSM_OUT,        /* blk.N.ssm_out.weight       [model, inner]  */
	FMT_ROLE_SSM_OUT_B,
	FMT_ROLE_ATTN_SINKS,     /* blk.N.attn_sinks.weight    [heads]         */
	FMT_ROLE_MOE_GATE_B,     /* blk.N.ffn_gate_exps.bias   [experts, ff]   */
	FMT_ROLE_MOE_UP_B,
	FMT_ROLE_MOE_DOWN_B,     /* blk.N.ffn_down_exps.bias   [experts, model] */
	FMT_ROLE_INDEX_Q,        /* blk.N.indexer.attn_q_b.weight [heads * dim, latent] */
	FMT_ROLE_INDEX_K,        /* blk.N.indexer.attn_k.weight [dim, model]   */
	FMT_ROLE_INDEX_NORM,     /* blk.N.indexer.k_norm.weight [dim]          */
	FMT_ROLE_INDEX_PROJ,     /* blk.N.indexer.proj.weight  [heads, model]  */
	FMT_ROLE_LAYER_EMBD,     /* per_layer_token_embd.weight [vocab, layers * n] */
	FMT_ROLE_LAYER_PROJ,
	FMT_ROLE_LAYER_NORM,
	FMT_ROLE_ALTUP,
	FMT_ROLE_LAUREL,
	FMT_ROLE_MOE_LATENT,     /* blk.N.ffn_latent_down.weight [latent, model] */
	FMT_ROLE_MOE_LATENT_UP,  /* blk.N.ffn_latent_up.weight [model, latent] */
	FMT_ROLE_NEXT_PROJ,      /* blk.N.nextn.eh_proj.weight [model, 2 * model]: of layers for multi-token prediction */
	FMT_ROLE_NEXT_EMBD_NORM, /* blk.N.nextn.enorm.weight   [model]         */
	FMT_ROLE_NEXT_HIDDEN_NORM,
	FMT_ROLE_NEXT_HEAD_NORM,
	FMT_ROLE_NEXT_EMBD,      /* blk.N.nextn.embed_tokens.weight [vocab, model] */
	FMT_ROLE_NEXT_HEAD,      /* blk.N.nextn.shared_head_head.weight [vocab, model] */
	FMT_ROLE_ATTN_Q_A_B,     /* blk.N.attn_q_a.bias        [latent]        */
	FMT_ROLE_ATTN_KV_A_B,    /* blk.N.attn_kv_a_mqa.bias   [latent + rope] */
	FMT_ROLE_SHARED_GATE_B,  /* blk.N.ffn_gate_shexp.bias  [ff]            */
	FMT_ROLE_SHARED_UP_B,
	FMT_ROLE_SHARED_DOWN_B,
	FMT_ROLE_MOE_LATENT_B,   /* blk.N.ffn_latent_down.bias [latent]        */
	FMT_ROLE_MOE_LATENT_UP_B,
	FMT_ROLE_COUNT
};

struct fmt_arch;

/* The description whose GGUF name is `name` ("llama"), or whose Hugging Face class is ("LlamaForCausalLM"); or NULL. */
const struct fmt_arch *fmt_arch_by_gguf(struct fmt_str name);
const struct fmt_arch *fmt_arch_by_class(struct fmt_str name);

/* Whether every model of the architecture has a tensor of that role (outside the layers; or in each that is dense, or has
 * experts, as the role wants it): its description has no other condition on it. arch may be NULL: false. */
bool fmt_arch_requires(const struct fmt_arch *arch, enum fmt_role role, bool in_layer);

#endif
