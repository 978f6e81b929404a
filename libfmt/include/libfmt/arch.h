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
	FMT_ROLE_COUNT
};

struct fmt_arch;

/* The description whose GGUF name is `name` ("llama"), or whose Hugging Face class is ("LlamaForCausalLM"); or NULL. */
const struct fmt_arch *fmt_arch_by_gguf(struct fmt_str name);
const struct fmt_arch *fmt_arch_by_class(struct fmt_str name);

#endif
